"""A handle on a database: one that can only read, whatever is asked of it."""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote as percent_encode

import apsw

from baked_core import limits
from baked_core.errors import ManifestError
from baked_core.source import Source
from baked_core.sql import quote

Sqlite = Any
"""An ``apsw.Connection``; its stubs speak of Python 3.12's Buffer, which 3.11 does not know."""

_SPILL: Final = ("/var/tmp", "/usr/tmp", "/tmp", ".")  # noqa: S108 - SQLite's own list
_FLAGS = apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_NOMUTEX


def opened(source: Source, *, statements: int = 0, read_only: bool = True) -> Sqlite:
    """Open what ``source`` names and keep up to ``statements`` prepared; raise ManifestError if it is not there.

    Baked files are opened as immutable: no lock is taken and no journal looked for. Others are opened ``mode=ro``.
    """
    flags = _FLAGS | (apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE)
    mode = "ro" if read_only else "rw"
    try:
        if source.attached is None:
            uri = _uri(source.path, mode, immutable=source.immutable and read_only)
            sqlite = apsw.Connection(uri, flags=flags, statementcachesize=statements)
        else:
            sqlite = apsw.Connection(":memory:", flags=flags, statementcachesize=statements)
            _attach(sqlite, source.attached, mode, immutable=source.immutable and read_only)
    except apsw.Error as exc:
        raise ManifestError(f"database {source.name!r} cannot be opened ({exc}): publish it again") from exc
    return sqlite


@cache
def can_spill() -> bool:
    """Tell whether SQLite would find a folder for what does not fit into memory as it sorts."""
    if os.name == "nt":
        return True
    told = (os.environ.get("SQLITE_TMPDIR"), os.environ.get("TMPDIR"), *_SPILL)
    return any(each and os.access(each, os.W_OK | os.X_OK) for each in told)


def sort_in_memory(sqlite: Sqlite) -> None:
    """Let a handle sort where nothing can be written, within a bound for all handles of this process."""
    sqlite.execute("pragma temp_store = memory")
    if not apsw.hard_heap_limit(-1):
        apsw.hard_heap_limit(limits.share(limits.SORTED))


def seal(sqlite: Sqlite) -> None:
    """Take from a read-only handle the ways around: tables in the schema ``temp``, ATTACH and VACUUM INTO."""
    sqlite.execute("pragma query_only = on")
    sqlite.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)


def _attach(sqlite: Sqlite, paths: Mapping[str, str], mode: str, *, immutable: bool) -> None:
    for name, path in paths.items():
        sqlite.execute(f"attach ? as {quote(name)}", (_uri(path, mode, immutable=immutable),))


def _uri(path: str, mode: str, *, immutable: bool) -> str:
    return f"file:{percent_encode(Path(path).absolute().as_posix())}?mode={mode}" + (
        "&immutable=1" if immutable else ""
    )
