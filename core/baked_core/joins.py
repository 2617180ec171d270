"""Joins that SQLite's authoriser is not told of: the columns that NATURAL and USING compare."""

import re
from typing import Final

_WORDS: Final = re.compile(r"\b(?:natural|using)\b", re.IGNORECASE | re.ASCII).search


def compare_unseen(sql: str) -> bool:
    """Tell whether a statement may join by columns that it does not name one by one.

    ``select count(*) from t natural join (select 1 as a)`` tells whether ``t`` holds a 1, and the authoriser is not
    asked for ``t`` at all. Words in quotes and comments count too: rather too many than too few.
    """
    return _WORDS(sql) is not None
