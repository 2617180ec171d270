"""Describe a database for the Manifest: all that the serving app must know, so that it inspects nothing again."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import apsw
from msgspec.structs import replace

from baked_core.manifest import Column, Database, ForeignKey, Index, Table, View
from baked_core.sql import quote
from baked_publish.figures import figured
from baked_publish.report import Report, Silent
from baked_publish.views import known

ROWIDS: Final = ("rowid", "_rowid_", "oid")
FTS: Final = frozenset({"fts3", "fts4", "fts5"})
_MODULE: Final = re.compile(r"create\s+virtual\s+table.*?\susing\s+(\w+)", re.IGNORECASE | re.DOTALL)
_CONTENT: Final = re.compile(
    r"""content\s*=\s*(?:"((?:[^"]|"")*)"|'((?:[^']|'')*)'|\[([^\]]*)\]|`([^`]*)`|(\w+))""", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A table or view as ``pragma_table_list`` and the schema name it."""

    name: str
    kind: str
    """``table``, ``virtual``, ``shadow`` or ``view``."""
    without_rowid: bool
    sql: str

    @property
    def module(self) -> str | None:
        """The module of a virtual table, in lower case."""
        found = _MODULE.match(self.sql) if self.kind == "virtual" else None
        return found[1].lower() if found else None


def describe(
    connection: apsw.Connection,
    *,
    name: str,
    file: str,
    size: int,
    sha256: str,
    hidden: Collection[str] = (),
    report: Report | None = None,
) -> Database:
    """Describe the main database of ``connection``; ``hidden`` names tables and views that pages leave out.

    Every table is counted, and its first rows looked at. A view that cannot be prepared, and a virtual table whose
    module is not there, are listed hidden and without columns, with a warning.
    """
    seen = _Schema(connection, name, frozenset(hidden), report or Silent())
    tables = {each.name: seen.table(each) for each in seen.listed.values() if each.kind != "view"}
    views = {each.name: seen.view(each) for each in seen.listed.values() if each.kind == "view"}
    return Database(name, file, size, seen.page_size, sha256, max(seen.largest.values(), default=0), tables, views)


class _Schema:
    """One connection's schema, read once."""

    def __init__(self, connection: apsw.Connection, name: str, hidden: frozenset[str], report: Report) -> None:
        self._connection, self._name, self._hidden, self._report = connection, name, hidden, report
        self.page_size: int = self._rows("pragma page_size")[0][0]
        self.listed = {each.name: each for each in self._list()}
        self._keys = {each: self._foreign_keys(each) for each in self.listed}
        self._full_text = self._find_full_text()
        self.largest = self._largest()

    def table(self, listed: Listed) -> Table:
        """Describe and count a table."""
        name, hidden = listed.name, listed.name in self._hidden or listed.kind == "shadow" or listed.module in FTS
        try:
            columns = self._columns(name)
            count = self._count(name)
        except apsw.SQLError as exc:
            self._report.warning(f"table {self._name}.{name} cannot be read and is hidden: {exc}")
            columns, count, hidden = (), 0, True
        table = Table(
            name=name,
            columns=columns,
            count=count,
            primary_keys=_primary_keys(columns),
            rowid=None if listed.without_rowid else _rowid(columns),
            indexes=self._indexes(name) if columns else (),
            foreign_keys=self._keys[name],
            incoming=self._incoming(name),
            fts_table=self._full_text.get(name.casefold()),
            virtual=listed.module,
            hidden=hidden,
            sql=listed.sql,
            largest_row=0 if any(each.generated for each in columns) else self.largest.get(name, 0),
        )
        return replace(table, columns=figured(self._connection, table))

    def view(self, listed: Listed) -> View:
        """Describe a view, with what can be known of its rows."""
        try:
            columns, hidden = self._columns(listed.name), listed.name in self._hidden
            self._rows(f"select * from {quote(listed.name)} limit 0")  # noqa: S608 - quoted
        except apsw.SQLError as exc:
            self._report.warning(f"view {self._name}.{listed.name} cannot be read and is hidden: {exc}")
            return View(listed.name, (), hidden=True, sql=listed.sql)
        view = View(listed.name, columns, hidden=hidden, sql=listed.sql)
        return known(self._connection, view, self.listed)

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()

    def _list(self) -> Iterator[Listed]:
        sql = dict(self._rows("select name, sql from sqlite_schema where type in ('table', 'view')"))
        found = "select name, type, wr from pragma_table_list where schema = 'main' order by name"
        for name, kind, without_rowid in self._rows(found):
            if not name.casefold().startswith("sqlite_"):
                yield Listed(name, kind, bool(without_rowid), sql.get(name) or "")

    def _columns(self, name: str) -> tuple[Column, ...]:
        found = "select name, type, [notnull], dflt_value, pk, hidden from pragma_table_xinfo(?, 'main')"
        return tuple(
            Column(column, kind, bool(notnull), default, pk, hidden > 1)
            for column, kind, notnull, default, pk, hidden in self._rows(found, name)
            if hidden != 1  # a virtual table's own, not data
        )

    def _largest(self) -> Mapping[str, int]:
        """Return the bytes of the largest row of each table and index.

        They come from the headers of cells, 8 times as fast as from values.
        """
        return dict(self._rows("select name, coalesce(mx_payload, 0) from dbstat('main', 1)"))

    def _count(self, name: str) -> int:
        return int(self._rows(f"select count(*) from {quote(name)}")[0][0])  # noqa: S608 - quoted

    def _indexes(self, name: str) -> tuple[Index, ...]:
        found = "select name, [unique], partial, origin from pragma_index_list(?, 'main') order by name"
        return tuple(
            Index(index, self._index_columns(index), bool(unique), bool(partial), origin)
            for index, unique, partial, origin in self._rows(found, name)
        )

    def _index_columns(self, index: str) -> tuple[str, ...]:
        rows = self._rows("select name from pragma_index_info(?, 'main') order by seqno", index)
        return tuple(name or "" for (name,) in rows)

    def _foreign_keys(self, name: str) -> tuple[ForeignKey, ...]:
        found = "select id, [table], [from], [to] from pragma_foreign_key_list(?, 'main') order by id, seq"
        grouped: dict[int, list[tuple[str, str, str | None]]] = {}
        for number, *rest in self._rows(found, name):
            grouped.setdefault(number, []).append((rest[0], rest[1], rest[2]))
        return tuple(sorted(map(self._foreign_key, grouped.values()), key=lambda key: (key.columns, key.other_table)))

    def _foreign_key(self, parts: list[tuple[str, str, str | None]]) -> ForeignKey:
        other = self._real_name(parts[0][0])
        columns = tuple(column for _, column, _ in parts)
        theirs = tuple(to for _, _, to in parts if to is not None)
        return ForeignKey(columns, other, theirs or self._implied(other, len(columns)))

    def _real_name(self, name: str) -> str:
        """Return the table's own spelling: references may be written in another case."""
        spelled = {each.casefold(): each for each in self.listed}
        return spelled.get(name.casefold(), name)

    def _implied(self, other: str, count: int) -> tuple[str, ...]:
        """Return the primary key that a reference without columns means."""
        keys = _primary_keys(self._columns(other)) if other in self.listed else ()
        return keys if len(keys) == count else ("rowid",) * count

    def _incoming(self, name: str) -> tuple[ForeignKey, ...]:
        return tuple(
            ForeignKey(key.other_columns, other, key.columns)
            for other, keys in sorted(self._keys.items())
            for key in keys
            if key.other_table == name
        )

    def _find_full_text(self) -> Mapping[str, str]:
        """Return the full-text table of each content table, by its folded name."""
        found: dict[str, str] = {}
        for each in self.listed.values():
            content = _CONTENT.search(each.sql) if each.module in FTS else None
            if content:
                name = next((group for group in content.groups() if group), "")
                found.setdefault(name.replace('""', '"').replace("''", "'").casefold(), each.name)
        return found


def _primary_keys(columns: tuple[Column, ...]) -> tuple[str, ...]:
    keyed = sorted((column for column in columns if column.primary_key), key=lambda column: column.primary_key)
    return tuple(column.name for column in keyed)


def _rowid(columns: tuple[Column, ...]) -> str | None:
    taken = {column.name.casefold() for column in columns}
    return next((name for name in ROWIDS if name not in taken), None)
