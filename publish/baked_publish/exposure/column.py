"""A column as it is looked at: what was counted in it, and what that comes to."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from baked_publish.exposure.contacts import (
    MAIL_WORDS,
    PHONE_WORDS,
    international_numbers,
    like_a_number,
    mail_addresses,
    north_american,
)
from baked_publish.exposure.credentials import secrets_in
from baked_publish.exposure.exposure import Exposure, Kind
from baked_publish.exposure.names import kind_of_column
from baked_publish.exposure.numbers import recognise
from baked_publish.exposure.words import says

SAMPLE: Final = 1000
"""Distinct values that are held against check digits, spread over all that are looked at."""
SAMPLE_AT_ONCE: Final = 100
"""Of them, from one stretch of rows."""
SEVERAL: Final = 3
"""Different addresses or numbers that stop a publish; fewer are told, for text often holds one of an office."""
HALF, SOME = 0.5, 0.3
SHOWN: Final = 5
"""Kinds of secrets that are named; the rest is counted."""
SHORT: Final = 3
"""Characters that no password is shorter than."""


@dataclass(slots=True)
class Column:
    """What was seen of one column; no value outlives the look at its table but in samples here."""

    name: str
    looked: int = 0
    mails: int = 0
    phones: int = 0
    long_enough: int = 0
    different_mails: set[str] = field(default_factory=set[str])
    different_phones: set[str] = field(default_factory=set[str])
    sample: dict[str, None] = field(default_factory=dict[str, None])
    secrets: Counter[str] = field(default_factory=Counter[str])

    def look(self, values: Sequence[str]) -> None:
        """Look at the values of one stretch of rows."""
        self.looked += len(values)
        self._look_for_contacts(values)
        self.secrets += secrets_in(values)
        if kind_of_column(self.name):
            self.long_enough += sum(len(value) > SHORT for value in values)
        for value in values[:: max(1, len(values) // SAMPLE_AT_ONCE)]:
            if len(self.sample) < SAMPLE:
                self.sample.setdefault(value)

    def _look_for_contacts(self, values: Sequence[str]) -> None:
        for value in values:
            if "@" in value and (mails := set(mail_addresses(value))):
                self.mails += 1
                if len(self.different_mails) < SEVERAL:
                    self.different_mails |= mails
            if "+" in value and (phones := set(international_numbers(value))):
                self.phones += 1
                if len(self.different_phones) < SEVERAL:
                    self.different_phones |= phones

    def exposures(self, database: str, table: str) -> Iterator[Exposure]:
        """Yield what was found."""

        def exposure(kind: Kind, about: str, found: int, looked: int = self.looked, *, stops: bool = True) -> Exposure:
            return Exposure(database, table, self.name, kind, about, found, looked, stops)

        if self.mails:
            stops = says(self.name, MAIL_WORDS) or len(self.different_mails) >= SEVERAL
            yield exposure("email", "e-mail addresses", self.mails, stops=stops)
        sample = list(self.sample)
        by_shape = self._phones_by_shape(sample)
        if by_shape:
            yield exposure("phone", "telephone numbers", by_shape, len(sample))
        elif self.phones:
            stops = says(self.name, PHONE_WORDS) or len(self.different_phones) >= SEVERAL
            yield exposure("phone", "telephone numbers", self.phones, stops=stops)
        for each in recognise(self.name, sample) if not by_shape else ():
            yield exposure(each.number.kind, each.number.about, each.found, len(sample))
        yield from self._credentials(database, table)

    def _phones_by_shape(self, sample: Sequence[str]) -> int:
        """Return how many are numbers without a country's, by the column's name or by North America's way to write."""
        if says(self.name, PHONE_WORDS):
            found = sum(map(like_a_number, sample))
            return found if found >= SOME * max(1, len(sample)) else 0
        found = sum(map(north_american, sample))
        return found if found >= max(HALF * len(sample), SEVERAL) else 0

    def _credentials(self, database: str, table: str) -> Iterator[Exposure]:
        named = kind_of_column(self.name)
        if self.secrets:
            rules = sorted(self.secrets)
            more = f" and {len(rules) - SHOWN} more kinds" if len(rules) > SHOWN else ""
            about = f"keys, tokens or passwords ({', '.join(rules[:SHOWN])}{more})"
            found = sum(self.secrets.values())
            yield Exposure(database, table, self.name, "secret", about, found, self.looked)
        elif named and self.long_enough:
            yield Exposure(database, table, self.name, *named, self.long_enough, self.looked)
