"""Strain: what a visitor's value may make SQLite do within one call, where only the end of a process could stop it.

The app's own SQL runs in threads, and is stopped between two steps of SQLite. One LIKE compares a pattern at each
place of a text: fifty thousand characters in a text of a megabyte took minutes. One MATCH opens every word of a query
before its first row: 480 words near each other took seven seconds. What could
take that long runs where strangers' SQL does.
"""

from collections.abc import Iterable
from typing import Final

from baked_core.filters import Filter
from baked_core.manifest import Database, Table, View
from baked_core.search import Search

COMPARISONS: Final = 20_000_000
"""Characters that one LIKE or GLOB may compare, at worst: a fifth of a second."""
WORDS: Final = 200
"""Characters of a plain search."""
_PATTERNS: Final = frozenset(("contains", "notcontains", "endswith", "startswith", "like", "notlike", "glob"))


def largest_row(relation: Table | View, database: Database) -> int:
    """Return the bytes of the largest row of ``relation``; of the whole database where more is not known of it."""
    return (isinstance(relation, Table) and relation.largest_row) or database.largest_row


def of_pattern(text: str, largest_row: int) -> bool:
    """Tell whether looking for ``text`` in a value as long as the largest row may take long."""
    return len(text.encode("utf-8", "surrogatepass")) * largest_row > COMPARISONS


def of_query(filters: Iterable[Filter], searches: Iterable[Search], largest_row: int) -> bool:
    """Tell whether one of these conditions may take long within one call."""
    if any(each.raw or len(each.text) > WORDS for each in searches):
        return True
    return any(each.operator.name in _PATTERNS and of_pattern(each.value, largest_row) for each in filters)
