"""The service on the platform: looked at, and changed under its etag by whoever holds its lease."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from baked_publish.cloudrun.ledger import Ledger
from baked_publish.cloudrun.roster import Roster
from baked_publish.cloudrun.template import MADE_BY
from baked_publish.cloudrun.traffic import ALL, Traffic, settled
from baked_publish.errors import LockedError, NotFoundError, PublishError, StageError, TargetError
from baked_publish.ledger.lease import HOLDER, PLACE, UNTIL, Lease
from baked_publish.report import Report
from baked_publish.shapes import inner, items
from baked_publish.vendors.google_api import BusyError
from baked_publish.vendors.google_run import Conflict, Run

TRIES: Final = 6
"""Times that a change is made anew on what somebody else changed meanwhile."""
SETTLING: Final = 120.0
"""Seconds that the platform gets to send visitors where it was told, once it said that it had."""
POLL: Final = 0.3
LATEST: Final = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
JSON = Mapping[str, Any]
EMPTY: Final[JSON] = {}
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Edit:
    """What one request changes, all of it at the same moment."""

    ledger: Ledger
    traffic: Traffic
    template: JSON | None = None
    """A new revision."""
    public: bool | None = None
    """Whether everybody may visit; None leaves that as it is."""


class Service:
    """One name in one region of a project."""

    def __init__(self, run: Run, name: str, report: Report) -> None:
        self.run = run
        self.name = name
        self._report = report
        self._lease: Lease | None = None
        self._written = False
        self._held = False
        """Whether our lease is known to have been there; once it was, nothing is changed without it."""

    # Looking

    def look(self) -> Roster:
        """Return the service as it is now, with its revisions."""
        service = self.run.service(self.name)
        return Roster.of(self.name, service, self.run.revisions(self.name) if service else ())

    def wait_for(self, revision: str, within: float) -> Roster:
        """Wait until a revision is ready and has its URL; raise StageError with the platform's words if it never is."""
        deadline = time.monotonic() + within
        while True:
            state, message = self._ready(revision)
            if state == "CONDITION_FAILED":
                why = (message or "the platform gives no reason").rstrip(".")
                raise StageError(
                    f"revision {revision!r} did not come up: {why}. Its last lines: "
                    f"`publish logs cloudrun {self.name} --region {self.run.region}`"
                )
            if state == "CONDITION_SUCCEEDED":
                roster = self.look()
                if revision in roster.links:
                    return roster
            if time.monotonic() > deadline:
                raise StageError(
                    f"revision {revision!r} is not ready after {within:g} s ({state or 'no state'}): mend it, or give "
                    "it more time with --start-timeout"
                )
            time.sleep(POLL)

    def _ready(self, revision: str) -> tuple[str, str]:
        """Return state and words of a revision; of one that is not there, those of the service if it failed."""
        try:
            return _told(items(self.run.revision(self.name, revision), "conditions"))
        except NotFoundError:
            service = self.run.service(self.name) or EMPTY
            settled = _told([inner(service, "terminalCondition")])
            return ("", "") if service.get("reconciling") or settled[0] == "CONDITION_SUCCEEDED" else settled

    # Changing

    @contextmanager
    def session(self, place: str) -> Generator[None, None, None]:
        """Hold the lease from the first change on; raise LockedError at once if another machine has it."""
        self._lease, self._written, self._held = Lease.take(place), False, False
        self._require_free(self.run.service(self.name))
        try:
            yield
        finally:
            self._release()
            self._lease = None

    def make(self, template: JSON, tag: str) -> None:
        """Make the service, closed to visitors; raise LockedError if somebody else just made it."""
        body = {
            "labels": MADE_BY,
            "annotations": {**Ledger().annotation(), **self._leased()},
            "ingress": "INGRESS_TRAFFIC_ALL",
            "template": template,
            "traffic": [{"type": LATEST, "percent": ALL, "tag": tag}],
        }

        def make() -> None:
            try:
                self.run.create(self.name, body)
            except Conflict as exc:
                if not self._holds(self.run.service(self.name)):  # else the answer to an attempt before got lost
                    words = f"another publish just made the service {self.name!r}: wait until it is done"
                    raise LockedError(words) from exc
            except TargetError as exc:  # what became of the revision tells more
                if self.run.service(self.name) is None:
                    raise
                self._report.detail(str(exc))

        self._written = True
        self._insisting(make)
        self._held = True

    def change(self, edit: Callable[[Roster], Edit]) -> Roster:
        """Make a change on what is there now, in one request; raise LockedError if another machine has the lease."""

        def change() -> Roster:
            roster = self.look()
            if roster.service is None:
                raise TargetError(f"the service {self.name!r} is gone: somebody removed it; publish again")
            self._require_free(roster.service)
            wanted = edit(roster)
            self._written = True
            self._send(roster.service, wanted)
            self._held = True
            return self.look() if wanted.template else self._settle(wanted.traffic)

        return self._insisting(change)

    def delete(self) -> None:
        """Remove the service with all its revisions, as it is now; nothing happens if it is gone."""

        def delete() -> None:
            service = self.run.service(self.name)
            if service is not None:
                self._require_free(service)
                self.run.delete(self.name, str(service.get("etag", "")))

        self._insisting(delete)
        self._written = self._held = False

    def _insisting(self, change: Callable[[], Result]) -> Result:
        """Make a change anew on what is there now, while others change it too or the platform has a bad moment."""
        for attempt in range(TRIES):
            try:
                return change()
            except Conflict as exc:
                self._report.detail(f"{exc}; looking again")
            except BusyError as exc:
                if attempt == TRIES - 1:
                    raise
                self._report.detail(f"{exc}; looking again")
            time.sleep(POLL * 2**attempt)
        raise LockedError(f"the service {self.name!r} is changed by others all the time: try again later")

    def _send(self, service: JSON, wanted: Edit) -> None:
        annotations = {**_plain(service), **wanted.ledger.annotation(), **self._leased()}
        body: dict[str, Any] = {
            "etag": service.get("etag", ""),
            "annotations": annotations,
            "traffic": wanted.traffic.to_json(),
        }
        if wanted.template is not None:
            body |= {"template": wanted.template, "labels": {**inner(service, "labels"), **MADE_BY}}
        if wanted.public is not None and wanted.public != bool(service.get("invokerIamDisabled")):
            body["invokerIamDisabled"] = wanted.public
        mask = [MASKS.get(key, key) for key in body if key != "etag"]
        try:
            self.run.update(self.name, body, mask)
        except TargetError as exc:  # it was taken, and what became of it is looked at; or it was not
            self._report.detail(str(exc))
            if not self._took(wanted):
                raise

    def _took(self, wanted: Edit) -> bool:
        """Tell whether a change that ended with an error was made all the same."""
        service = self.run.service(self.name) or EMPTY
        told = wanted.ledger.annotation().items() <= inner(service, "annotations").items()
        if wanted.template is None:
            return bool(told) and set(Traffic.read(service).shares) == set(wanted.traffic.shares)
        return bool(told and inner(service, "template").get("revision") == wanted.template["revision"])

    def _settle(self, wanted: Traffic) -> Roster:
        deadline = time.monotonic() + SETTLING
        while True:
            roster = self.look()
            if roster.service is not None and settled(roster.service, wanted):
                return roster
            if time.monotonic() > deadline:
                raise TargetError(
                    f"{self.name!r} was told where to send its visitors, but has not done it after {SETTLING:.0f} s: "
                    f"look with `publish status cloudrun {self.name}`"
                )
            time.sleep(POLL)

    # The lease

    def _leased(self) -> dict[str, str]:
        if self._lease is None:
            raise RuntimeError("a service is changed by whoever holds its lease")
        self._lease = self._lease.renewed()
        return self._lease.annotations()

    def _require_free(self, service: JSON | None) -> None:
        try:
            other = Lease.read(inner(service or EMPTY, "annotations"))
        except (ValueError, KeyError) as exc:
            raise TargetError(
                f"the lease of {self.name!r} is damaged ({exc}): remove the annotations that begin with "
                "'baked-data.lease'"
            ) from exc
        if self._held and not self._holds(service):
            raise LockedError(
                f"the lease of {self.name!r} ended, and {other.holder if other else 'another publish'} took its place: "
                "this publish changes nothing any more; what is live is whole. Publish again"
            )
        if other and self._lease and other.bars(self._lease):
            raise LockedError(
                f"another publish of {self.name!r} is under way: {other.holder}, until {other.until:%H:%M:%S} UTC at "
                "most: wait until it is done"
            )

    def _holds(self, service: JSON | None) -> bool:
        """Tell whether our lease is in a service."""
        return self._lease is not None and inner(service or EMPTY, "annotations").get(HOLDER) == self._lease.holder

    def _release(self) -> None:
        """Give the lease back; if that fails, it ends by itself."""
        if not self._written or self._lease is None:
            return

        def release() -> None:
            service = self.run.service(self.name)
            if service is not None and self._holds(service):
                body = {"etag": service.get("etag", ""), "annotations": _plain(service)}
                self.run.update(self.name, body, ["annotations"])

        try:
            self._insisting(release)
        except PublishError as exc:
            self._report.detail(f"the lease of {self.name!r} ends by itself at {self._lease.until:%H:%M:%S} UTC: {exc}")


MASKS: Final = {"invokerIamDisabled": "invoker_iam_disabled"}
"""Names of fields as a mask of the client writes them."""


def _plain(service: JSON) -> dict[str, str]:
    """Return a service's annotations but for the lease."""
    said: Mapping[str, str] = inner(service, "annotations")
    return {key: value for key, value in said.items() if key not in {HOLDER, PLACE, UNTIL}}


def _told(conditions: Sequence[JSON]) -> tuple[str, str]:
    """Return the state and the words of the condition ``Ready``."""
    for each in conditions:
        if each.get("type") == "Ready":
            return str(each.get("state", "")), str(each.get("message", ""))
    return "", ""
