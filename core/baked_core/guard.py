"""A guard on a connection that runs a stranger's SQL: what it may do, and how much of anything it may use."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import apsw

from baked_core.authorizer import Authorizer, Known
from baked_core.handle import Sqlite
from baked_core.source import Source
from baked_core.sql import quote

LENGTH: Final = 1_000_000
"""Bytes of the longest value, where the database itself holds none that is half as long."""
COLUMNS: Final = 400
"""Columns of an answer, where no table has half as many: text that is not UTF-8 is read as two columns."""
OPERATIONS: Final = 250_000
"""Steps of a prepared statement: an IN with 30,000 values takes a third of them."""
_LIMITS: Final = {
    apsw.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    apsw.SQLITE_LIMIT_EXPR_DEPTH: 100,
    apsw.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    apsw.SQLITE_LIMIT_VDBE_OP: OPERATIONS,
    apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
    apsw.SQLITE_LIMIT_VARIABLE_NUMBER: 1_000,
    apsw.SQLITE_LIMIT_WORKER_THREADS: 0,
}


def functions(sqlite: Sqlite) -> frozenset[str]:
    """Return the names of all SQL functions that a connection has."""
    return frozenset(name for (name,) in sqlite.execute("select name from pragma_function_list"))


def guard(sqlite: Sqlite, source: Source, *, added: Iterable[str] = (), denied: Iterable[str] = ()) -> Authorizer:
    """Lock a new connection down and return its authorizer, armed.

    ``added`` are functions of plugins; ``denied`` are functions that could not be stopped here.
    """
    authorizer = Authorizer()
    sqlite.set_authorizer(authorizer)
    _warm(sqlite, source)
    schemas = ["main", *(source.attached or ())]
    rows = [row for schema in schemas for row in _schema(sqlite, schema)]
    modules = [str(name) for (name,) in sqlite.execute("select name from pragma_module_list")]
    used = source.virtual.values() if source.attached is None else modules
    authorizer.known = Known.of(rows, modules, used=used, added=added, denied=denied)
    return authorizer


def limit(sqlite: Sqlite, source: Source) -> None:
    """Set SQLite's own limits."""
    sqlite.execute("pragma temp_store = memory")
    sqlite.limit(apsw.SQLITE_LIMIT_LENGTH, max(LENGTH, 2 * source.largest_row))
    sqlite.limit(apsw.SQLITE_LIMIT_COLUMN, max(COLUMNS, 2 * source.widest))
    for number, value in _LIMITS.items():
        sqlite.limit(number, value)


def _warm(sqlite: Sqlite, source: Source) -> None:
    """Let virtual tables prepare their own statements, and SQLite read the time zone, while all is allowed."""
    for name in source.virtual:
        with suppress(apsw.Error):  # a module that is missing here: the table cannot be read anyway
            sqlite.execute(f"select * from {quote(name)} limit 1").fetchall()  # noqa: S608 - quoted
    sqlite.execute("select datetime('now', 'localtime')").fetchall()


def _schema(sqlite: Sqlite, name: str) -> list[tuple[str, str, str]]:
    sql = f"select type, name, tbl_name from {quote(name)}.sqlite_schema where type in ('table', 'view', 'index')"  # noqa: S608
    return [(str(kind), str(each), str(table)) for kind, each, table in sqlite.execute(sql)]
