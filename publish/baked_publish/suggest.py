"""Suggest: the nearest known word for one that is not known."""

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``, did you mean 'X'?`` for the known word that is nearest to ``word``, or nothing."""
    by_fold = {each.casefold(): each for each in known}
    near = difflib.get_close_matches(word.casefold(), by_fold, n=1)
    return f", did you mean {by_fold[near[0]]!r}?" if near else ""
