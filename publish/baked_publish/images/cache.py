"""The layer cache: compressed layers by digest, found again by what went into them, so that none is made twice.

Below the cache folder lie ``layers/blobs/HEX``, the layers, and ``layers/keys/HEX.json``, what is known of each. Both
are written beside and renamed, so that two publishes at once, or a killed one, leave whole files or none.
"""

import os
import stat
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, Final, Self

import orjson

from baked_core.manifest import canonical
from baked_publish.cachedir import cache_home
from baked_publish.errors import ConfigError, StorageError

SIZE: Final = "BAKED_CACHE_SIZE"
"""The environment name of the bound, in bytes."""
DEFAULT_SIZE: Final = 10_000_000_000
ABANDONED: Final = 24 * 3600.0
"""Seconds after which a half-written file belongs to nobody."""
AT_WORK: Final = 600.0
"""Seconds since the last write within which somebody may be writing a file, so that it outlives a clear."""
PARTIAL: Final = ".partial"
"""The end of the name of a file that is being written."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a layer that was made."""

    digest: str
    """64 hex digits of the compressed layer."""
    size: int
    diff_id: str
    """64 hex digits of the tar."""

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read it; raise ValueError or TypeError if it is damaged, be it by a single bit."""
        seal, _, said = data.partition(b" ")
        if seal.decode() != sha256(said).hexdigest():
            raise ValueError(data)
        return cls(**orjson.loads(said))

    def to_json(self) -> bytes:
        """Return it as JSON, after the sha256 of it."""
        said = canonical(asdict(self))
        return sha256(said).hexdigest().encode() + b" " + said


@dataclass(frozen=True, slots=True)
class Contents:
    """What the cache holds."""

    folder: Path
    layers: int
    size: int
    """Bytes."""
    bound: int


class LayerCache:
    """Layers on this disk; safe to be used by threads and by processes side by side."""

    def __init__(self, folder: Path | None = None, bound: int | None = None) -> None:
        self.folder = folder or cache_home() / "layers"
        self.bound = _bound() if bound is None else bound
        self._blobs, self._keys = self.folder / "blobs", self.folder / "keys"
        with self._told():
            for each in (self.folder, self._blobs, self._keys):
                each.mkdir(mode=0o700, parents=True, exist_ok=True)

    def find(self, key: str) -> Known | None:
        """Return what is known under ``key``; None if it was never made, or its layer is gone or cut off."""
        path = self._key(key)
        try:
            known = Known.from_json(path.read_bytes())
            if self._blob(known).stat().st_size != known.size:
                return None
            os.utime(path)
            os.utime(self._blob(known))
        except (OSError, ValueError, TypeError):
            return None
        return known

    def open(self, known: Known) -> BinaryIO | None:
        """Open a layer, checked to its last byte; None, and it is forgotten, if it is damaged or gone."""
        try:
            file = self._blob(known).open("rb")
        except OSError:
            return None
        if file_digest(file, "sha256").hexdigest() != known.digest:
            file.close()
            self._blob(known).unlink(missing_ok=True)
            return None
        file.seek(0)
        return file

    def store(self, key: str, make: Callable[[BinaryIO], Known]) -> tuple[Known, BinaryIO]:
        """Let ``make`` write a layer, keep it under ``key``, and return it open for reading: another may remove it.

        Raises StorageError if the disk is full; nothing half written stays.
        """
        partial = self.folder / f".{token_hex(8)}{PARTIAL}"
        try:
            with self._told(), open(partial, "xb", opener=_private) as out:
                known = make(out)
                out.flush()
                opened = partial.open("rb")
                partial.replace(self._blob(known))
        finally:
            partial.unlink(missing_ok=True)
        self._remember(key, known)
        self._trim(known)
        return known, opened

    def contents(self) -> Contents:
        """Return what the cache holds."""
        sizes = [seen.st_size for _, seen in self._files(self._blobs)]
        return Contents(self.folder, len(sizes), sum(sizes), self.bound)

    def clear(self) -> Contents:
        """Remove every layer, but nothing that another build is writing; return what there was."""
        before, young = self.contents(), time.time() - AT_WORK
        for each, seen in [*self._files(self._keys), *self._files(self._blobs), *self._files(self.folder)]:
            if each.suffix != PARTIAL or seen.st_mtime < young:
                each.unlink(missing_ok=True)
        return before

    def _remember(self, key: str, known: Known) -> None:
        partial = self._keys / f".{token_hex(8)}{PARTIAL}"
        with self._told():
            try:
                with open(partial, "xb", opener=_private) as out:
                    out.write(known.to_json())
                partial.replace(self._key(key))
            finally:
                partial.unlink(missing_ok=True)

    def _trim(self, newest: Known) -> None:
        """Remove what was used least recently until the bound is kept, but never the newest."""
        found = sorted(self._files(self._blobs), key=lambda each: each[1].st_mtime)
        total = sum(seen.st_size for _, seen in found)
        for each, seen in found:
            if total <= self.bound:
                break
            if each.name != newest.digest:
                total -= seen.st_size
                each.unlink(missing_ok=True)
        old = time.time() - ABANDONED
        left = [each for each, seen in self._files(self.folder) if seen.st_mtime < old]
        keys = [each for each, seen in self._files(self._keys) if seen.st_mtime < old]
        for each in (*left, *(each for each in keys if not self._leads_somewhere(each))):
            each.unlink(missing_ok=True)

    def _leads_somewhere(self, key: Path) -> bool:
        try:
            return self._blob(Known.from_json(key.read_bytes())).exists()
        except (OSError, ValueError, TypeError):
            return False

    @staticmethod
    def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
        for each in folder.iterdir():
            with suppress(FileNotFoundError):  # another process removed it
                seen = each.stat()
                if stat.S_ISREG(seen.st_mode):
                    yield each, seen

    def _blob(self, known: Known) -> Path:
        return self._blobs / known.digest

    def _key(self, key: str) -> Path:
        return self._keys / f"{key}.json"

    @contextmanager
    def _told(self) -> Generator[None, None, None]:
        try:
            yield
        except OSError as exc:
            raise StorageError(
                f"the layer cache {str(self.folder)!r} cannot be written ({exc.strerror}); nothing was published: make "
                "room, run `publish cache clear`, or set BAKED_CACHE_HOME to another folder"
            ) from exc


def _bound() -> int:
    said = os.environ.get(SIZE)
    if said is None:
        return DEFAULT_SIZE
    if not said.isdecimal():
        raise ConfigError(f"{SIZE} is {said!r}: a number of bytes is needed, for example {DEFAULT_SIZE}")
    return int(said)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
