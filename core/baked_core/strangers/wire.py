"""The wire between the app and a process that runs SQL: frames that are parsed strictly, by type, and never unpickled.

A frame is the length of all that follows, the length of its head, the head as JSON, and a body. Rows whose values are
wanted stand in the body as MessagePack, which knows BLOBs and infinities; text that is not UTF-8 is marked there.
"""

import struct
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec.msgpack import Ext

from baked_core.values import BrokenText, Row

LENGTHS: Final = struct.Struct("!II")
"""Bytes of head and body together, and of the head."""
_BROKEN: Final = 1
"""Marks text that is not UTF-8: what is shown of it, and its bytes."""

T = TypeVar("T")


class Malformed(Exception):
    """The other side sent what is no frame: it is not to be trusted any more."""


class Said(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What a runner says: that it is there, what it read, or what went wrong."""

    pid: int = 0
    armed: dict[str, str] = {}
    columns: tuple[str, ...] = ()
    truncated: bool = False
    end: bool = False
    """Whether a stream is over."""
    error: str = ""
    """The kind of error."""
    message: str = ""
    fit: bool = False
    """Whether it can be asked again."""


def packed(head: Struct, body: bytes = b"") -> bytes:
    """Return a frame."""
    told = msgspec.json.encode(head)
    return b"".join((LENGTHS.pack(len(told) + len(body), len(told)), told, body))


def unpacked(lengths: tuple[int, int], data: memoryview, kind: type[T]) -> tuple[T, memoryview]:
    """Return head and body of the frame whose ``LENGTHS`` were read; raise Malformed."""
    if lengths[1] > lengths[0] or lengths[0] != len(data):
        raise Malformed("the lengths of a frame contradict each other")
    try:
        return msgspec.json.decode(data[: lengths[1]], type=kind), data[lengths[1] :]
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise Malformed(f"the head of a frame is not what it should be: {exc}") from exc


def written(rows: Iterable[Row]) -> bytes:
    """Write rows so that ``cells`` gives every value back as it was."""
    return _ENCODER.encode(rows)


def joined(parts: Sequence[bytes], count: int) -> bytes:
    """Return one list of the ``count`` elements of the lists that ``written`` made."""
    return b"".join((b"\xdd", struct.pack("!I", count), *(part[_prefix(part[0]) :] for part in parts)))


def cells(data: bytes | memoryview, width: int | None = None) -> Sequence[Row]:
    """Read what ``written`` wrote; raise Malformed for anything else, and for rows that are not ``width`` wide."""
    try:
        rows = _DECODER.decode(data)
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise Malformed(f"rows are not what they should be: {exc}") from exc
    if width is not None and not set(map(len, rows)) <= {width}:
        raise Malformed("rows are not as wide as they are said to be")
    if not set[type](map(type, chain.from_iterable(rows))) <= _VALUES:
        raise Malformed("a cell is no value of SQLite's")
    return rows


def _marked(text: object) -> Ext | str:
    """Return what stands for text of a kind that MessagePack does not know."""
    if isinstance(text, BrokenText):
        return Ext(_BROKEN, msgspec.msgpack.encode((str(text), text.raw)))
    if isinstance(text, str):  # a kind that only URLs know
        return str(text)
    raise TypeError(text)


def _unmarked(code: int, data: memoryview) -> BrokenText:
    if code != _BROKEN:
        raise Malformed("a cell is no value of SQLite's")
    return BrokenText.shown(*_BROKEN_DECODER.decode(data))


_VALUES: Final = frozenset((str, int, float, bytes, type(None), BrokenText))
_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_marked)
_DECODER: Final = msgspec.msgpack.Decoder(list[list[Any]], ext_hook=_unmarked)
_BROKEN_DECODER: Final = msgspec.msgpack.Decoder(tuple[str, bytes])


def _prefix(first: int) -> int:
    """Return how many bytes say that a list begins, and how long it is."""
    return {0xDC: 3, 0xDD: 5}.get(first, 1)
