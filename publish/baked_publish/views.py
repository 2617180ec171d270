"""Views: what a bake can know of the rows of a view, which its pages then need not find out again."""

from collections.abc import Collection, Generator
from contextlib import contextmanager
from typing import Final

import apsw
from msgspec.structs import replace

from baked_core.manifest import Column, Figures, View
from baked_core.sql import quote
from baked_publish.figures import figured

MOST: Final = 20_000_000
"""SQLite instructions, a third of a second of them, after which a view is too much to be counted. No clock decides."""
STEP: Final = 10_000
"""Instructions between two looks at how many there were."""

_CLOCK: Final = ("current_date", "current_time", "current_timestamp", "date", "datetime", "julianday", "strftime")
_PLACE: Final = (
    *("changes", "total_changes", "last_insert_rowid", "sqlite_version", "sqlite_source_id", "sqlite_offset"),
    *("sqlite_compileoption_get", "sqlite_compileoption_used"),
)
_UNSTEADY: Final = frozenset((*_CLOCK, "time", "timediff", "unixepoch", "random", "randomblob", *_PLACE))
"""Functions whose values are others tomorrow, or elsewhere; dates of columns as well, for a column may say 'now'."""
_STEADY: Final = frozenset(("sqlite_schema", "sqlite_master", "json_each", "json_tree"))
"""What may be read beside the tables of the file."""


def known(connection: apsw.Connection, view: View, listed: Collection[str]) -> View:
    """Return ``view`` with its count and the figures of its columns.

    What is too much work is left out: a count, or any facet to suggest. A view that may have other rows when it is
    asked again stays as it is.
    """
    if not _is_steady(connection, view, listed):
        return view
    return replace(view, columns=_figured(connection, view), count=_count(connection, view))


def _figured(connection: apsw.Connection, view: View) -> tuple[Column, ...]:
    try:
        with _no_more_than(connection, MOST):
            return figured(connection, view)
    except apsw.InterruptError:
        return tuple(replace(column, figures=Figures()) for column in view.columns)
    except apsw.Error:  # such as a value that is larger than SQLite takes: a page says why
        return view.columns


def _count(connection: apsw.Connection, view: View) -> int | None:
    try:
        with _no_more_than(connection, MOST):
            return int(connection.execute(f"select count(*) from {quote(view.name)}").get)  # noqa: S608 - quoted
    except apsw.Error:
        return None


def _is_steady(connection: apsw.Connection, view: View, listed: Collection[str]) -> bool:
    """Tell whether a view has the same rows whenever it is asked: SQLite says what it calls and reads."""
    names = {name.casefold() for name in listed} | _STEADY
    steady = True

    def note(action: int, one: str | None, two: str | None, _database: str | None, _by: str | None) -> int:
        nonlocal steady
        if action == apsw.SQLITE_FUNCTION:
            steady = steady and (two or "").casefold() not in _UNSTEADY
        elif action == apsw.SQLITE_READ:
            steady = steady and (one or "").casefold() in names
        return apsw.SQLITE_OK

    cursor = connection.cursor()
    cursor.exec_trace = _stop
    connection.set_authorizer(note)
    try:
        cursor.execute(f"select * from {quote(view.name)}")  # noqa: S608 - quoted
    except apsw.ExecTraceAbort:  # it is prepared, which is all that is wanted
        return steady
    finally:
        connection.set_authorizer(None)
    return False


def _stop(_cursor: object, _sql: str, _params: object) -> bool:
    """Let a statement be prepared, and no more."""
    return False


@contextmanager
def _no_more_than(connection: apsw.Connection, steps: int) -> Generator[None, None, None]:
    """Interrupt what runs after so many instructions."""
    left = steps // STEP

    def over() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    connection.set_progress_handler(over, STEP)
    try:
        yield
    finally:
        connection.set_progress_handler(None)
