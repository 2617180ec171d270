"""The tarball of a layer: a POSIX tar, written as a stream, whose bytes depend on names and contents alone.

Headers are written here, not by ``tarfile``, so that no version of Python can change a digest. A name or size that the
ustar header cannot hold goes into a pax record (POSIX.1-2001, pax Interchange Format).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, Self

from baked_publish.bundle import BundleFile
from baked_publish.errors import ConfigError, SourceError

BLOCK: Final = 512
READ: Final = 1 << 20
FILE, FOLDER, PAX = b"0", b"5", b"x"
LONGEST_NAME: Final = 100
LARGEST: Final = 8**11
"""Bytes from which on a size needs a pax record."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a layer."""

    path: str
    """Where it lies in the image, without the first slash."""
    source: Path | bytes
    size: int
    sha256: str

    @classmethod
    def of(cls, path: str, data: bytes) -> Self:
        """Make an entry of bytes in memory."""
        return cls(path, data, len(data), sha256(data).hexdigest())

    @classmethod
    def read(cls, path: str, source: Path) -> Self:
        """Make an entry of a small file, hashed now."""
        data = source.read_bytes()
        return cls(path, source, len(data), sha256(data).hexdigest())

    @classmethod
    def baked(cls, folder: str, file: BundleFile) -> Self:
        """Make an entry of a Bundle's file."""
        return cls(f"{folder}/{file.path}", file.source, file.size, file.sha256)


def tarball(entries: Sequence[Entry]) -> Iterator[bytes]:
    """Yield a tar of ``entries``, sorted, each folder once, all owned by root, written at the beginning of time.

    Raises ConfigError for a path that comes twice, or is not one inside the image; SourceError if a file no longer
    holds what was baked.
    """
    folders: set[str] = set()
    for entry in _sorted(entries):
        for parent in _parents(entry.path):
            if parent not in folders:
                folders.add(parent)
                yield from _header(parent + "/", 0, FOLDER)
        yield from _header(entry.path, entry.size, FILE)
        yield from _content(entry)
    yield bytes(2 * BLOCK)


def _sorted(entries: Sequence[Entry]) -> list[Entry]:
    ordered = sorted(entries, key=lambda entry: entry.path)
    paths: set[str] = set()
    for path in (entry.path for entry in ordered):
        if path.startswith("/") or {"", ".", ".."} & set(path.split("/")) or "\0" in path:
            raise ConfigError(f"{path!r} is not a path inside an image")
        if path in paths or not paths.isdisjoint(_parents(path)):
            raise ConfigError(f"two files would lie at {path!r} in the image: rename one")
        paths.add(path)
    return ordered


def _parents(path: str) -> list[str]:
    return [str(parent) for parent in reversed(PurePosixPath(path).parents)][1:]


def _header(name: str, size: int, kind: bytes) -> Iterator[bytes]:
    raw, records = name.encode(), dict[str, str]()
    if len(raw) > LONGEST_NAME or not name.isascii():
        records["path"] = name
    if size >= LARGEST:
        records["size"] = str(size)
    if records:
        body = b"".join(_record(key, value) for key, value in records.items())
        yield _ustar(b"././@PaxHeader", len(body), PAX)
        yield body + bytes(-len(body) % BLOCK)
    yield _ustar(raw[:LONGEST_NAME], size if size < LARGEST else 0, kind)


def _record(key: str, value: str) -> bytes:
    """Return a pax record: its own length in decimal, blank, key, equals sign, value, newline."""
    rest = f" {key}={value}\n".encode()
    length = len(rest)
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return str(length).encode() + rest


def _ustar(name: bytes, size: int, kind: bytes) -> bytes:
    mode = 0o755 if kind == FOLDER else 0o644
    owner = b"0000000\0" * 2
    before = name.ljust(LONGEST_NAME, b"\0") + b"%07o\0" % mode + owner + b"%011o\0" % size + b"00000000000\0"
    after = kind + bytes(100) + b"ustar\x0000" + bytes(64) + owner + bytes(155 + 12)
    checksum = sum(before) + sum(after) + 8 * ord(" ")
    return before + b"%06o\0 " % checksum + after


def _content(entry: Entry) -> Iterator[bytes]:
    seen, size = sha256(), 0
    with _opened(entry) as source:
        while block := source.read(READ):
            seen.update(block)
            size += len(block)
            yield block
    if (size, seen.hexdigest()) != (entry.size, entry.sha256):
        raise SourceError(
            f"{entry.path!r} changed while it was being published; nothing was published: run the command again"
        )
    yield bytes(-size % BLOCK)


def _opened(entry: Entry) -> BinaryIO:
    if isinstance(entry.source, bytes):
        return BytesIO(entry.source)
    try:
        return entry.source.open("rb")
    except OSError as exc:
        raise SourceError(f"{str(entry.source)!r} cannot be read any more: {exc.strerror}") from exc
