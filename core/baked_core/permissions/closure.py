"""The closure of what is private: the views, search indexes and columns that hold or show it in another place."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from baked_core.manifest import Column, Database, Table, View
from baked_core.permissions import unseen
from baked_core.permissions.policy import Policy, folded
from baked_core.sql import quote

Reads = frozenset[tuple[str, str]]
"""Tables and columns that a statement reads, in lower case, those behind a view included."""

_SHADOWS: Final = (
    *("data", "idx", "content", "docsize", "config", "segments", "segdir", "stat"),
    *("node", "rowid", "parent"),
)
"""What the names of the tables end with in which full-text search and R-trees keep their data."""

_PART: Final = re.compile(r""" '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | \[[^\]]*\] | [(),] """, re.VERBOSE)
_CONTENT: Final = re.compile(r"\bcontent\s*=\s*(?!''|\"\")\S", re.IGNORECASE).search
_GENERATED: Final = re.compile(r"\bas\s*\(", re.IGNORECASE).search


class Closure:
    """What leads where in one database."""

    def __init__(
        self, database: Database, columns: Mapping[str, Iterable[str]], reads: Mapping[str, Reads | None]
    ) -> None:
        """Take the columns that nobody may read, by table, and what each view reads: None if it cannot be told."""
        self._database = database
        self._reads = {folded(name): found for name, found in reads.items()}
        self._views = {folded(name): view.sql for name, view in database.views.items()}
        tables = {folded(name): table for name, table in database.tables.items()}
        self._virtual = {name: table for name, table in tables.items() if table.virtual is not None}
        told = {folded(name): frozenset(map(folded, names)) for name, names in columns.items()}
        self.columns = {name: names | _computed(tables.get(name), names) for name, names in told.items()}

    def policy(self, denied: Iterable[str]) -> Policy:
        """Return what nobody may read to whom the tables and views in ``denied`` are closed."""
        found = set(map(folded, denied))
        while new := {name for name in self._names() if name not in found and self._leaks(name, found)}:
            found |= new
        return Policy(frozenset(found), self.columns)

    @staticmethod
    def shows(sql: str, reads: Reads | None, policy: Policy) -> bool:
        """Tell whether a statement that reads so much shows anything that ``policy`` holds back."""
        if reads is None:
            return bool(policy)
        if unseen.compares(sql) and any(mentions(sql, name) for name in (*policy.hidden, *policy.columns)):
            return True
        return any(policy.hides(table, column) for table, column in reads)

    def _names(self) -> Iterator[str]:
        yield from map(folded, self._database.tables)
        yield from self._reads

    def _leaks(self, name: str, found: set[str]) -> bool:
        if name in self._reads:
            own = Policy(frozenset(found), self.columns)
            return self.shows(self._views.get(name, ""), self._reads[name], own)
        if any(name == f"{base}_{end}" for base in found & self._virtual.keys() for end in _SHADOWS):
            return True
        table = self._virtual.get(name)
        return table is not None and self._copies(table, found)

    def _copies(self, table: Table, found: set[str]) -> bool:
        """Tell whether a virtual table was made of something private: its definition names it, or its name does."""
        own = folded(table.name)
        if any(own.startswith(f"{name}_fts") or mentions(table.sql, name) for name in found):
            return True
        names = {folded(column.name) for column in table.columns}
        return any(
            names & hidden and (mentions(table.sql, other) or not _CONTENT(table.sql))
            for other, hidden in self.columns.items()
            if other != own
        )


def mentions(sql: str, name: str) -> bool:
    """Tell whether ``name`` stands in ``sql`` as a word, quoted or not."""
    spelled = "|".join(re.escape(each) for each in {name, name.replace('"', '""'), name.replace("'", "''")})
    return re.search(rf"(?<!\w)(?:{spelled})(?!\w)", sql, re.IGNORECASE) is not None


def told(relation: Table | View, policy: Policy) -> str:
    """Return the SQL that made a table or view, with nothing in it that ``policy`` holds back."""
    own = policy.columns.get(folded(relation.name), frozenset())
    others = (name for table, names in policy.columns.items() if mentions(relation.sql, table) for name in names)
    if not any(mentions(relation.sql, name) for name in (*policy.hidden, *own, *others)):
        return relation.sql
    if isinstance(relation, View) or relation.virtual is not None:
        return ""
    lines = [f"  {_column(each)}" for each in relation.columns if not policy.hides(relation.name, each.name)]
    return f"CREATE TABLE {quote(relation.name)} (\n" + ",\n".join(lines) + "\n)"


def _column(column: Column) -> str:
    words = [quote(column.name), column.type, "NOT NULL" if column.notnull else ""]
    return " ".join(filter(None, words))


def _computed(table: Table | None, hidden: frozenset[str]) -> frozenset[str]:
    """Return the generated columns that are computed from hidden ones, or from such columns."""
    if table is None:
        return frozenset()
    made = {folded(column.name) for column in table.columns if column.generated}
    definitions = {name: text for name, text in _definitions(table.sql) if name in made}
    found = set(hidden)
    while new := {
        name
        for name in made - found
        if name not in definitions or any(mentions(definitions[name], each) for each in found)
    }:
        found |= new
    return frozenset(found)


def _definitions(sql: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each generated column that CREATE TABLE defines, and what it is computed from."""
    for part in _parts(sql):
        words = part.split(None, 1)
        name = _first(part)
        if len(words) == 2 and name and (found := _GENERATED(part)):  # noqa: PLR2004 - a name and the rest
            yield folded(name), part[found.end() :]


def _parts(sql: str) -> Iterator[str]:
    """Cut CREATE TABLE at the commas between its columns."""
    depth, start = 0, 0
    for found in _PART.finditer(sql):
        sign = found[0]
        if sign == "(":
            depth += 1
            start = found.end() if depth == 1 else start
        elif sign == ")" or (sign == "," and depth == 1):
            if depth == 1:
                yield sql[start : found.start()].strip()
                start = found.end()
            depth -= sign == ")"


def _first(part: str) -> str:
    """Return the name that a column's definition begins with."""
    found = re.match(r"""\s*(?:"((?:[^"]|"")*)"|`([^`]*)`|\[([^\]]*)\]|'((?:[^']|'')*)'|([^\s(]+))""", part)
    return next((group for group in found.groups() if group is not None), "").replace('""', '"') if found else ""
