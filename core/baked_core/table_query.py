"""A table page's URL, read: which columns, which rows, in which order, from where on."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from baked_core import facets, filters, keyset, labels, search, through, where
from baked_core.args import FORMAT_ARGUMENTS, Args
from baked_core.errors import BadRequest, nearest
from baked_core.facets import Facet
from baked_core.filters import Filter
from baked_core.labels import Expandable
from baked_core.manifest import Column, Database, Table, View
from baked_core.metadata import Metadata
from baked_core.search import Search
from baked_core.settings import Settings
from baked_core.sql import Clause, Select, Term, affinity, after, bound, quote
from baked_core.through import Through
from baked_core.values import Row, Value, weight

FEW: Final = 200
"""Rows of a page up to which it can be quick."""
KNOWN: Final = 2000
"""Tables and views of which is remembered what their definition says."""
ARGUMENTS: Final = (
    FORMAT_ARGUMENTS
    | search.ARGUMENTS
    | frozenset(facets.KINDS.values())
    | {
        *("_size", "_next", "_sort", "_sort_desc", "_col", "_nocol", "_where", "_through", "_labels", "_label"),
        *("_facet_size", "_nofacet", "_nosuggest", "_nocount", "_stream", "_blob_column", "_blob_hash"),
    }
)


class TableQuery(Struct, frozen=True):
    """What a table page's URL asks for."""

    select: Select
    """Limited to one row more than a page holds.

    Its columns are those that are shown, then those that only the order needs.
    """
    columns: tuple[str, ...]
    """Those that are shown."""
    filters: tuple[Filter, ...]
    searches: tuple[Search, ...]
    through: tuple[Through, ...]
    wheres: tuple[str, ...]
    """Conditions that a stranger wrote."""
    facets: tuple[Facet, ...]
    facet_size: int
    expandable: tuple[Expandable, ...]
    sort: Term | None
    size: int
    scope: str
    """What a token of the next page is good for."""
    keyed: bool
    virtual: bool

    @property
    def narrowed(self) -> bool:
        """Whether anything but all rows is asked for."""
        return bool(self.select.where)

    @property
    def quick(self) -> bool:
        """Whether a page is a few rows that follow each other in the order of a key, as they are."""
        plain = not (self.select.where or self.sort)
        return plain and self.keyed and not self.virtual and self.size <= FEW

    def page(self, place: keyset.After | keyset.Offset | None) -> Clause:
        """Return the statement for the rows from ``place`` on, one more than the page holds."""
        match place:
            case keyset.After(values):
                where = (*self.select.where, after(self.select.order, values))
                return replace(self.select, where=where).page()
            case keyset.Offset(rows):
                return replace(self.select, offset=rows).page()
            case None:
                return self.select.page()

    def all(self) -> Clause:
        """Return the statement for all rows, of the shown columns only, labels beside them."""
        return replace(self.select, columns=self.columns, limit=None, beside=True).page()

    def lookup(self, key: Mapping[str, Value]) -> Clause:
        """Return the statement that reads the order's values of the row with ``key``."""
        columns = tuple(term.column for term in self.select.order)
        marks = [(name, bound(value)) for name, value in key.items()]
        where = tuple(Clause(f"{quote(name)} = {mark.sql}", mark.params) for name, mark in marks)
        return Select(self.select.table, columns, where).page()

    def place_after(self, row: Row, rows_before: int, key: Sequence[str]) -> keyset.Place:
        """Return the place of the page that begins after ``row``, the last of ``rows_before`` rows.

        ``key`` are the columns that find the row again.
        """
        if not self.keyed:
            return keyset.Offset(rows_before)
        by_name = dict(zip(self.select.columns, row, strict=False))  # labels come after the columns
        values = tuple(by_name[term.column] for term in self.select.order)
        if key and len(values) > len(key) and weight(values) > keyset.LONG:
            return keyset.AfterKey(tuple(by_name[name] for name in key))
        return keyset.After(values)


class Asked(Struct, frozen=True):
    """A table page's URL beside all that gives it a meaning."""

    args: Args
    database: Database
    relation: Table | View
    tables: Metadata
    """What metadata says of each table of the database."""
    settings: Settings
    format: str
    allow_sql: bool
    """Whether whoever asks may write SQL."""

    @property
    def said(self) -> Metadata:
        """What metadata says of this one."""
        return self.tables.get(self.relation.name) or {}


def parse(asked: Asked) -> TableQuery:
    """Read the arguments of a table page; raise BadRequest for any that means nothing here."""
    args, relation, said = asked.args, asked.relation, asked.said
    known = columns_of(relation)
    sort = _sort(args, known, said)
    order = keyset.order(relation, sort)
    found = tuple([_filter(name, value, known) for name, value in args.pairs if _is_filter(name, known)])
    searches = search.parse(args, asked.database, relation, known, said)
    others = through.parse(args, asked.database, relation)
    wheres = where.parse(args, allow_sql=asked.allow_sql)
    shown = _shown(args, relation, known)
    conditions = [
        *(each.clause for each in found),
        *(each.clause for each in searches),
        *(each.clause for each in others),
        *map(where.clause, wheres),
    ]
    expandable, words = _labels(asked, shown)
    extra = tuple(dict.fromkeys(term.column for term in order if term.column not in shown))
    size = _size(args, said, asked.settings)
    return TableQuery(
        select=Select(relation.name, shown + extra, tuple(conditions), order, limit=size + 1, labels=words),
        columns=shown,
        filters=found,
        searches=searches,
        through=others,
        wheres=wheres,
        facets=facets.parse(args, known, said, asked.settings),
        facet_size=facets.size(args, said, asked.settings),
        expandable=expandable,
        sort=sort,
        size=size,
        scope=f"{asked.database.name}/{relation.name}/{order}",
        keyed=bool(keyset.key(relation)),
        virtual=isinstance(relation, Table) and relation.virtual is not None,
    )


def _labels(asked: Asked, shown: tuple[str, ...]) -> tuple[tuple[Expandable, ...], Mapping[str, str]]:
    """Return the columns that have labels, and the SQL of those that are wanted; JSON pays only for what it asked."""
    html = asked.format == "html"
    if not (html or asked.args.has("_labels", "_label", "_extra", "_facet")):
        return (), {}
    known = labels.expandable(asked.database, asked.relation, asked.tables)
    return known, labels.select(labels.parse(asked.args, known, default=html), asked.relation.name, shown)


def _is_filter(name: str, known: Mapping[str, Column]) -> bool:
    return name not in ARGUMENTS and not search.is_search(name, known)


@lru_cache(KNOWN)
def columns_of(relation: Table | View) -> Mapping[str, Column]:
    """Return the columns that can be shown and filtered by; a table without a primary key shows its rowid."""
    columns = {column.name: column for column in relation.columns}
    if isinstance(relation, Table) and relation.rowid is not None and not relation.primary_keys:
        return {relation.rowid: Column(relation.rowid, "INTEGER"), **columns}
    return columns


@lru_cache(KNOWN)
def key_of(relation: Table | View) -> tuple[str, ...]:
    """Return the columns that lead to a row's page: the primary key or the rowid."""
    if isinstance(relation, View):
        return ()
    return relation.primary_keys or ((relation.rowid,) if relation.rowid is not None else ())


@lru_cache(KNOWN)
def untyped_key(relation: Table | View) -> tuple[bool, ...]:
    """Tell of each column of ``key_of`` whether the number 5 and the text ``5`` are two values in it."""
    known = columns_of(relation)
    return tuple(affinity(known[name].type) == "BLOB" for name in key_of(relation))


def _filter(name: str, value: str, known: Mapping[str, Column]) -> Filter:
    if name.startswith("_") and name not in known and "__" not in name[1:]:
        raise BadRequest("there is no argument {name!r} here", name=name, near=nearest(name, [*ARGUMENTS, *known]))
    return filters.parse(name, value, known)


def _shown(args: Args, relation: Table | View, known: Mapping[str, Column]) -> tuple[str, ...]:
    wanted, unwanted = args.all("_col"), args.all("_nocol")
    for name in (*wanted, *unwanted):
        _check(name, known)
    key = key_of(relation)
    for name in unwanted:
        if name in key:
            raise BadRequest(
                "_nocol cannot leave out {name!r}: it belongs to the key that leads to each row", name=name
            )
    asked = dict.fromkeys((*key, *wanted)) if wanted else known
    shown = tuple(name for name in asked if name in key or name not in unwanted)
    if not shown:
        raise BadRequest("_nocol leaves out every column: leave one of them")
    return shown


def _sort(args: Args, known: Mapping[str, Column], metadata: Metadata) -> Term | None:
    up, down = args.get("_sort"), args.get("_sort_desc")
    if up and down:
        raise BadRequest("_sort and _sort_desc cannot be given together: leave one out")
    if up or down:
        _check_sortable(up or down, known, metadata)
    else:
        up, down = str(metadata.get("sort") or ""), str(metadata.get("sort_desc") or "")
    if not (up or down):
        return None
    _check(up or down, known)
    return Term(up or down, descending=not up)


def sortable(known: Mapping[str, Column], said: Metadata) -> frozenset[str]:
    """Return the columns by which a visitor may sort: all, unless metadata lists them."""
    told: Sequence[str] | None = said.get("sortable_columns")
    return frozenset(known if told is None else told)


def _check_sortable(name: str, known: Mapping[str, Column], said: Metadata) -> None:
    _check(name, known)
    if name not in (allowed := sortable(known, said)):
        names = ", ".join(each for each in known if each in allowed)
        if not names:
            raise BadRequest("rows cannot be sorted by {name!r} here", name=name)
        raise BadRequest("rows cannot be sorted by {name!r} here, but by {names}", name=name, names=names)


def _check(name: str, known: Mapping[str, Column]) -> None:
    if name not in known:
        raise BadRequest("there is no column {name!r}", name=name, near=nearest(name, known))


def _size(args: Args, metadata: Metadata, settings: Settings) -> int:
    most = settings.max_returned_rows
    if args.get("_size") == "max":
        return most
    size = args.number("_size")
    if size is None:
        return min(int(metadata.get("size") or settings.default_page_size), most)
    if size > most:
        raise BadRequest(
            "_size cannot be {size}: {most} rows are the most a page holds; follow next_url for more",
            size=size,
            most=most,
        )
    return size
