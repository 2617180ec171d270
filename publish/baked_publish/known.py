"""Known files: what the last bake found in a file that nobody has written to since.

Hashing, checking and counting a gigabyte takes seconds; a night on which nothing changed should take none. A file is
taken for unchanged while its inode, size, time of writing and time of change of its inode (which no program can set)
are the same, and only if both times lay well in the past when it was read: a clock's tick may hide a second write.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import apsw

from baked_core.errors import ManifestError
from baked_core.manifest import Database, Manifest, canonical
from baked_publish.notes import Notes
from baked_publish.report import Report

SETTLED: Final = 2_000_000_000
"""Nanoseconds since the last write after which a file's times tell of the next one; coarse for any file system."""
NOTES: Final = Notes("known")
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
    said = NOTES.recall(state.key)
    if said is None:
        return None
    try:
        (found,) = Manifest.from_json(said).databases.values()
    except (ValueError, ManifestError):
        return None
    return found


def remember(state: State | None, found: Database, report: Report) -> None:
    """Keep what was found in a file of this state; where that is impossible, the next bake looks again."""
    if state is None:
        return
    if why := NOTES.remember(state.key, Manifest("", {found.name: found}).to_json()):
        report.detail(f"{found.name} will be read again by the next bake: {why}")
