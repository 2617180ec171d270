"""Known files: what the last bake found in a file that nobody has written to since.

Hashing, checking and counting a gigabyte takes seconds; a night on which nothing changed should take none. A file is
taken for unchanged while its inode, size, time of writing and time of change of its inode (which no program can set)
are the same, and only if both times lay well in the past when it was read: a clock's tick may hide a second write.
"""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import apsw

from baked_core.errors import ManifestError
from baked_core.manifest import Database, Manifest, canonical
from baked_publish.cachedir import cache_home
from baked_publish.errors import StorageError
from baked_publish.report import Report

SETTLED: Final = 2_000_000_000
"""Nanoseconds since the last write after which a file's times tell of the next one; coarse for any file system."""
MOST: Final = 1000
"""Files remembered; the oldest are forgotten first."""
KNOWLEDGE: Final = 3
"""Another number whenever the bake comes to know more of a file, so that what it knew before is asked for no longer."""


@dataclass(frozen=True, slots=True)
class State:
    """What the system says of a file, and what it was asked about it."""

    path: str
    device: int
    inode: int
    size: int
    written: int
    changed: int
    asked: Mapping[str, Any]
    """What else decides what is found, such as the database's name."""
    program: str
    """The versions that found it."""

    @property
    def key(self) -> str:
        """64 hex digits."""
        return sha256(
            canonical(dict(zip(self.__slots__, map(self.__getattribute__, self.__slots__), strict=True)))
        ).hexdigest()


def state_of(path: Path, **asked: Any) -> State | None:
    """Return the state of ``path``; None while it is too young to be told from its next state."""
    seen = path.stat()
    if time.time_ns() - max(seen.st_mtime_ns, seen.st_ctime_ns) < SETTLED:
        return None
    program = f"{version('baked-data')}.{KNOWLEDGE} {apsw.sqlite_lib_version()} {apsw.apsw_version()}"
    where = str(path.resolve())
    return State(where, seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, asked, program)


def recall(state: State | None) -> Database | None:
    """Return what was found in a file of exactly this state; None if it is not known."""
    if state is None:
        return None
    try:
        path = _folder() / state.key
        seal, _, said = path.read_bytes().partition(b" ")
        if seal.decode() != sha256(said).hexdigest():
            return None
        (found,) = Manifest.from_json(said).databases.values()
        os.utime(path)
    except (OSError, ValueError, ManifestError, StorageError):
        return None
    return found


def remember(state: State | None, found: Database, report: Report) -> None:
    """Keep what was found in a file of this state; where that is impossible, the next bake looks again."""
    if state is None:
        return
    try:
        folder = _folder()
        partial = folder / f".{state.key}.{os.getpid()}"
        said = Manifest("", {found.name: found}).to_json()
        partial.write_bytes(sha256(said).hexdigest().encode() + b" " + said)
        partial.replace(folder / state.key)
        _forget(folder)
    except (OSError, StorageError) as exc:
        report.detail(f"{found.name} will be read again by the next bake: {exc}")


def _folder() -> Path:
    folder = cache_home() / "known"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _forget(folder: Path) -> None:
    kept = sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime_ns, reverse=True)
    for each in kept[MOST:]:
        with suppress(OSError):
            each.unlink()
