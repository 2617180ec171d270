"""The listing: groups of machines and their records as candidates and deployments, for the publisher of an app."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from baked_publish.deployment import Candidate, Deployment
from baked_publish.machines.fleet import Group
from baked_publish.machines.preview import SUFFIX
from baked_publish.machines.record import Record, Standing

TARGET: Final = "fly"


@dataclass(frozen=True, slots=True)
class Listing:
    """How the deployments of one app are listed."""

    app: str
    url: Callable[[str], str]
    """Tells where visitors find an app."""

    def candidate(self, group: Group) -> Candidate:
        """Return machines that no visitor reaches; a preview has the URL of an app of its own."""
        leader = group.leader
        private = f"http://{leader.id}.vm.{self.app}.internal:8080"
        url = self.url(self.app + SUFFIX) if group.kept else private
        return Candidate(**self._same(group.record), url=url, token=leader.token, kept=group.kept)

    def live(self, group: Group, standing: Standing) -> Deployment:
        """Return the machines that visitors reach."""
        return replace(self.past(group.record, standing), live=True, token=group.leader.token)

    def past(self, record: Record, standing: Standing) -> Deployment:
        """Return what was live once; its machines are gone."""
        same, previous = self._same(record), standing.previous or None
        return Deployment(**same, url=self.url(self.app), created=standing.promoted, previous=previous)

    def _same(self, record: Record) -> dict[str, Any]:
        """Return what a candidate and a deployment both tell."""
        return {
            "target": TARGET,
            "name": self.app,
            "revision": record.revision,
            "release": record.release,
            "bundle_digest": record.bundle,
            "artifact_digest": record.image.removeprefix("sha256:"),
        }
