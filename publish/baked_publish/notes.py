"""Notes: what was found out once and can be found out again, each kept in the cache under the digest of its question.

A note is sealed by the sha256 of what it says: one that was cut off or damaged is none.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Final

from baked_publish.cachedir import cache_home
from baked_publish.errors import StorageError

MOST: Final = 1000
"""Notes that a folder holds; those that were longest not asked for are forgotten first."""


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes of one kind, in a folder that is private to the user."""

    name: str
    """The folder's, in the cache."""

    def recall(self, key: str) -> bytes | None:
        """Return what the note with ``key``, 64 hex digits, says; None if there is none."""
        try:
            path = cache_home() / self.name / key
            seal, _, said = path.read_bytes().partition(b" ")
            if seal.decode() != sha256(said).hexdigest():
                return None
            os.utime(path)
        except (OSError, ValueError, StorageError):
            return None
        return said

    def remember(self, key: str, said: bytes) -> str:
        """Keep a note; return why that is impossible, or ""."""
        try:
            folder = cache_home() / self.name
            folder.mkdir(mode=0o700, exist_ok=True)
            partial = folder / f".{token_hex(8)}"
            with open(partial, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
                out.write(sha256(said).hexdigest().encode() + b" " + said)
            partial.replace(folder / key)
            _forget(folder)
        except (OSError, StorageError) as exc:
            return str(exc)
        return ""


def _forget(folder: Path) -> None:
    def age(path: Path) -> int:
        with suppress(OSError):  # another publish may have put it away just now
            return path.stat().st_mtime_ns
        return 0

    for each in sorted(folder.iterdir(), key=age, reverse=True)[MOST:]:
        with suppress(OSError):
            each.unlink()
