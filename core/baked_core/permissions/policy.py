"""A Policy: the tables, views and columns of one database that may not be read, by anybody's SQL, in any way."""

from collections.abc import Iterable, Mapping
from typing import Final, Self

from msgspec import Struct, field


class Policy(Struct, frozen=True):
    """What one reader may not read; names are compared as SQLite compares them, in lower case."""

    hidden: frozenset[str] = frozenset()
    """Tables and views, in lower case; whoever makes a Policy adds shadow tables and all that holds copies."""
    columns: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """Columns by the table or view that has them, both in lower case."""

    @classmethod
    def of(cls, hidden: Iterable[str] = (), columns: Mapping[str, Iterable[str]] | None = None) -> Self:
        """Make a Policy of names as they are written anywhere."""
        told = {folded(table): frozenset(map(folded, names)) for table, names in (columns or {}).items()}
        return cls(frozenset(map(folded, hidden)), {table: names for table, names in told.items() if names})

    def __bool__(self) -> bool:
        """Tell whether anything at all is held back."""
        return bool(self.hidden or self.columns)

    def hides(self, table: str, column: str = "") -> bool:
        """Tell whether ``table`` may not be read, or ``column`` of it."""
        name = folded(table)
        return name in self.hidden or (bool(column) and folded(column) in self.columns.get(name, ()))


def folded(name: str) -> str:
    """Return ``name`` as SQLite compares it: only the letters A to Z have no case."""
    return name.translate(_LOWER)


_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}

EVERYTHING: Final = Policy()
"""Holds nothing back."""
