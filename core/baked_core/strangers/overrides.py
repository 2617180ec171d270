"""Overrides: functions of SQLite that nothing can stop within one call, done by Python in a bounded time instead.

Only where SQL shares its process with the app: a process of its own is killed instead.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import apsw

from baked_core.handle import Sqlite

DENIED: Final = frozenset(("json_patch", "jsonb_patch", "json_pretty"))
"""Functions that run for seconds within one call, and that Python has no quicker way for."""

FEW: Final = 64
"""Signs up to which ``str.strip`` is quick: it looks through all of them for each that it takes away."""

Ends = tuple[bool, bool]
_ENDS: Final[Mapping[str, Ends]] = {"trim": (True, True), "ltrim": (True, False), "rtrim": (False, True)}


class Overrides:
    """The functions of one connection; each does with NULL, BLOBs and numbers what SQLite's own does."""

    def __init__(self, sqlite: Sqlite) -> None:
        self._sqlite = sqlite
        self._other: Any = apsw.Connection(":memory:")

    def install(self) -> frozenset[str]:
        """Register them; return the functions that have to be denied besides."""
        for name, ends in _ENDS.items():
            self._register(name, 1, partial(self._trim, ends))
            self._register(name, 2, partial(self._trim, ends))
        self._register("instr", 2, self._instr)
        self._register("replace", 3, self._replace)
        return DENIED

    def _register(self, name: str, count: int, function: Any) -> None:
        self._sqlite.create_scalar_function(name, function, count, deterministic=True)

    def _trim(self, ends: Ends, text: Any, signs: Any = " ") -> str | None:
        found, wanted = self._text(text), self._text(signs)
        if found is None or wanted is None:
            return None
        return _cut(found, frozenset(wanted), ends) if wanted else found  # no signs mean white space to Python

    def _instr(self, text: Any, part: Any) -> int | None:
        if text is None or part is None:
            return None
        if isinstance(text, bytes) and isinstance(part, bytes):
            return text.find(part) + 1
        found, wanted = self._text(text), self._text(part)
        return None if found is None or wanted is None else found.find(wanted) + 1

    def _replace(self, text: Any, old: Any, new: Any) -> Any:
        found, wanted, put = self._text(text), self._text(old), self._text(new)
        if found is None or wanted is None:
            return None
        if not wanted:
            return found
        if put is None:
            return None
        if len(found) + found.count(wanted) * (len(put) - len(wanted)) > self._sqlite.limit(apsw.SQLITE_LIMIT_LENGTH):
            raise apsw.TooBigError("string or blob too big")
        return found.replace(wanted, put)

    def _text(self, value: Any) -> str | None:
        """Return a value as SQLite casts it to text."""
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return str(self._other.execute("select cast(? as text)", (value,)).get)


def _cut(text: str, signs: frozenset[str], ends: Ends) -> str:
    """Take ``signs`` from the ends of ``text``, in a time that does not grow with their number."""
    few = "".join(signs)
    if len(few) <= FEW:
        text = text.lstrip(few) if ends[0] else text
        return text.rstrip(few) if ends[1] else text
    first, last = 0, len(text)
    while ends[0] and first < last and text[first] in signs:
        first += 1
    while ends[1] and last > first and text[last - 1] in signs:
        last -= 1
    return text[first:last]


def install(sqlite: Sqlite) -> frozenset[str]:
    """See ``Overrides.install``."""
    return Overrides(sqlite).install()
