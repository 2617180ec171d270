"""The compressor of layers: gzip members of a fixed size, made side by side, the same bytes on every machine.

libdeflate was chosen by trial (benchmarks/compress.py, tests/publish/test_images_gzip.py): faster and smaller than
zlib, and its output is the same on every CPU that was tried. isa-l is faster still, but leaves a quarter more at the
levels at which its CPU paths agree. Members one after the other are one gzip file
(RFC 1952, section 2.2), so that any reader takes them.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from os import cpu_count
from typing import Final, TypeVar

Result = TypeVar("Result")

LEVEL: Final = 5
MEMBER: Final = 4 << 20
"""Bytes of content in one member."""
VERSION: Final = "0.9.0"
"""Of the package ``deflate``, which pins libdeflate; another one may compress otherwise."""
COMPRESSOR: Final = f"deflate-{VERSION}-{LEVEL}-{MEMBER}"
"""Part of every layer's key: what is compressed otherwise is another layer."""


def members(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream into pieces of MEMBER bytes; only the last is shorter."""
    held, size = list[bytes](), 0
    for block in blocks:
        rest = block
        while size + len(rest) >= MEMBER:
            yield b"".join((*held, rest[: MEMBER - size]))
            rest = rest[MEMBER - size :]
            held, size = [], 0
        if rest:
            held.append(rest)
            size += len(rest)
    if held:
        yield b"".join(held)


def compress(piece: bytes) -> bytes:
    """Return one gzip member."""
    import deflate  # noqa: PLC0415 - only who builds needs it

    return bytes(deflate.gzip_compress(piece, LEVEL))


def side_by_side(work: Callable[[bytes], Result], pieces: Iterable[bytes]) -> Iterator[Result]:
    """Yield ``work(piece)`` of each piece, in order, a few at a time on threads: no more than those are in memory."""
    workers = cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Result]] = deque()
        for piece in pieces:
            waiting.append(pool.submit(work, piece))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
