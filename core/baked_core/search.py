"""Full-text search: ``_search`` of a URL, turned into SQL over the full-text table of the bake."""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from baked_core.args import Args
from baked_core.errors import BadRequest, nearest
from baked_core.manifest import Column, Database, Table, View
from baked_core.metadata import Metadata
from baked_core.sql import Clause, quote

MODULES: Final = frozenset(("fts3", "fts4", "fts5"))
PREFIX: Final = "_search_"
ARGUMENTS: Final = frozenset(("_search", "_searchmode", "_fts_table", "_fts_pk"))

_MODES: Final = ("escaped", "raw")
_PHRASES: Final = re.compile(r'"([^"]*)"|([^\s"]+)').findall


class Index(Struct, frozen=True):
    """The full-text table of a table or view, and the column of that one which holds its rowids."""

    table: Table
    key: str


class Search(Struct, frozen=True):
    """One search: in all columns of an index, or in one."""

    index: Index
    column: str
    """Empty for all."""
    text: str
    raw: bool
    """Whether the text is a query in the language of SQLite's full-text search."""

    @property
    def argument(self) -> tuple[str, str]:
        """The name and value that stand for it in a URL."""
        return (PREFIX + self.column if self.column else "_search", self.text)

    @property
    def clause(self) -> Clause:
        """The search as a condition."""
        table = quote(self.index.table.name)
        within = quote(self.column or self.index.table.name)
        text = self.text if self.raw else escape(self.text)
        found = f"select rowid from {table} where {within} match ?"  # noqa: S608 - names are quoted
        return Clause(f"{quote(self.index.key)} in ({found})", (text,))


def escape(text: str) -> str:
    """Return ``text`` as a query for its words and quoted phrases; raise BadRequest if it holds none."""
    words = [phrase or word for phrase, word in _PHRASES(text)]
    found = [word for word in words if any(map(str.isalnum, word))]
    if not found:
        raise BadRequest("_search={text!r} holds no word to search for", text=text)
    return " ".join(f'"{word}"' for word in found)


def parse(
    args: Args, database: Database, relation: Table | View, known: Mapping[str, Column], said: Metadata
) -> tuple[Search, ...]:
    """Read the searches of a URL; raise BadRequest for a column, mode or table that cannot be searched."""
    asked = [(name, value) for name, value in args.pairs if value and is_search(name, known)]
    if not (asked or args.has("_fts_table", "_fts_pk", "_searchmode")):
        return ()
    index, mode = index_of(args, database, relation, known, said), _mode(args, said)
    if not asked:
        return ()
    if index is None:
        raise BadRequest(
            "{name!r} has no full-text index to search: filter it with COLUMN__contains={text}",
            name=relation.name,
            text=asked[0][1],
        )
    return tuple(Search(index, _column(name, index), value, mode == "raw") for name, value in asked)


def is_search(name: str, known: Mapping[str, Column]) -> bool:
    """Tell whether an argument is a search and not a filter by a column with such a name."""
    return name == "_search" or (name.startswith(PREFIX) and name not in known and "__" not in name[1:])


def index_of(
    args: Args, database: Database, relation: Table | View, known: Mapping[str, Column], said: Metadata
) -> Index | None:
    """Return the index that the URL names, else the metadata, else the one that the bake found; None without one."""
    name = args.get("_fts_table") or str(said.get("fts_table") or "") or _found(relation)
    rowid = relation.rowid if isinstance(relation, Table) else None
    key = args.get("_fts_pk") or str(said.get("fts_pk") or "") or rowid
    told = name is not None or args.has("_fts_pk")  # what metadata says of no index at all does no harm
    if told and key is not None and key not in known and key != rowid:
        raise BadRequest(
            "_fts_pk={key!r} is no column of {name!r}", key=key, name=relation.name, near=nearest(key, known)
        )
    if name is None or key is None:
        return None
    table = database.tables.get(name)
    if table is None or table.virtual not in MODULES:
        tables = [each.name for each in database.tables.values() if each.virtual in MODULES]
        raise BadRequest("{name!r} is no full-text table", name=name, near=nearest(name, tables))
    return Index(table, key)


def _found(relation: Table | View) -> str | None:
    if isinstance(relation, View):
        return None
    return relation.name if relation.virtual in MODULES else relation.fts_table


def _column(name: str, index: Index) -> str:
    column = name.removeprefix(PREFIX) if name.startswith(PREFIX) else ""
    known = [each.name for each in index.table.columns]
    if column and column not in known:
        raise BadRequest(
            "{column!r} is not among the columns that can be searched", column=column, near=nearest(column, known)
        )
    return column


def _mode(args: Args, said: Metadata) -> str:
    mode = args.get("_searchmode") or str(said.get("searchmode") or "escaped")
    if mode not in _MODES:
        raise BadRequest("_searchmode cannot be {mode!r}; it is escaped or raw", mode=mode, near=nearest(mode, _MODES))
    return mode
