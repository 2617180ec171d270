"""Members of a base image's layer: what lies in a tar that others wrote, read as a stream, bounded and checked."""

import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from gzip import GzipFile
from io import BufferedReader, RawIOBase
from typing import IO, Any, BinaryIO, Final, cast

from baked_publish.errors import ConfigError
from baked_publish.registry.content import BLOCK, Blob

FREE: Final = 1 << 30
"""Bytes that any layer may hold."""
RATIO: Final = 100
"""How many times its compressed size a larger one may hold: real layers have 2 to 10, and gzip ends at 1,000."""
MOST: Final = 1_000_000
"""Entries of a layer."""
LARGEST_HEADER: Final = 1 << 20
"""Bytes of an extended header, which is read into memory at once."""
EXTENDED: Final = frozenset(
    {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}
)
GZIP: Final = b"\x1f\x8b"
WHITEOUT: Final = ".wh."
OPAQUE: Final = ".wh..wh..opq"


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of a layer."""

    path: str
    """Without the first slash."""
    size: int
    mtime: int
    is_file: bool
    is_folder: bool
    read: Callable[[int], bytes]
    """Returns so many bytes of a file, until the next member is asked for."""


def members(blob: Blob) -> Iterator[Member]:
    """Yield every entry of a layer, in its order; the layer is read to its end.

    Raises ConfigError for a layer that is not a tar, plain or in gzip, is cut off, or holds more than a real one does;
    DigestError for one that is not what its digest says.
    """
    digest, stream = blob.descriptor.digest, _Checked(blob.blocks())
    try:
        with tarfile.open(fileobj=_tar(stream, blob), mode="r|", bufsize=BLOCK, tarinfo=_Header) as tar:
            yield from _each(tar, digest)
    except (tarfile.TarError, zlib.error, EOFError, OSError, RecursionError) as exc:
        raise ConfigError(f"the base image's layer {digest} cannot be read: {exc}") from exc
    stream.drain()


def hidden_by(path: str) -> str | None:
    """Return the path that a whiteout hides in lower layers, after the OCI image specification; None for a file."""
    folder, _, name = path.rpartition("/")
    if not name.startswith(WHITEOUT):
        return None
    return folder if name == OPAQUE else f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/")


def _each(tar: tarfile.TarFile, digest: str) -> Iterator[Member]:
    remembered = cast("list[tarfile.TarInfo]", cast("Any", tar).members)
    count = 0
    while (found := tar.next()) is not None:
        remembered.clear()  # or a layer of very many entries fills the memory
        count += 1
        if count > MOST:
            raise _refused(digest, f"more than {MOST:,} files")
        path = found.name.removeprefix("./").removeprefix("/")
        yield Member(path, found.size, int(found.mtime), found.isreg(), found.isdir(), partial(_read, tar, found))


def _read(tar: tarfile.TarFile, found: tarfile.TarInfo, size: int) -> bytes:
    content = tar.extractfile(found)
    return b"" if content is None else content.read(size)


def _tar(stream: "_Checked", blob: Blob) -> "BinaryIO":
    """Return the tar in ``stream``, whatever its media type says of compression; it ends where it grows too large."""
    buffered = BufferedReader(stream, BLOCK)
    plain: IO[bytes] = buffered
    if buffered.peek(len(GZIP))[: len(GZIP)] == GZIP:
        plain = BufferedReader(cast("RawIOBase", GzipFile(fileobj=buffered)), BLOCK)
    most = max(FREE, RATIO * blob.descriptor.size)
    return cast("BinaryIO", _Bounded(plain, most, blob.descriptor.digest))


def _refused(digest: str, what: str) -> ConfigError:
    return ConfigError(f"the base image's layer {digest} holds {what}, which is refused: choose another base image")


class _Header(tarfile.TarInfo):
    """An entry whose extended header is small."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        """Choose how the entry is read; the library's own way to do more, by its comment."""
        if self.type in EXTENDED and self.size > LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {self.size:,} bytes")
        chosen: tarfile.TarInfo = cast("Any", super())._proc_member(tar)  # noqa: SLF001 - as above
        return chosen


class _Bounded:
    """A stream that refuses to give more than so many bytes."""

    def __init__(self, source: IO[bytes], most: int, digest: str) -> None:
        self._source, self._left, self._most, self._digest = source, most, most, digest

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        block = self._source.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise _refused(self._digest, f"more than {self._most:,} bytes")
        return block


class _Checked(RawIOBase):
    """A blob's blocks as a file, so that the end of its tar is not the end of the check."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._rest = blocks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with memoryview(buffer) as view:
            self._rest = self._rest or next(self._blocks, b"")
            count = min(len(view), len(self._rest))
            view[:count] = self._rest[:count]
            self._rest = self._rest[count:]
            return count

    def drain(self) -> None:
        for _ in self._blocks:
            pass
