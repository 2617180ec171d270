"""Words of names: ``homePhone``, ``home_phone`` and ``HOME-PHONE`` are the words home and phone."""

import re
from collections.abc import Collection
from itertools import pairwise
from typing import Final

WORD: Final = re.compile(r"[A-ZÀ-Þ]+(?![a-zß-ÿ])|[A-ZÀ-Þ]?[a-zß-ÿ]+|\d+")


def words_of(name: str) -> frozenset[str]:
    """Return the words of a name in lower case, and each two neighbours as one: ``e-mail`` is email as well."""
    parts = [part.casefold() for part in WORD.findall(name)]
    return frozenset([*parts, *("".join(pair) for pair in pairwise(parts)), "".join(parts)])


def says(name: str, words: Collection[str]) -> bool:
    """Tell whether one of ``words`` is a word of ``name``."""
    return not words_of(name).isdisjoint(words)
