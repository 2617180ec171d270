"""What a statement would read, asked of SQLite without running it."""

from contextlib import suppress

import apsw

from baked_core.handle import Sqlite
from baked_core.permissions.policy import folded


class _Blank(dict[str, None]):
    """Fills every parameter with NULL."""

    def __missing__(self, _name: str) -> None:
        return None


def reads(sqlite: Sqlite, sql: str) -> frozenset[tuple[str, str]] | None:
    """Return each table and column that ``sql`` would read, in lower case; None if SQLite refuses it.

    What a view reads is among them, and the view; a table that is only counted has an empty column. Only for the
    publisher's SQL on a connection of the app's: the authorizer of a stranger's would be lost.
    """
    found = set[tuple[str, str]]()

    def note(action: int, one: str | None, two: str | None, _database: str | None, _by: str | None) -> int:
        if action == apsw.SQLITE_READ:
            found.add((folded(one or ""), folded(two or "")))
        return apsw.SQLITE_OK

    cursor, prepared = sqlite.cursor(), False

    def stop(_cursor: object, _sql: str, _params: object) -> bool:
        nonlocal prepared
        prepared = True
        return False

    cursor.exec_trace = stop
    sqlite.set_authorizer(note)
    try:
        with suppress(apsw.Error, ValueError, TypeError, KeyError):
            cursor.execute(sql, _Blank())
    finally:
        sqlite.set_authorizer(None)
    return frozenset(found) if prepared else None
