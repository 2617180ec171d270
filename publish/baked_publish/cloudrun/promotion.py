"""A promotion: every visitor goes to one revision, in one request, and what has to be seen to after it."""

from dataclasses import dataclass
from typing import Final

from baked_publish.cloudrun import access, edits
from baked_publish.cloudrun.domain import map_domain
from baked_publish.cloudrun.options import CloudRunOptions
from baked_publish.cloudrun.roster import Revision, Roster
from baked_publish.cloudrun.service import Service
from baked_publish.cloudrun.visit import Visitor
from baked_publish.deployment import Deployment
from baked_publish.errors import PreflightError, PublishError, TargetError
from baked_publish.report import Report
from baked_publish.vendors.google_api import Api

REACHED: Final = 60.0
"""Seconds in which a promotion should show at the public URL."""
SWITCH: Final = ("invoker", "org policy", "organization", "constraint")
"""Words of a refusal of the switch for everybody."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """Promotes revisions of one service."""

    service: Service
    tags: int
    """Old deployments that keep a URL of their own."""
    report: Report

    def run(self, revision: Revision, *, recalled: bool) -> Roster:
        """Send every visitor to ``revision``; the same request opens or closes the service to everybody.

        Which of both is the revision's own: a rollback or a promotion is not told the options of a publish. One that
        is ``recalled`` opens nothing: nobody is let in who was shut out since.
        """
        if not revision.public:
            return self._closed(revision.name)
        return self._sent_to(revision.name, public=None) if recalled else self._opened(revision.name)

    def _opened(self, revision: str) -> Roster:
        """Let everybody visit: by the service's own switch, or by its policy where that is refused."""
        try:
            return self._sent_to(revision, public=True)
        except (TargetError, PreflightError) as exc:
            if not any(each in str(exc).lower() for each in SWITCH):
                raise
            self.report.detail(f"{exc}; opening the service by its policy")
        opened = access.allow_all(self.service.run, self.service.name)
        try:
            return self._sent_to(revision, public=None)
        except BaseException:
            if opened:  # for what is live, which may not be for everybody
                access.forbid_all(self.service.run, self.service.name)
            raise

    def _closed(self, revision: str) -> Roster:
        access.forbid_all(self.service.run, self.service.name)
        return self._sent_to(revision, public=False)

    def _sent_to(self, revision: str, *, public: bool | None) -> Roster:
        return self.service.change(lambda roster: edits.promoted(roster, revision, self.tags, public=public))


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is seen to once a promotion is done; none of it undoes the promotion."""

    api: Api
    visitor: Visitor
    given: CloudRunOptions
    report: Report

    def run(self, deployment: Deployment, *, public: bool) -> None:
        """See that the new data shows where visitors come to, and that a domain leads there."""
        if public and not self.visitor.reaches(deployment.url, deployment.bundle_digest, REACHED):
            self.report.warning(
                f"{deployment.url} does not show the new data to everybody after {REACHED:.0f} s: an organization's "
                f"policy may forbid it; look with `publish status cloudrun {deployment.name}`"
            )
        if self.given.domain:
            self._map(deployment.name, self.given.domain)

    def _map(self, service: str, domain: str) -> None:
        try:
            records = map_domain(self.api, self.given.project or "", self.given.region or "", service, domain)
        except PublishError as exc:
            self.report.warning(f"the domain {domain!r} could not be mapped: {exc}")
        else:
            for each in records:
                self.report.info(f"DNS record: {each}")
