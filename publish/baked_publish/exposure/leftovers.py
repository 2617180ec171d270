"""Leftovers: bytes of deleted rows that a database file still holds, in free pages and between the rows of others.

SQLite does not wipe what is deleted, and a database is published with every byte of its file
(https://sqlite.org/fileformat2.html, sections 1.5 and 1.6). What lies between rows may be a copy of a row that moved to
another page; so a few texts from there are looked for in the rest of the file, and only what is nowhere else is told.
"""

import mmap
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from baked_publish.exposure.exposure import Exposure

HEADER: Final = 100
LEAF, INDEX_LEAF = 0x0D, 0x0A
LEAF_HEADER: Final = 8
SHORTEST: Final = 12
TEXT: Final = re.compile(rb"[\x20-\x7e\xc2-\xf4\x80-\xbf]{%d,}" % SHORTEST)
"""What may be text of a deleted row."""
LONGEST_START: Final = 18
"""Bytes of the two lengths that a cell begins with."""
FIXED: Final = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)
"""Bytes that a value of each serial type below 12 takes."""
TRIED: Final = 24
"""Texts between rows that are looked for in the rest of the file."""
ENOUGH: Final = 3
"""Texts that are nowhere else; fewer may be an accident."""
LARGEST: Final = 512 << 20
"""Bytes of a file in which a text is looked for."""


@dataclass(frozen=True, slots=True)
class Freed:
    """A stretch of a page that belongs to no row."""

    start: int
    end: int


class Pages:
    """A database file, page by page."""

    def __init__(self, data: mmap.mmap | bytes) -> None:
        self._data = data
        size = _number(data, 16, 2)
        self.size = 65536 if size == 1 else size
        self.usable = self.size - data[20]
        self.count = len(data) // self.size

    def free(self) -> Iterator[int]:
        """Yield where each page of the free list begins that holds more than the list itself."""
        trunk, seen = _number(self._data, 32, 4), 0
        while 0 < trunk <= self.count and seen <= self.count:
            start = (trunk - 1) * self.size
            leaves = min(_number(self._data, start + 4, 4), self.usable // 4 - 2)
            if any(self._data[start + 8 + leaves * 4 : start + self.size]):
                yield start
            for number in range(leaves):
                leaf = _number(self._data, start + 8 + number * 4, 4)
                begin = (leaf - 1) * self.size
                if 0 < leaf <= self.count and any(self._data[begin : begin + self.size]):
                    yield begin
            seen += leaves + 1
            trunk = _number(self._data, start, 4)

    def gaps(self, apart_from: frozenset[int]) -> Iterator[Freed]:
        """Yield what rows that were deleted left within pages that are in use."""
        for page in range(self.count):
            start = page * self.size
            header = start + HEADER if page == 0 else start
            if self._data[header] in {LEAF, INDEX_LEAF} and start not in apart_from:
                yield from self._freeblocks(start, header)

    def _freeblocks(self, start: int, header: int) -> Iterator[Freed]:
        at = _number(self._data, header + 1, 2)
        for _ in range(self.usable // 4):
            if not 0 < at <= self.usable - 4:
                return
            size = _number(self._data, start + at + 2, 2)
            if at + size > self.usable:
                return
            yield Freed(start + at + 4, start + at + size)
            at = _number(self._data, start + at, 2)


def leftovers(database: str, path: Path) -> Sequence[Exposure]:
    """Return what deleted rows left behind in the file at ``path``."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        pages = Pages(data)
        free = frozenset(pages.free())
        found: list[Exposure] = []
        if free:
            about = "free pages that still hold what was deleted"
            found.append(Exposure(database, None, None, "deleted", about, len(free), pages.count))
        elif gaps := _holding_text(pages, data, free):
            about = "deleted rows between those that are there"
            if _nowhere_else(data, gaps) >= ENOUGH:
                touched = {gap.start // pages.size for gap, _ in gaps}
                found.append(Exposure(database, None, None, "deleted", about, len(touched), pages.count))
    return found


def _holding_text(pages: Pages, data: mmap.mmap, free: frozenset[int]) -> list[tuple[Freed, bytes]]:
    held = ((gap, TEXT.search(data, gap.start, gap.end)) for gap in pages.gaps(free))
    rows = ((gap, _row(pages, data, gap, text)) for gap, text in held if text is not None)
    return [(gap, text) for gap, text in rows if len(text) >= SHORTEST]


def _row(pages: Pages, data: mmap.mmap | bytes, gap: Freed, text: re.Match[bytes]) -> bytes:
    """Return what the text holds of one row: the lengths that the next row begins with may be letters as well."""
    of_table = data[gap.start // pages.size * pages.size] != INDEX_LEAF  # the first page has a header, and no index
    for end in range(max(text.start(), text.end() - LONGEST_START), text.end()):
        if _begins_cell(data[end : gap.end], of_table=of_table):
            return text[0][: end - text.start()]
    return text[0]


def _begins_cell(data: bytes, *, of_table: bool) -> bool:
    """Tell whether a cell of a leaf begins here: its lengths agree with each other (fileformat2.html, 2.1)."""
    try:
        payload, at = _varint(data, 0)
        if of_table:
            _, at = _varint(data, at)
        header, begin = at, at
        size, at = _varint(data, at)
        while at < header + size:
            kind, at = _varint(data, at)
            begin += FIXED[kind] if kind < len(FIXED) else (kind - len(FIXED)) // 2
    except IndexError:
        return False
    return size > 1 and at == header + size and begin + size == header + payload


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and where the next one begins (fileformat2.html, 1.3)."""
    number = 0
    for end in range(at, at + 8):
        number = number << 7 | data[end] & 0x7F
        if not data[end] & 0x80:
            return number, end + 1
    return number << 8 | data[at + 8], at + 9


def _nowhere_else(data: mmap.mmap, gaps: Sequence[tuple[Freed, bytes]]) -> int:
    """Count texts, of a few spread over the file, that are in it only once; enough is enough."""
    if len(data) > LARGEST:
        return 0
    alone = 0
    for gap, text in gaps[:: max(1, len(gaps) // TRIED)]:
        before = data.find(text, 0, gap.start)
        if before < 0 and data.find(text, gap.end) < 0:
            alone += 1
        if alone == ENOUGH:
            break
    return alone


def _number(data: mmap.mmap | bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")
