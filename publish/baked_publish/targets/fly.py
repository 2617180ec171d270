"""The target ``fly``: machines of an app on Fly, brought up outside of its load balancer, verified, then opened.

All that is remembered lies in the metadata of the machines. The app comes before the image: its name is the
repository's.
"""

import re
import secrets
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Final
from weakref import finalize

from baked_publish.artifacts import Artifact, Recipe
from baked_publish.bundle import Bundle
from baked_publish.deployment import Candidate, Change, Deployment, Finding
from baked_publish.errors import (
    LockedError,
    NotFoundError,
    PreflightError,
    PublishError,
    StageError,
    TargetError,
    UsageError,
)
from baked_publish.images.image import Image
from baked_publish.images.recipe import ImageRecipe
from baked_publish.images.uploads import uploads
from baked_publish.keeper.turn import turn
from baked_publish.ledger.lease import place
from baked_publish.machines.address import Addresses, open_app
from baked_publish.machines.changes import planned
from baked_publish.machines.estimate import estimate
from baked_publish.machines.fleet import Fleet, Group
from baked_publish.machines.inside import Inside
from baked_publish.machines.launch import Launch
from baked_publish.machines.lease import Leases
from baked_publish.machines.listing import Listing
from baked_publish.machines.machine import TOKEN
from baked_publish.machines.options import FlyOptions
from baked_publish.machines.preview import Preview
from baked_publish.machines.promotion import Promotion
from baked_publish.machines.record import PAST, Record, past_text
from baked_publish.machines.store import Store, host, require_size, unpacked
from baked_publish.machines.survey import Survey, no_login, pushing
from baked_publish.publisher import BasePublisher, Can
from baked_publish.report import Report
from baked_publish.vendors.fly import Fly
from baked_publish.vendors.fly_login import FIX, Login
from baked_publish.vendors.fly_pace import Pace

if TYPE_CHECKING:
    import httpx

NAME: Final = re.compile(r"(?=.{1,30}$)[a-z0-9]+(?:-[a-z0-9]+)*")
"""An app's name is a host name, and a preview's has 8 characters more."""
ALL: Final = 100
POLL: Final = 1.0
"""Seconds between two looks at a log that is followed."""


class FlyPublisher(BasePublisher):
    """Serves on Fly, from machines that stop while nobody visits; no Docker and no flyctl needed."""

    target: ClassVar[str] = "fly"
    options: ClassVar[type] = FlyOptions
    can: ClassVar[frozenset[Can]] = frozenset({Can.STAGE, Can.HISTORY, Can.LOGS, Can.SERVE, Can.SECRETS})
    called: ClassVar[str] = "--app"

    def __init__(self, options: Any, name: str, http: "httpx.Client", report: Report) -> None:
        if not NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot be an app's name: small letters and digits, with single dashes between them, 30 at "
                "most; choose one with --app"
            )
        super().__init__(options, name, http, report)
        self.given: FlyOptions = options
        self._leases: Leases | None = None
        self._made = False
        """Whether the app is one that this publish made."""

    # Before the bake

    def lacking(self) -> Mapping[str, str]:
        """Name organization and region where the app is new or empty; what else is amiss, the preflight tells."""
        wanted = {"org": "organization, such as personal", "region": "region, such as ams"}
        lacking = {field: words for field, words in wanted.items() if not getattr(self.given, field)}
        with suppress(PublishError):
            if lacking and self._survey.found() is None:
                return lacking
            return {"region": wanted["region"]} if self._survey.placeless() else {}
        return {}

    def preflight(self) -> Sequence[Finding]:
        """Look whether Fly knows us, and whether the app is free or ours."""
        return (no_login(),) if Login.find() is None else (self._survey.reached(),)

    def rehearse(self) -> Sequence[Finding]:
        """Look whether Fly has what the options say, and takes our images, as well."""
        if Login.find() is None:
            return (no_login(),)
        findings = list(self._survey.findings())
        if any(each.what == f"app {self.name}" and each.ok for each in findings):
            findings.append(pushing(self._store(self.name).repository))
        return findings

    def pack(self, bundle: Bundle) -> Recipe:  # noqa: ARG002 - every Bundle is packed alike
        """Ask for an image for linux/amd64, which is what Fly runs."""
        return ImageRecipe(options=self.given)

    def plan(self, artifact: Artifact, live: Deployment | None) -> Sequence[Change]:  # noqa: ARG002 - it looks itself
        """Name what is created, what is uploaded, other options, and machines of somebody else."""
        image = Image.of(artifact, self.target)
        require_size(image)
        made = self._survey.found() is not None
        return (
            *planned(self.name, self.given, self._fleet(), made=made),
            *self._addresses.planned(self.name, self.given.domain, made=made),
            *uploads(image, self._store(self.name).repository if made else None),
            *estimate(self.given, unpacked(image)),
        )

    @contextmanager
    def lock(self) -> Generator[None, None, None]:
        """Keep every other publish of this app out, and finish what a killed one had begun."""
        with turn(self.target, self._fly.base, self.name) as folder:
            leases = Leases(self._fly, self.name, place(folder))
            with leases.held():
                fleet = self._fleet()
                leases.take(machine for group in fleet.groups for machine in group.machines[:1])
                self._promotion.heal(fleet)
                self._leases = leases
                try:
                    yield
                finally:
                    self._leases = None

    def resolve(self) -> None:
        """Take the regions that are live, where none is given, and note what the secrets are now."""
        if not self.given.region and (live := self._fleet().live):
            self.given = replace(self.given, region=tuple(live.record.options["region"]))
        if self.given.secret:
            there = self._fly.secrets(self.name)
            digests = tuple((each, there.get(each, "")) for each in sorted(self.given.secret))
            self.given = replace(self.given, secret_digests=digests)

    # What there is

    def live(self) -> Deployment | None:
        """Return what visitors get, or are to get where nothing runs."""
        live = self._fleet().live
        return None if live is None or live.standing is None else self._listing.live(live, live.standing)

    def history(self) -> Sequence[Deployment]:
        """List what is and was live, newest first."""
        fleet = self._fleet()
        live = fleet.live
        if live is None or live.standing is None:
            return ()
        past = [self._listing.past(each.record, each.standing) for each in fleet.past]
        return [self._listing.live(live, live.standing), *past]

    def candidates(self) -> Sequence[Candidate]:
        """List previews and what a killed run left behind, newest first."""
        return [self._listing.candidate(each) for each in self._fleet().candidates]

    def fetch(self, at: Candidate | Deployment, path: str, headers: Mapping[str, str]) -> bytes:
        """GET ``path`` from inside a machine of the deployment; what is live is asked for its health as visitors do."""
        if isinstance(at, Deployment) and path == "/-/healthz":
            return super().fetch(at, path, headers)
        fleet = self._fleet()
        live = fleet.live
        group = fleet.candidate(at.revision) if isinstance(at, Candidate) else live
        if group is None or group.record.revision != at.revision:
            raise TargetError(f"revision {at.revision!r} of {self.name!r} has no machine that could be asked")
        machine = group.leader
        if not machine.running:
            self._fly.start(self.name, machine.id)
            self._fly.wait(self.name, dict(machine.raw), "started", self.given.start_timeout)
            self._launch.wait(Group((machine,)))
        return Inside(self._fly, self.name, machine.id, self._leases).get(path, headers)

    def logs(self, follow: bool) -> Iterator[str]:  # noqa: FBT001 - the protocol's shape
        """Yield the log lines that Fly keeps of the app, following on."""
        if self._fleet().live is None:
            raise NotFoundError(f"nothing is live as {self.name!r} on Fly")
        following = ""
        while True:
            lines, following = self._fly.log(self.name, following)
            for each in lines:
                yield f"{each.get('timestamp', '')} {each.get('region', '')} {each.get('message', '')}".strip()
            if not follow:
                return
            time.sleep(POLL)

    # What changes it

    def stage(self, artifact: Artifact, release: str, token: str) -> Candidate:
        """Push the image and bring machines of it up that no visitor reaches."""
        self._made |= open_app(self._fly, self.name, self.given.org or "personal")
        try:
            return self._staged(Image.of(artifact, self.target), artifact, release, token)
        except BaseException as exc:
            if not isinstance(exc, LockedError):  # somebody else is about to use the app
                self._close()
            raise

    def _staged(self, image: Image, artifact: Artifact, release: str, token: str) -> Candidate:
        staged = next((each for each in self._fleet().candidates if each.record.release == release), None)
        if staged is not None and not staged.kept:
            try:
                return self._listing.candidate(self._launch.complete(staged))
            except StageError as exc:
                self.report.info(f"{staged.record.revision}, which an interrupted run left, makes room: {exc}")
                self._launch.remove(staged)
        now = datetime.now(UTC)
        revision = f"{now:%Y%m%d-%H%M%S}-{release[:8]}"
        taken = {each.revision for each in self.history()} | {each.revision for each in self.candidates()}
        revision = f"{revision}-{now:%f}" if revision in taken else revision
        record = Record(
            revision=revision,
            release=release,
            bundle=artifact.bundle.digest,
            image=self._store(self.name).push(image, revision),
            staged=now.isoformat(),
            options=self.given.kept(),
        )
        return self._listing.candidate(self._launch.make(record, {TOKEN: token, **self.secrets}))

    def recall(self, old: Deployment) -> Candidate:
        """Make machines of an old image again, as they were, with the plugins' secrets that are live."""
        fleet = self._fleet()
        known = [*([fleet.live.record] if fleet.live else []), *(each.record for each in fleet.past)]
        record = next((each for each in known if each.revision == old.revision), None)
        if record is None or not self._store(self.name).holds(record.image):
            raise NotFoundError(
                f"the image of {old.revision!r} is gone: Fly's registry, or somebody, removed it. What is live stays "
                "live; `publish history` lists what else there is"
            )
        if again := fleet.candidate(old.revision):
            self._launch.remove(again)
        private = fleet.live.leader.private if fleet.live else {}
        return self._listing.candidate(self._launch.make(record, {**private, TOKEN: secrets.token_urlsafe(32)}))

    def keep(self, candidate: Candidate) -> Candidate:
        """Show ``candidate`` at a URL of its own, and let its machines rest until it is promoted."""
        self._preview.show(self._found(candidate))
        return replace(candidate, kept=True, url=self._addresses.url(self._preview.app))

    def promote(self, candidate: Candidate, percent: int = ALL) -> Deployment:
        """Bring the visitors to the machines of ``candidate``, then retire those that had them."""
        if percent != ALL:
            raise TargetError(f"{self.target} sends all visitors or none, not {percent} %")
        green, fleet = self._found(candidate), self._fleet()
        standing = self._promotion.run(green, fleet)
        if green.kept:
            self._preview.close(candidate.revision)
        self._addresses.certify(self.name, self.given.domain)
        return self._listing.live(green, standing)

    def mend(self, live: Deployment) -> None:  # noqa: ARG002 - there is one app
        """Ask for the certificates that are missing."""
        self._addresses.certify(self.name, self.given.domain)

    def discard(self, candidate: Candidate) -> None:
        """Remove the machines of ``candidate``, and the app that shows it, if one does."""
        if found := self._fleet().candidate(candidate.revision):
            self._launch.remove(found)
            self._preview.close(candidate.revision)
        self._close()

    def _close(self) -> None:
        """Remove the app again if this very publish made it, and nothing is in it."""
        if not self._made:
            return
        with suppress(PublishError):  # why the publish failed is what is told
            if self._fleet() == Fleet((), ()):
                self._fly.delete_app(self.name)
                self._made = False

    def prune(self, keep: int) -> None:
        """Forget all but the ``keep`` newest old deployments, and remove their images if the registry lets us."""
        fleet = self._fleet()
        live, past = fleet.live, fleet.past
        if live is None or len(past) <= keep:
            return
        for each in live.machines:
            self._fly.note(self.name, each.id, PAST, past_text(past[:keep]))
        needed = {each.record.image for each in fleet.groups} | {each.record.image for each in past[:keep]}
        gone = [each.record for each in past[keep:] if each.record.image not in needed]
        self._store(self.name).drop({each.image for each in gone}, [each.revision for each in gone])

    def unpublish(self) -> None:
        """Remove the app with all that is in it, or our machines alone where somebody else has some there."""
        fleet = self._fleet()
        self._preview.close()
        if fleet.strangers:
            for each in fleet.groups:
                self._launch.remove(each)
            self.report.info(f"app {self.name} stays: {', '.join(fleet.strangers)} is not ours")
            return
        self._fly.delete_app(self.name)
        self._fly.nonces.clear()

    # The parts

    @cached_property
    def _fly(self) -> Fly:
        login = Login.find()
        if login is None:
            raise PreflightError(f"there is no token for Fly: {FIX}")
        return Fly(self.http, login, Pace(self.given.rate))

    @property
    def _survey(self) -> Survey:
        return Survey(self._fly, self.name, self.given)

    @property
    def _addresses(self) -> Addresses:
        return Addresses(self._fly, self.http, self.report)

    @property
    def _listing(self) -> Listing:
        return Listing(self.name, self._addresses.url)

    def _fleet(self) -> Fleet:
        return Fleet.of(self._fly.machines(self.name))

    def _store(self, app: str) -> Store:
        store = Store(app, self._fly.login, self.report)
        finalize(self, store.session.__exit__)
        return store

    @property
    def _launch(self) -> Launch:
        return Launch(self._fly, self.name, host(), self.given.start_timeout, self.report, self._leases)

    @property
    def _promotion(self) -> Promotion:
        reached = partial(self._addresses.answers, self.name)
        return Promotion(self._launch, self.given.settle, self.given.drain, reached, self.report)

    @property
    def _preview(self) -> Preview:
        org = self.given.org or "personal"
        return Preview(self._launch, self._store, org, self.given.settle, self.report)

    def _found(self, candidate: Candidate) -> Group:
        found = self._fleet().candidate(candidate.revision)
        if found is None:
            raise NotFoundError(f"revision {candidate.revision!r} of {self.name!r} has no machines on Fly")
        return found
