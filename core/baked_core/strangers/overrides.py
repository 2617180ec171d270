"""Overrides: functions of SQLite that nothing can stop within one call, done by Python in a bounded time instead.

Only where SQL shares its process with the app: a process of its own is killed instead.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import apsw

from baked_core.handle import Sqlite

DENIED: Final = frozenset(("json_patch", "jsonb_patch", "json_pretty"))
"""Functions that run for seconds within one call, and that Python has no quicker way for."""

_CUTS: Final[Mapping[str, Callable[[str, str], str]]] = {"trim": str.strip, "ltrim": str.lstrip, "rtrim": str.rstrip}


class Overrides:
    """The functions of one connection; each does with NULL, BLOBs and numbers what SQLite's own does."""

    def __init__(self, sqlite: Sqlite) -> None:
        self._sqlite = sqlite
        self._other: Any = apsw.Connection(":memory:")

    def install(self) -> frozenset[str]:
        """Register them; return the functions that have to be denied besides."""
        for name, cut in _CUTS.items():
            self._register(name, 1, partial(self._trim, cut))
            self._register(name, 2, partial(self._trim, cut))
        self._register("instr", 2, self._instr)
        self._register("replace", 3, self._replace)
        return DENIED

    def _register(self, name: str, count: int, function: Any) -> None:
        self._sqlite.create_scalar_function(name, function, count, deterministic=True)

    def _trim(self, cut: Callable[[str, str], str], text: Any, signs: Any = " ") -> str | None:
        found, wanted = self._text(text), self._text(signs)
        if found is None or wanted is None:
            return None
        return cut(found, wanted) if wanted else found  # no signs mean white space to Python

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
            return text
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


def install(sqlite: Sqlite) -> frozenset[str]:
    """See ``Overrides.install``."""
    return Overrides(sqlite).install()
