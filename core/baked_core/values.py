"""Values: what a cell can hold, text that is not UTF-8 included."""

import re
from collections.abc import Sequence
from typing import Final, Self

_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?").fullmatch


def is_number(text: str) -> bool:
    """Tell whether a text is a number as it stands."""
    return _NUMBER(text) is not None


class BrokenText(str):
    """Text whose bytes are not UTF-8: shown with U+FFFD, found again by its ``raw`` bytes."""

    __slots__ = ("raw",)
    raw: bytes

    def __new__(cls, raw: bytes, encoding: str = "utf-8") -> Self:
        """Decode ``raw``, replacing what cannot be decoded."""
        text = super().__new__(cls, raw.decode(encoding, "replace"))
        text.raw = raw
        return text

    @classmethod
    def shown(cls, text: str, raw: bytes) -> Self:
        """Return what was decoded elsewhere."""
        found = str.__new__(cls, text)
        found.raw = raw
        return found


class ExactText(str):
    """Text that means no number, even if it looks like one: ``5`` in a column that can hold both."""

    __slots__ = ()


Value = str | int | float | bytes | None
Row = Sequence[Value]


def weight(row: Row) -> int:
    """Return about how many bytes ``row`` holds, its numbers left out."""
    return sum([len(value) for value in row if isinstance(value, str | bytes)])
