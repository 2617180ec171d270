"""The listing: what lies in a folder as candidates and deployments."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from baked_publish.deployment import Candidate, Deployment
from baked_publish.errors import NotFoundError
from baked_publish.keeper.folder import Folder
from baked_publish.keeper.ledger import LOCALHOST, Address, url_of
from baked_publish.keeper.record import Record

TARGET: Final = "local"


@dataclass(frozen=True, slots=True)
class Listing:
    """Lists one name."""

    folder: Folder

    def live(self) -> Deployment | None:
        """Return what visitors get, or should get where nothing is running."""
        revision = self.folder.ledger().live
        return None if revision is None else self.deployment(self.record(revision))

    def history(self) -> list[Deployment]:
        """List what is and was live, newest first."""
        promoted, records = self.folder.ledger().promoted, self.folder.records()
        known = [revision for revision in promoted if revision in records]
        known.sort(key=lambda revision: promoted[revision].at, reverse=True)
        return [self.deployment(records[revision]) for revision in known]

    def candidates(self) -> Iterator[Candidate]:
        """Yield what was never live, newest first."""
        promoted = self.folder.ledger().promoted
        for each in reversed(list(self.folder.records().values())):
            if each.revision not in promoted:
                yield self.candidate(each)

    def record(self, revision: str) -> Record:
        """Return one deployment's Record; raise NotFoundError if it is not there."""
        record = Record.read(self.folder.deployment(revision))
        if record is None:
            raise NotFoundError(f"revision {revision!r} of {self.folder.name!r} is not in {str(self.folder.path)!r}")
        return record

    def candidate(self, record: Record) -> Candidate:
        """Return a deployment that gets no visitors yet."""
        ledger = self.folder.ledger()
        port = ledger.private.get(record.revision)
        return Candidate(
            **self._same(record),
            url=url_of(Address(LOCALHOST, port)) if port else "",
            kept=record.revision in ledger.previews,
        )

    def deployment(self, record: Record) -> Deployment:
        """Return a deployment that is or was live."""
        ledger = self.folder.ledger()
        promotion = ledger.promoted[record.revision]
        return Deployment(
            **self._same(record),
            url=ledger.url,
            created=promotion.at,
            previous=promotion.previous,
            live=record.revision == ledger.live,
        )

    def _same(self, record: Record) -> dict[str, Any]:
        """Return what a candidate and a deployment both tell."""
        return {
            "target": TARGET,
            "name": self.folder.name,
            "revision": record.revision,
            "release": record.release,
            "bundle_digest": record.bundle_digest,
            "artifact_digest": record.artifact_digest,
            "token": self.folder.token(record.revision),
        }
