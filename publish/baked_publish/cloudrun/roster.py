"""The roster: the revisions of a service as deployments: what is live, what was, and what waits."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

from baked_publish.cloudrun.ledger import Entry, Ledger
from baked_publish.cloudrun.traffic import Traffic, links
from baked_publish.deployment import Candidate, Deployment
from baked_publish.engine.container import TOKEN
from baked_publish.shapes import inner, is_object, items

TARGET: Final = "cloudrun"
RELEASE, BUNDLE, ARTIFACT = "baked-data.release", "baked-data.bundle", "baked-data.artifact"
OPTIONS: Final = "baked-data.options"
"""What a revision says of itself, in its annotations."""
ACCESS: Final = "allow_unauthenticated"
"""The option of those that says whether everybody may visit."""
JSON = Mapping[str, Any]
EMPTY: Final[JSON] = {}


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of ours."""

    name: str
    created: str
    annotations: JSON
    raw: JSON

    @classmethod
    def of(cls, raw: JSON) -> Self:
        """Read what the API says of it."""
        return cls(
            str(raw.get("name", "")).rpartition("/")[2], str(raw.get("createTime", "")), inner(raw, "annotations"), raw
        )

    @property
    def ours(self) -> bool:
        """Whether this tool made it, and nobody took from it what tells so."""
        return all(each in self.annotations for each in (RELEASE, BUNDLE, ARTIFACT))

    @property
    def options(self) -> JSON:
        """The options that it was made of, as it says them; nothing if it does not."""
        try:
            said = json.loads(self.annotations.get(OPTIONS, ""))
        except (ValueError, TypeError, RecursionError):
            return EMPTY
        return said if is_object(said) else EMPTY

    @property
    def public(self) -> bool:
        """Whether everybody may visit it; where it does not say so, only whom IAM allows."""
        return self.options.get(ACCESS) is True

    @property
    def container(self) -> JSON:
        """What runs in it."""
        found = items(self.raw, "containers")
        return found[0] if found else EMPTY

    @property
    def token(self) -> str:
        """What opens its ``/-/verify``."""
        return next((each.get("value", "") for each in items(self.container, "env") if each.get("name") == TOKEN), "")

    @property
    def digest(self) -> str:
        """``sha256:...`` of its image."""
        return str(self.container.get("image", "")).rpartition("@")[2]


@dataclass(frozen=True)
class Roster:
    """A service with its revisions, at one moment."""

    name: str
    service: JSON | None
    revisions: tuple[Revision, ...] = ()

    @classmethod
    def of(cls, name: str, service: JSON | None, revisions: Sequence[JSON]) -> Self:
        """Make one of what the API says; revisions that somebody else made are left out."""
        found = [Revision.of(each) for each in revisions]
        return cls(name, service, tuple(each for each in found if each.ours))

    @cached_property
    def ledger(self) -> Ledger | None:
        """The service's ledger, None if there is no service or none of ours."""
        return Ledger.read(self.service) if self.service else None

    @cached_property
    def traffic(self) -> Traffic:
        """How the visitors are spread."""
        return Traffic.read(self.service) if self.service else Traffic()

    @cached_property
    def links(self) -> Mapping[str, str]:
        """The URL of each revision that has one."""
        return links(self.service) if self.service else {}

    @property
    def url(self) -> str:
        """Where visitors come to."""
        return str((self.service or {}).get("uri", ""))

    def entry(self, revision: str) -> Entry:
        """Return what the ledger says of ``revision``."""
        return self.ledger.entry(revision) if self.ledger else Entry()

    def find(self, revision: str) -> Revision | None:
        """Return a revision of ours by its name."""
        return next((each for each in self.revisions if each.name == revision), None)

    @cached_property
    def live(self) -> Revision | None:
        """The revision that most visitors get, of those that were ever promoted."""
        found = [each for each in self.past if self.traffic.share(each.name).percent]
        return max(found, key=lambda each: self.traffic.share(each.name).percent, default=None)

    @cached_property
    def past(self) -> tuple[Revision, ...]:
        """All that are or were live, the one promoted last first."""
        found = [each for each in self.revisions if self.entry(each.name).promoted]
        return tuple(sorted(found, key=lambda each: self.entry(each.name).promoted, reverse=True))

    @cached_property
    def waiting(self) -> tuple[Revision, ...]:
        """All that have a URL and were never live; canaries first, then the newest."""
        tagged = [each for each in self.revisions if self.traffic.share(each.name).tag]
        found = [each for each in tagged if not self.entry(each.name).promoted]
        return tuple(sorted(found, key=lambda each: (self._percent(each), each.name), reverse=True))

    @cached_property
    def inert(self) -> tuple[Revision, ...]:
        """All that were given up, and that the platform would not remove then."""
        known = {each.name for each in (*self.past, *self.waiting)}
        return tuple(each for each in self.revisions if each.name not in known)

    @property
    def latest(self) -> str:
        """The revision that was made last, which the platform does not remove."""
        return str((self.service or {}).get("latestCreatedRevision", "")).rpartition("/")[2]

    def candidate(self, revision: Revision) -> Candidate:
        """Return ``revision`` as a candidate."""
        return Candidate(
            target=TARGET,
            name=self.name,
            revision=revision.name,
            url=self.links.get(revision.name, ""),
            release=revision.annotations[RELEASE],
            bundle_digest=revision.annotations[BUNDLE],
            artifact_digest=revision.annotations[ARTIFACT],
            token=revision.token,
            kept=self.entry(revision.name).kept,
            percent=self._percent(revision),
        )

    def deployment(self, revision: Revision) -> Deployment:
        """Return ``revision`` as a deployment."""
        entry, live = self.entry(revision.name), self.live is not None and self.live.name == revision.name
        return Deployment(
            target=TARGET,
            name=self.name,
            revision=revision.name,
            url=self.url if live else self.links.get(revision.name, ""),
            release=revision.annotations[RELEASE],
            bundle_digest=revision.annotations[BUNDLE],
            artifact_digest=revision.annotations[ARTIFACT],
            created=entry.promoted or revision.created,
            previous=entry.previous or None,
            live=live,
            token=revision.token,
        )

    def _percent(self, revision: Revision) -> int:
        """Return a candidate's share; a first one, closed to visitors, has none though the platform says 100."""
        return self.traffic.share(revision.name).percent if self.past else 0
