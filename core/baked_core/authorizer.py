"""What a stranger's SQL may do: read. Everything that is not on these lists is denied."""

from typing import Final

import apsw

PRAGMAS: Final = frozenset(
    ("table_info", "table_xinfo", "index_list", "index_info", "index_xinfo", "foreign_key_list", "function_list")
)
"""Pragmas that describe the schema."""

_INNER_PRAGMAS: Final = frozenset(("data_version", "page_size", "encoding"))
"""Pragmas that full-text search asks by itself, and we for text that is not UTF-8; allowed without an argument."""

DENIED_FUNCTIONS: Final = frozenset(
    (
        *("load_extension", "fts3_tokenizer", "sqlite_log", "changes", "total_changes", "last_insert_rowid"),
        *("geopoly_debug", "rtreecheck", "rtreedepth", "rtreenode", "fts5", "optimize"),
        *("sqlite_source_id", "fts5_source_id", "sqlite_compileoption_get", "sqlite_compileoption_used"),
    )
)
"""Functions that reach beyond the data: pointers, the log, extensions, internals."""

_DENIED_MODULES: Final = ("carray", "dbstat", "fts3tokenize", "sqlite_stat")
"""Beginnings of tables that are no data; ``sqlite_stat4`` holds values of hidden columns."""

_ALWAYS: Final = frozenset((apsw.SQLITE_SELECT, apsw.SQLITE_RECURSIVE))


class Authorizer:
    """SQLite asks it about each step of a statement before it runs."""

    def __init__(self) -> None:
        self.armed = False
        """Until then all is allowed, so that virtual tables can prepare their own statements."""

    def __call__(self, action: int, one: str | None, two: str | None, _database: str | None, _by: str | None) -> int:
        """Answer SQLITE_OK or SQLITE_DENY."""
        return apsw.SQLITE_OK if not self.armed or _allowed(action, one or "", two or "") else apsw.SQLITE_DENY


def _allowed(action: int, one: str, two: str) -> bool:
    if action in _ALWAYS:
        return True
    if action == apsw.SQLITE_READ:
        return not one.lower().startswith(_DENIED_MODULES)
    if action == apsw.SQLITE_FUNCTION:
        return two.lower() not in DENIED_FUNCTIONS
    if action == apsw.SQLITE_PRAGMA:
        return one.lower() in PRAGMAS or (one.lower() in _INNER_PRAGMAS and not two)
    return False
