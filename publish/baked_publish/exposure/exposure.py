"""The Exposure: one thing found in a database that strangers may not be meant to see; where and how many only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal["email", "phone", "national-id", "card", "account", "secret", "internal", "deleted"]
FREE_PAGES: Final = "free-pages"
"""The name by which what deleted rows left behind is accepted."""
ADVICE: Final[Mapping[Kind, str]] = {
    "email": "leave the column out with --exclude-column",
    "phone": "leave the column out with --exclude-column",
    "national-id": "leave the column out with --exclude-column",
    "card": "leave the column out with --exclude-column",
    "account": "leave the column out with --exclude-column",
    "secret": "take it out, and have it replaced where it is valid: whoever saw the file may have it",
    "internal": "leave the table out with --exclude",
    "deleted": "publish with --vacuum, which leaves no free pages",
}


@dataclass(frozen=True, slots=True)
class Exposure:
    """One kind of thing in one place."""

    database: str
    table: str | None
    column: str | None
    kind: Kind
    about: str
    """What it looks like: ``e-mail addresses``, ``Polish national ids (PESEL)``."""
    found: int
    looked: int
    """Values, or pages, that were looked at to find them."""
    stops: bool = True
    """Whether a publish stops; what is told for information only does not."""

    @property
    def name(self) -> str:
        """The shortest name by which it is accepted."""
        if self.table is None:
            return FREE_PAGES
        where = self.table if self.column is None else f"{self.table}.{self.column}"
        return f"{where}:secret" if self.kind == "secret" else where

    @property
    def names(self) -> frozenset[str]:
        """Every name by which it is accepted."""
        return frozenset({self.name, f"{self.database}.{self.name}"})

    def __str__(self) -> str:
        """Say where and how many."""
        where = ".".join(part for part in (self.database, self.table, self.column) if part is not None)
        if self.kind == "internal":
            return f"{where}: {self.about}"
        if self.kind == "deleted":
            return f"{where}: {self.about}, {self.found:,} of {self.looked:,} pages"
        return f"{where}: {self.about}, {self.found:,} in {self.looked:,} values"


@dataclass(frozen=True, slots=True)
class Looked:
    """How much of a table was looked at."""

    rows: int
    """All there are."""
    looked: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found in one database, and how much of it was looked at."""

    exposures: tuple[Exposure, ...] = ()
    tables: Mapping[str, Looked] = field(default_factory=dict[str, Looked])
    unread: tuple[str, ...] = ()
    """Tables that could not be read, and what else was not looked at, each with its reason."""
