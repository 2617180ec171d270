"""A handle on a database: one that can only read, whatever is asked of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote as percent_encode

import apsw

from baked_core.errors import ManifestError
from baked_core.source import Source
from baked_core.sql import quote

Sqlite = Any
"""An ``apsw.Connection``; its stubs speak of Python 3.12's Buffer, which 3.11 does not know."""

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
