"""Transforms: what a bake may do to a private copy, only when asked: index, full-text, leave out, vacuum.

Each is deterministic. What was left out is really gone: the copy is rebuilt with ``secure_delete`` on, so that neither
free pages nor indexes hold it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw

from baked_core.manifest import Database, Table
from baked_core.sql import quote
from baked_publish.errors import SourceError
from baked_publish.options import option
from baked_publish.report import Report
from baked_publish.snapshot import Snapshot, copy, storing
from baked_publish.suggest import nearest

_IN_VIEW: Final = re.compile(r"error in view (.*?)(?: after .*)?: ")


@dataclass(frozen=True, slots=True)
class BakeOptions:
    """How files are frozen; by default not a page of them changes."""

    index_foreign_keys: bool = option(False, "Add an index to each foreign key that has none.")
    fts: tuple[str, ...] = option((), "TABLE:COLUMN,... to search in full text; repeatable.")
    exclude: tuple[str, ...] = option((), "TABLE or view to leave out, its bytes too; repeatable.")
    exclude_column: tuple[str, ...] = option((), "TABLE.COLUMN to leave out, its bytes too; repeatable.")
    vacuum: bool = option(False, "Rebuild each file, smallest; most pages then change from night to night.")
    wait: float = option(10.0, "Seconds to wait for a locked database.")

    @property
    def changes(self) -> bool:
        """Whether any file is changed at all."""
        return bool(self.index_foreign_keys or self.fts or self.exclude or self.exclude_column or self.vacuum)


SWITCHES: Final = ("index_foreign_keys", "vacuum")
"""Options that one database may have otherwise than the rest; its lists are done beside those of all."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done to one database."""

    index_foreign_keys: bool
    fts: tuple[tuple[str, tuple[str, ...]], ...]
    exclude: tuple[str, ...]
    exclude_column: tuple[tuple[str, str], ...]
    vacuum: bool


def share_out(
    options: BakeOptions, databases: Mapping[str, Database], own: Mapping[str, Mapping[str, Any]]
) -> dict[str, Work]:
    """Give each database its part of ``options`` and what is said of it alone; a table may be ``DATABASE.TABLE``.

    Raises SourceError for a table or column that no database, or more than one, has.
    """
    wanted = _found(options, databases)
    for name, said in own.items():
        alone = BakeOptions(**{key: value for key, value in said.items() if key not in SWITCHES})
        wanted = wanted.beside(_found(alone, {name: databases[name]}))
    return {
        name: Work(
            **{each: bool(own.get(name, {}).get(each, getattr(options, each))) for each in SWITCHES},
            fts=tuple((table, words) for owner, table, words in wanted.fts if owner == name),
            exclude=tuple(table for owner, table in wanted.gone if owner == name),
            exclude_column=tuple((table, column) for owner, table, column in wanted.columns if owner == name),
        )
        for name in databases
    }


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a person wrote, found among the databases."""

    fts: list[tuple[str, str, tuple[str, ...]]]
    gone: list[tuple[str, str]]
    columns: list[tuple[str, str, str]]

    def beside(self, other: "_Wanted") -> "_Wanted":
        """Return what both want."""
        return _Wanted(self.fts + other.fts, self.gone + other.gone, self.columns + other.columns)


def _found(options: BakeOptions, databases: Mapping[str, Database]) -> _Wanted:
    finder = _Finder(databases)
    fts = [(*finder.table(text.partition(":")[0]), _words(text)) for text in options.fts]
    for name, table, words in fts:
        for word in words:
            finder.require_column(name, table, word)
    gone = [finder.table(text, or_view=True) for text in options.exclude]
    return _Wanted(fts, gone, [finder.column(text) for text in options.exclude_column])


def _words(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.partition(":")[2].split(",") if word.strip())
    if not words:
        raise SourceError(f"--fts {text!r} names no columns: write TABLE:COLUMN,COLUMN")
    return words


class _Finder:
    """Finds tables and columns by what a person wrote."""

    def __init__(self, databases: Mapping[str, Database]) -> None:
        self._databases = databases

    def table(self, text: str, *, or_view: bool = False) -> tuple[str, str]:
        """Return database and table of ``TABLE`` or ``DATABASE.TABLE``."""
        all_of_them = [*self._tables(), *(self._views() if or_view else ())]
        found = [(name, table) for name, table in all_of_them if text in {table, f"{name}.{table}"}]
        if len(found) == 1:
            return found[0]
        known = [table for _, table in all_of_them]
        if found:
            raise SourceError(f"several databases have a table {text!r}: write DATABASE.TABLE")
        raise SourceError(f"there is no table {text!r}{nearest(text, known)}")

    def column(self, text: str) -> tuple[str, str, str]:
        """Return database, table and column of ``TABLE.COLUMN`` or ``DATABASE.TABLE.COLUMN``."""
        found = [(n, t, c) for n, t, c in self._columns() if text in {f"{t}.{c}", f"{n}.{t}.{c}"}]
        if len(found) == 1:
            return found[0]
        if found:
            raise SourceError(f"several databases have a column {text!r}: write DATABASE.TABLE.COLUMN")
        known = [f"{table}.{column}" for _, table, column in self._columns()]
        raise SourceError(f"there is no column {text!r}{nearest(text, known)}: write TABLE.COLUMN")

    def require_column(self, name: str, table: str, column: str) -> None:
        """Raise SourceError unless the table has the column."""
        known = [each.name for each in self._databases[name].tables[table].columns]
        if column not in known:
            raise SourceError(f"table {name}.{table} has no column {column!r}{nearest(column, known)}")

    def _tables(self) -> Iterator[tuple[str, str]]:
        return ((name, table) for name, database in self._databases.items() for table in database.tables)

    def _views(self) -> Iterator[tuple[str, str]]:
        return ((name, view) for name, database in self._databases.items() for view in database.views)

    def _columns(self) -> Iterator[tuple[str, str, str]]:
        for name, table in self._tables():
            for column in self._databases[name].tables[table].columns:
                yield name, table, column.name


def transformed(held: Snapshot, workspace: Path, database: Database, work: Work, report: Report) -> Snapshot:
    """Return ``held`` as ``work`` wants it: itself if nothing is to be done, else a changed private copy.

    Raises SourceError where SQLite cannot leave something out, StorageError when the disk is full.
    """
    if not (work.index_foreign_keys or work.fts or work.exclude or work.exclude_column or work.vacuum):
        return held
    private = copy(held, workspace)
    private.path.chmod(0o600)
    with storing(private.path), closing(apsw.Connection(str(private.path))) as connection:
        connection.execute("pragma journal_mode=off; pragma synchronous=off; pragma foreign_keys=off").fetchall()
        connection.execute("pragma secure_delete=on; pragma temp_store=memory").fetchall()
        _leave_out(connection, database, work, report)
        _add(connection, database, work, report)
        if work.exclude or work.exclude_column or work.vacuum:
            connection.execute("vacuum")
    return private


def _leave_out(connection: apsw.Connection, database: Database, work: Work, report: Report) -> None:
    if work.exclude or work.exclude_column:
        _drop_triggers(connection)
    for name in sorted(work.exclude, key=lambda name: name not in database.views):  # views first: they need tables
        _drop(connection, database, name)
        report.info(f"left out {database.name}.{name}")
    for table, column in work.exclude_column:
        _drop_column(connection, database.tables[table], column, work)
        report.info(f"left out {database.name}.{table}.{column}")
    _require_whole(connection, database, work)


def _drop_triggers(connection: apsw.Connection) -> None:
    """Drop what would never fire in a file that is only read, and might name what is left out."""
    for (name,) in connection.execute("select name from sqlite_schema where type = 'trigger'").fetchall():
        connection.execute(f"drop trigger {quote(str(name))}")


def _drop(connection: apsw.Connection, database: Database, name: str) -> None:
    if name in database.views:
        _run(connection, f"drop view {quote(name)}", f"--exclude {name}")
        return
    for each in (database.tables[name].fts_table, name):
        if each is not None:
            _run(connection, f"drop table if exists {quote(each)}", f"--exclude {name}")


def _drop_column(connection: apsw.Connection, table: Table, column: str, work: Work) -> None:
    asked = f"--exclude-column {table.name}.{column}"
    if column in table.primary_keys:
        raise SourceError(f"{asked}: it belongs to the primary key, which must stay; exclude the table instead")
    if table.fts_table and table.fts_table not in work.exclude:
        raise SourceError(f"{asked}: the table is indexed by {table.fts_table!r}; exclude {table.fts_table} as well")
    for index in table.indexes:
        if column in index.columns and index.origin == "c":
            _run(connection, f"drop index if exists {quote(index.name)}", asked)
    _run(connection, f"alter table {quote(table.name)} drop column {quote(column)}", asked)


def _run(connection: apsw.Connection, sql: str, asked: str) -> None:
    try:
        connection.execute(sql)
    except apsw.SQLError as exc:
        view = _IN_VIEW.match(str(exc))
        if view:
            raise SourceError(f"view {view[1]!r} needs what is left out ({exc}): exclude it as well") from exc
        raise SourceError(f"{asked} is not possible: {exc}; change the database, or bake a copy without it") from exc


def _require_whole(connection: apsw.Connection, database: Database, work: Work) -> None:
    """Raise SourceError when a view that worked before names what was left out."""
    for view in database.views.values():
        if not view.columns or view.name in work.exclude:
            continue
        try:
            connection.execute(f"select * from {quote(view.name)} limit 0").fetchall()  # noqa: S608 - quoted
        except apsw.SQLError as exc:
            raise SourceError(f"view {view.name!r} needs what is left out ({exc}): exclude it as well") from exc


def _add(connection: apsw.Connection, database: Database, work: Work, report: Report) -> None:
    gone = set(work.exclude)
    for table in database.tables.values():
        if work.index_foreign_keys and table.name not in gone and not table.virtual:
            _index_foreign_keys(connection, table, report)
    for name, columns in work.fts:
        _full_text(connection, database.tables[name], columns, report)


def _index_foreign_keys(connection: apsw.Connection, table: Table, report: Report) -> None:
    have = [index.columns for index in table.indexes if not index.partial]
    for key in table.foreign_keys:
        columns = key.columns
        if columns == table.primary_keys[: len(columns)] or any(each[: len(columns)] == columns for each in have):
            continue
        name = f"idx_{table.name}_{'_'.join(columns)}"
        _run(
            connection,
            f"create index if not exists {quote(name)} on {quote(table.name)} ({', '.join(map(quote, columns))})",
            "--index-foreign-keys",
        )
        report.info(f"index {name}")


def _full_text(connection: apsw.Connection, table: Table, columns: Sequence[str], report: Report) -> None:
    name, asked = f"{table.name}_fts", f"--fts {table.name}"
    if table.fts_table:
        raise SourceError(f"{asked}: the table is indexed by {table.fts_table!r} already: leave --fts out")
    if table.rowid is None:
        raise SourceError(f"{asked}: a table WITHOUT ROWID cannot be searched by FTS5: leave --fts out")
    content = table.name.replace("'", "''")
    names = ", ".join(map(quote, columns))
    _run(connection, f"create virtual table {quote(name)} using fts5({names}, content='{content}')", asked)
    _run(connection, f"insert into {quote(name)}({quote(name)}) values ('rebuild')", asked)  # noqa: S608 - quoted
    report.info(f"full text {name}: {', '.join(columns)}")
