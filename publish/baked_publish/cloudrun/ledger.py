"""The ledger: which revisions were live, when, and which are previews; one annotation of the service.

It changes in the same request as the traffic, so that both always agree.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Self

from baked_publish.errors import TargetError
from baked_publish.shapes import inner

LEDGER: Final = "baked-data.ledger"
FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one revision beyond what it says itself."""

    promoted: str = ""
    """When it went live last, UTC, ISO 8601."""
    previous: str = ""
    """The revision that was live before it."""
    kept: bool = False
    """A preview that somebody asked for."""

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """Read one; raise TypeError if it is not what it was written as."""
        if not all(isinstance(value, bool if name == "kept" else str) for name, value in raw.items()):
            raise TypeError("an entry of texts")
        return cls(**raw)


@dataclass(frozen=True, slots=True)
class Ledger:
    """All entries of a service, by revision."""

    made: bool = True
    """Whether this tool made the service; somebody else's is never removed because a first publish failed."""
    entries: Mapping[str, Entry] = field(default_factory=dict[str, Entry])

    @classmethod
    def read(cls, service: Mapping[str, Any]) -> Self | None:
        """Read a service's; None if it was not made by this tool. Raises TargetError if it is damaged or newer."""
        said = inner(service, "annotations").get(LEDGER)
        if said is None:
            return None
        try:
            raw = json.loads(said)
            if raw["format"] != FORMAT:
                raise TargetError(
                    f"the ledger of {service.get('name')!r} has format {raw['format']!r}: a newer baked-data wrote it, "
                    "upgrade this one"
                )
            return cls(bool(raw["made"]), {name: Entry.read(entry) for name, entry in raw["revisions"].items()})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
            raise TargetError(
                f"the annotation {LEDGER!r} of {service.get('name')!r} is damaged ({exc!r}): remove it, and publish "
                "with --force"
            ) from exc

    def annotation(self) -> dict[str, str]:
        """Return what the service holds."""
        revisions = {
            name: {key: value for key, value in asdict(entry).items() if value} for name, entry in self.entries.items()
        }
        raw = {"format": FORMAT, "made": self.made, "revisions": revisions}
        return {LEDGER: json.dumps(raw, separators=(",", ":"), sort_keys=True)}

    def entry(self, revision: str) -> Entry:
        """Return what is known of ``revision``."""
        return self.entries.get(revision, Entry())

    @property
    def last(self) -> datetime | None:
        """When something went live last, None if nothing did or nobody can read it."""
        try:
            return max(datetime.fromisoformat(each.promoted) for each in self.entries.values() if each.promoted)
        except (ValueError, TypeError):
            return None

    def keep(self, revision: str) -> Self:
        """Return it with ``revision`` as a preview."""
        return self._with(revision, replace(self.entry(revision), kept=True))

    def promote(self, revision: str, now: str, before: str) -> Self:
        """Return it with ``revision`` live since ``now``, and ``before`` the one before it."""
        previous = self.entry(revision).previous if before == revision else before
        return self._with(revision, Entry(now, previous))

    def forget(self, *revisions: str) -> Self:
        """Return it without ``revisions``."""
        return replace(self, entries={name: each for name, each in self.entries.items() if name not in revisions})

    def _with(self, revision: str, entry: Entry) -> Self:
        return replace(self, entries={**self.entries, revision: entry})
