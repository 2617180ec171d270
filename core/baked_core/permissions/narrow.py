"""Narrowing: a database and metadata with only what one reader may see left in them."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from msgspec.structs import replace

from baked_core.manifest import Column, Database, ForeignKey, Table, View
from baked_core.metadata import Metadata
from baked_core.permissions.closure import told
from baked_core.permissions.policy import Policy, folded
from baked_core.permissions.rules import KEYS
from baked_core.permissions.sight import Sight
from baked_core.shapes import is_object

_ONE: Final = ("sort", "sort_desc", "label_column", "fts_pk")
"""Keys of a table that name a column."""
_MAPPINGS: Final = ("columns", "units", "column_types")
_LISTS: Final = ("facets", "sortable_columns")
_INHERITED: Final = frozenset(
    ("source", "source_url", "license", "license_url", "about", "about_url", "tables", "queries", "plugins")
)
"""What is left of a level whose own page may not be seen."""


def database(entry: Database, shown: Collection[str], policy: Policy) -> Database:
    """Return the entry of a database with the tables and views in ``shown`` and the columns that may be read."""
    tables = {name: _table(table, shown, policy) for name, table in entry.tables.items() if name in shown}
    views = {name: _view(view, policy) for name, view in entry.views.items() if name in shown}
    return replace(entry, tables=tables, views=views)


def _table(table: Table, shown: Collection[str], policy: Policy) -> Table:
    hidden = policy.columns.get(folded(table.name), frozenset())
    return replace(
        table,
        columns=_columns(table.columns, hidden),
        indexes=tuple(each for each in table.indexes if hidden.isdisjoint(map(folded, each.columns))),
        foreign_keys=_keys(table, table.foreign_keys, policy),
        incoming=_keys(table, table.incoming, policy),
        fts_table=table.fts_table if table.fts_table in shown else None,
        sql=told(table, policy),
    )


def _view(view: View, policy: Policy) -> View:
    """Leave out how a view is made that a block of its own opens over what is private."""
    sql = "" if policy.hides(view.name) else told(view, policy)
    return replace(view, columns=_columns(view.columns, policy.columns.get(folded(view.name), frozenset())), sql=sql)


def _columns(columns: tuple[Column, ...], hidden: Collection[str]) -> tuple[Column, ...]:
    return tuple(each for each in columns if folded(each.name) not in hidden)


def _keys(table: Table, keys: tuple[ForeignKey, ...], policy: Policy) -> tuple[ForeignKey, ...]:
    return tuple(
        key
        for key in keys
        if not policy.hides(key.other_table)
        and not any(policy.hides(key.other_table, each) for each in key.other_columns)
        and not any(policy.hides(table.name, each) for each in key.columns)
    )


def metadata(everything: Metadata, sight: Sight, policies: Mapping[str, Policy]) -> Metadata:
    """Return the metadata of what may be seen, without a word about who may see it."""
    databases: Mapping[str, Metadata | None] = everything.get("databases") or {}
    seen = {
        name: _of_database(name, said or {}, sight, policies.get(name, Policy()))
        for name, said in databases.items()
        if sight.reaches(name)
    }
    top = _plain(everything)
    if not sight.instance:
        top = {name: value for name, value in top.items() if name in _INHERITED or name.startswith("extra_")}
        top = top if seen or sight.relations else {name: top[name] for name in top if name.startswith("extra_")}
    return {**top, "databases": seen} if "databases" in everything else top


def _plain(level: Metadata) -> dict[str, Any]:
    return {name: value for name, value in level.items() if name not in KEYS}


def _of_database(name: str, said: Metadata, sight: Sight, policy: Policy) -> Metadata:
    kept = _plain(said)
    if name not in sight.databases:
        kept = {key: value for key, value in kept.items() if key in _INHERITED}
    for kind in {"tables", "queries"} & kept.keys():
        kept[kind] = dict(_TOLD[kind](name, kept[kind] or {}, sight, policy))
    return kept


def _tables(database: str, tables: Metadata, sight: Sight, policy: Policy) -> Iterator[tuple[str, Metadata]]:
    shown = {name for where, name in sight.relations if where == database}
    for name, said in tables.items():
        if name in shown:
            yield name, _of_table(_plain(said or {}), policy.columns.get(folded(name), frozenset()), shown)


def _of_table(said: dict[str, Any], hidden: Collection[str], shown: Collection[str]) -> Metadata:
    if "fts_table" in said and said["fts_table"] not in shown:
        del said["fts_table"]
    if not hidden:
        return said
    for key in _ONE:
        if folded(str(said.get(key))) in hidden:
            del said[key]
    for key in {*_MAPPINGS} & said.keys():
        mapping: Metadata = said[key] or {}
        said[key] = {name: value for name, value in mapping.items() if folded(name) not in hidden}
    for key in {*_LISTS} & said.keys():
        said[key] = [each for each in said[key] if folded(_column_of(each)) not in hidden]
    return said


def _column_of(facet: str | Mapping[str, str]) -> str:
    return facet if isinstance(facet, str) else next(iter(facet.values()))


def _queries(database: str, queries: Metadata, sight: Sight, _policy: Policy) -> Iterator[tuple[str, Any]]:
    for name, said in queries.items():
        if (database, name) in sight.opened:
            yield name, {**(_plain(said) if is_object(said) else {}), "sql": ""}
        elif (database, name) in sight.queries:
            yield name, _plain(said) if is_object(said) else said


_TOLD: Final = {"tables": _tables, "queries": _queries}
