"""Traffic: which revision gets how many percent of the visitors, and which has a tag and with it a URL of its own."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from baked_publish.shapes import items

ALL: Final = 100
OURS: Final = re.compile("r[0-9a-z]{6}")
"""A tag that this tool gave."""
REVISION: Final = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
JSON = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Share:
    """One revision's part of the traffic."""

    revision: str
    percent: int = 0
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Traffic:
    """How the visitors of a service are spread; each revision stands in it once, and none of it moves by itself."""

    shares: tuple[Share, ...] = ()
    theirs: tuple[JSON, ...] = ()
    """URLs that somebody else gave to revisions, as the service is told of them."""

    @classmethod
    def read(cls, service: JSON) -> Self:
        """Read what a service is told, with what it calls the latest by its name."""
        told: Sequence[JSON] = service.get("traffic") or [{"percent": ALL}]
        latest = _latest(service)
        found = cls()
        for each in told:
            revision, tag = each.get("revision") or latest, str(each.get("tag", ""))
            if tag and not OURS.fullmatch(tag):
                named = {key: part for key, part in each.items() if key in {"type", "revision", "tag"}}
                found, tag = replace(found, theirs=(*found.theirs, named)), ""
            if revision and (tag or each.get("percent")):
                found = found.with_share(revision, int(each.get("percent", 0)), tag)
        return found

    def to_json(self) -> list[JSON]:
        """Return what a service is told."""
        said: list[JSON] = []
        for each in self.shares:
            value = {"type": REVISION, "revision": each.revision, "percent": each.percent, "tag": each.tag}
            said.append({key: part for key, part in value.items() if part})
        return [*said, *self.theirs]

    def share(self, revision: str) -> Share:
        """Return a revision's part, which may be nothing."""
        return next((each for each in self.shares if each.revision == revision), Share(revision))

    def tagged(self, revision: str, tag: str) -> Self:
        """Return it with a URL for ``revision``."""
        return self.with_share(revision, 0, tag)

    def all_to(self, revision: str) -> Self:
        """Return it with every visitor at ``revision``; the URLs of others stay."""
        kept = replace(self, shares=tuple(replace(each, percent=0) for each in self.shares))
        return kept.with_share(revision, ALL, "").tidy()

    def split(self, live: str, other: str, percent: int) -> Self:
        """Return it with ``percent`` of the visitors at ``other`` and the rest at ``live``."""
        return self.all_to(live).with_share(live, -percent, "").with_share(other, percent, "")

    def without(self, *revisions: str, to: str = "") -> Self:
        """Return it without ``revisions``; their visitors go to the revision ``to``."""
        lost = sum(each.percent for each in self.shares if each.revision in revisions)
        kept = replace(
            self,
            shares=tuple(each for each in self.shares if each.revision not in revisions),
            theirs=tuple(each for each in self.theirs if each.get("revision") not in revisions),
        )
        return kept.with_share(to, lost, "") if lost and to else kept

    def untagged(self, *revisions: str) -> Self:
        """Return it without the URLs of ``revisions``, which keep their visitors."""
        shares = (replace(each, tag="") if each.revision in revisions else each for each in self.shares)
        return replace(self, shares=tuple(shares)).tidy()

    def with_share(self, revision: str, percent: int, tag: str = "") -> Self:
        """Return it with so many percent more, and a tag, for ``revision``."""
        known = self.share(revision)
        made = Share(revision, known.percent + percent, known.tag or tag)
        others = tuple(each for each in self.shares if each.revision != revision)
        return replace(self, shares=(*others, made))

    def tidy(self) -> Self:
        """Return it without revisions that have nothing."""
        return replace(self, shares=tuple(each for each in self.shares if each.percent or each.tag))


def settled(service: JSON, wanted: Traffic) -> bool:
    """Tell whether a service does what it was told."""
    said: Sequence[JSON] = items(service, "trafficStatuses")
    seen = Traffic.read({**service, "traffic": said}) if said else Traffic()
    return set(seen.shares) == set(wanted.shares) and not service.get("reconciling")


def links(service: JSON) -> dict[str, str]:
    """Return the URL of each revision that has a tag."""
    latest = _latest(service)
    statuses: Sequence[JSON] = items(service, "trafficStatuses")
    ours = [each for each in statuses if OURS.fullmatch(str(each.get("tag", ""))) and each.get("uri")]
    return {each.get("revision") or latest: each["uri"] for each in ours}


def _latest(service: JSON) -> str:
    """Return the revision that a service calls the latest: the one made last where none was ever ready."""
    name = service.get("latestReadyRevision") or service.get("latestCreatedRevision") or ""
    return str(name).rpartition("/")[2]
