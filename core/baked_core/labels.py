"""Labels: the words that stand for a foreign key's value, read from the row that it names."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from baked_core.args import Args
from baked_core.errors import BadRequest, nearest
from baked_core.manifest import Database, ForeignKey, Table, View
from baked_core.metadata import Metadata
from baked_core.sql import quote

FEW: Final = 500
"""Rows of a table that may be read through for each label, where no index leads to the one."""

_NAMES: Final = ("name", "title", "label")


class Expandable(Struct, frozen=True):
    """A column whose values can be shown with labels."""

    key: ForeignKey
    label: str
    """The column of the other table that holds the words."""

    @property
    def column(self) -> str:
        """The column that holds the reference."""
        return self.key.columns[0]

    def sql(self, table: str) -> str:
        """Return the SQL that reads the label of a row of ``table``."""
        inner = "_label" if table != "_label" else "_words"
        words, theirs = f"{inner}.{quote(self.label)}", f"{inner}.{quote(self.key.other_columns[0])}"
        ours = f"{quote(table)}.{quote(self.column)}"
        return f"(select {words} from {quote(self.key.other_table)} as {inner} where {theirs} = {ours} limit 1)"  # noqa: S608 - quoted


def expandable(database: Database, relation: Table | View, tables: Metadata) -> tuple[Expandable, ...]:
    """Return the columns of ``relation`` that have labels; ``tables`` is what metadata says of each table."""
    return tuple(_expandable(database, relation, tables)) if isinstance(relation, Table) else ()


def _expandable(database: Database, table: Table, tables: Metadata) -> Iterator[Expandable]:
    seen = set[str]()
    for key in table.foreign_keys:
        other = database.tables.get(key.other_table)
        if len(key.columns) != 1 or key.columns[0] in seen or other is None or not _quick(other, key.other_columns[0]):
            continue
        label = label_of(other, tables.get(other.name) or {})
        if label is not None:
            seen.add(key.columns[0])
            yield Expandable(key, label)


def label_of(table: Table, said: Metadata) -> str | None:
    """Return the column whose value names a row: told by metadata, called ``name`` or the like, or the only other."""
    told: Any = said.get("label_column")
    names = [column.name for column in table.columns]
    if told:
        return str(told) if told in names else None
    for wanted in _NAMES:
        for name in names:
            if name.lower() == wanted:
                return name
    others = [name for name in names if name not in table.primary_keys]
    return others[0] if len(names) == 2 and len(others) == 1 else None  # noqa: PLR2004 - a key and what it stands for


def parse(args: Args, known: tuple[Expandable, ...], *, default: bool) -> tuple[Expandable, ...]:
    """Return the columns that ``_labels`` or ``_label`` asks to expand; raise BadRequest for one that has none."""
    wanted = args.all("_label")
    columns = {each.column: each for each in known}
    for name in wanted:
        if name not in columns:
            raise BadRequest("column {name!r} has no labels", name=name, near=nearest(name, columns))
    if wanted and not args.get("_labels"):
        return tuple(columns[name] for name in dict.fromkeys(wanted))
    return known if args.flag("_labels", default=default) else ()


def select(chosen: tuple[Expandable, ...], table: str, shown: tuple[str, ...]) -> Mapping[str, str]:
    """Return the SQL of the label of each column that is chosen and shown."""
    return {each.column: each.sql(table) for each in chosen if each.column in shown}


def _quick(table: Table, column: str) -> bool:
    if table.primary_keys[:1] == (column,) or column == table.rowid or table.count <= FEW:
        return True
    return any(index.columns[:1] == (column,) and not index.partial for index in table.indexes)
