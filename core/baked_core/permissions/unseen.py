"""Words of SQL that lead past SQLite's authoriser, which is not asked about what they reach."""

import re
from typing import Final

_JOINS: Final = re.compile(r"\b(?:natural|using)\b", re.IGNORECASE | re.ASCII).search
_WORDS: Final = re.compile(r"\b(?:natural|using|indexed|explain)\b", re.IGNORECASE | re.ASCII).search


def compares(sql: str) -> bool:
    """Tell whether a statement may join by columns that it does not name one by one.

    ``select count(*) from t natural join (select 1 as a)`` tells whether ``t`` holds a 1, and the authoriser is not
    asked for ``t`` at all. Words in quotes and comments count too: rather too many than too few.
    """
    return _JOINS(sql) is not None


def refused(sql: str) -> str:
    """Return the word for which somebody may not run a statement from whom anything is hidden; nothing if it is none.

    NATURAL and USING compare columns unseen, INDEXED BY sorts by a hidden one, EXPLAIN names indexes.
    """
    found = _WORDS(sql)
    return "" if found is None else found[0].upper()
