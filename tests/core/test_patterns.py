"""No pattern of the serving app looks at a long text for long, whatever it holds: the address of a request may be."""

import re
import signal
import types
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from itertools import product
from pkgutil import walk_packages
from typing import Any

import pytest

import baked_core
from baked_core import parameters

LONG = 30_000
"""Characters; what is looked through once for each of them takes a second and more, and in an address four times it."""
SECONDS = 0.5
"""Work after which a pattern is given up; what looks once at each character takes two thousandths of a second."""
SIGNS = "1a.-+e '\"`[(:;,/*@~%&=_\n"
WORDS = ("/*", "/**/", "--", '""', "''", ":a(", "x=1,", ";q=0.", "~41")
PIECES = [*SIGNS, *map("".join, product("1a", ".:(,/[")), *WORDS]
ELSEWHERE = {
    "baked_core.where._TOKEN": "its reader stops at the first sign that stands alone",
    "baked_core.permissions.closure._PART": "it reads the schema, which SQLite has read before",
}


def taken(pattern: re.Pattern[Any], text: Any) -> None:
    """Find all there is to be found in ``text``."""
    deque(pattern.finditer(text), 0)


def uses() -> dict[str, Callable[[Any], object]]:
    """Return how each pattern that a module of the app holds is used, by where it stands."""
    found: dict[str, Callable[[Any], object]] = {"parameters": parameters.parameters}
    for module in walk_packages(baked_core.__path__, "baked_core."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                found[f"{module.name}.{name}"] = partial(taken, value)
            elif isinstance(value, types.BuiltinMethodType) and isinstance(value.__self__, re.Pattern):
                found[f"{module.name}.{name}"] = value
    return found


@contextmanager
def no_longer_than(seconds: float, what: str) -> Iterator[None]:
    def late(_signal: int, _frame: object) -> None:
        raise TimeoutError(what)

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


USES = uses()


def test_all_patterns_are_found() -> None:
    assert len(USES) > 25
    assert {"baked_core.values._NUMBER", "baked_core.urls._TILDE", *ELSEWHERE} < USES.keys()


@pytest.mark.parametrize("name", sorted(USES.keys() - ELSEWHERE.keys()))
def test_no_text_keeps_a_pattern_busy(name: str) -> None:
    """Sixty thousand digits and a letter were a number or not after minutes, in which nobody was answered."""
    use = USES[name]
    for piece, end in product(PIECES, ("", "x")):
        text = piece * (LONG // len(piece)) + end
        with no_longer_than(SECONDS, f"{piece!r} many times, then {end!r}"):
            try:
                use(text)
            except TypeError:
                use(text.encode())
