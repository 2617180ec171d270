"""Writers: they put the rows of one answer down as bytes, batch by batch, and say when it becomes too large."""

from collections.abc import Iterator
from typing import Final

from baked_core.connection import Rows
from baked_core.errors import OutOfMemory
from baked_core.strangers import wire
from baked_core.strangers.bounds import Bounds
from baked_core.strangers.job import CELLS
from baked_core.written import distinct, elements, lines

PIECE: Final = 1 << 17
"""Bytes of CSV that are sent at a time, about."""


class Answer:
    """An answer that is sent as a whole."""

    def __init__(self, way: str, bounds: Bounds | None) -> None:
        self._way, self._bounds = way, bounds
        self._parts: list[bytes] = []
        self.count = self._size = 0
        self.columns: tuple[str, ...] = ()
        self.truncated = False
        """Whether there were more rows than were asked for."""

    def add(self, batch: Rows, max_rows: int | None) -> bool:
        """Take a batch; return whether more is wanted. Raises OutOfMemory if the answer becomes too large."""
        self.columns = batch.columns
        rows, bounds = batch.rows, self._bounds
        if max_rows is not None and bounds is not None and self._way == CELLS:
            max_rows = min(max_rows, max(1, bounds.cells // len(self.columns)))
        if max_rows is not None and self.count + len(rows) > max_rows:
            rows, self.truncated = rows[: max_rows - self.count], True
        self.count += len(rows)
        if rows:
            part = wire.written(rows) if self._way == CELLS else elements(self._way, distinct(self.columns), rows)
            self._size += len(part)
            self._parts.append(part)
        if bounds is not None and self._size > bounds.answer:
            raise OutOfMemory("more than {answer:,} bytes", answer=bounds.answer)
        return not self.truncated

    def body(self) -> bytes:
        """Return the rows."""
        if self._way == CELLS:
            return wire.joined(self._parts, self.count)
        return b"[" + b",".join(self._parts) + b"]"


def pieces(batch: Rows) -> Iterator[bytes]:
    """Write a batch as CSV, in pieces that are not much larger than ``PIECE``."""
    found, size = list[bytes](), 0
    for row in batch.rows:
        found.append(lines([row]))
        size += len(found[-1])
        if size >= PIECE:
            yield b"".join(found)
            found, size = [], 0
    yield b"".join(found)


def growing() -> Iterator[int]:
    """Yield how many rows to read before looking at what they weigh: few at first, for a row may be large."""
    size = 1
    while True:
        yield size
        size = min(2 * size, 128)
