"""The target ``cloudrun``: Google Cloud Run, without Docker and without gcloud.

A deployment is a revision under a tag, verified at the tag's URL before any visitor gets it. All that is remembered
lies on the platform: in annotations of the service and its revisions, and in its traffic.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from baked_publish.artifacts import Artifact, Recipe
from baked_publish.bundle import Bundle
from baked_publish.cloudrun import domain, edits, logs
from baked_publish.cloudrun.changes import planned, public, recorded
from baked_publish.cloudrun.estimate import estimate
from baked_publish.cloudrun.findings import RUN, STORAGE, Survey
from baked_publish.cloudrun.options import CloudRunOptions, require_name
from baked_publish.cloudrun.preflight import Preflight
from baked_publish.cloudrun.promotion import Aftermath, Promotion
from baked_publish.cloudrun.roster import RELEASE, Revision, Roster
from baked_publish.cloudrun.secret import pinned
from baked_publish.cloudrun.service import Service
from baked_publish.cloudrun.storage import Storage
from baked_publish.cloudrun.template import about, template
from baked_publish.cloudrun.traffic import ALL
from baked_publish.cloudrun.visit import Visitor
from baked_publish.deployment import Candidate, Change, Deployment, Finding
from baked_publish.engine.container import TOKEN
from baked_publish.errors import LockedError, NotFoundError, PreflightError, PublishError, TargetError
from baked_publish.images.recipe import ImageRecipe
from baked_publish.keeper.turn import turn
from baked_publish.ledger.lease import place
from baked_publish.options import missing
from baked_publish.publisher import BasePublisher, Can
from baked_publish.redaction import keep_private
from baked_publish.registry.descriptor import Platform
from baked_publish.report import Report
from baked_publish.vendors import google_login
from baked_publish.vendors.google_api import Api
from baked_publish.vendors.google_login import Login
from baked_publish.vendors.google_run import Run

if TYPE_CHECKING:
    import httpx

    from baked_publish.images.image import Image

PLATFORM: Final = Platform("linux", "amd64")
"""The only one: docs.cloud.google.com/run/docs/container-contract."""


class CloudRunPublisher(BasePublisher):
    """Serves on Google Cloud Run, scaled to zero while nobody asks; no Docker and no gcloud needed."""

    target: ClassVar[str] = "cloudrun"
    options: ClassVar[type] = CloudRunOptions
    can: ClassVar[frozenset[Can]] = frozenset({Can.STAGE, Can.CANARY, Can.HISTORY, Can.LOGS, Can.SECRETS, Can.SERVE})
    called: ClassVar[str] = "--service"

    def __init__(self, options: Any, name: str, http: "httpx.Client", report: Report) -> None:
        require_name(name)
        super().__init__(options, name, http, report)
        self._links: dict[str, tuple[str, str]] = {}
        self.given: CloudRunOptions = options
        self.given.require()
        keep_private(options.project or "")

    @classmethod
    def complete(cls, options: Any) -> Any:
        """Take the project that the credentials name, if nobody named one."""
        if options.project:
            return options
        try:
            return replace(options, project=google_login.find().project)
        except PreflightError:
            return options  # preflight says it better

    # Before the bake

    def preflight(self) -> Sequence[Finding]:
        """Look whether credentials and permissions do to change what visitors get."""
        return self._looked(Preflight.findings)

    def rehearse(self) -> Sequence[Finding]:
        """Look whether APIs, permissions, secrets and quota do for these options as well."""
        return self._looked(Preflight.rehearsal)

    def doctor(self) -> Sequence[Finding]:
        """Look at all that a publish needs, and at how much of the quotas is used."""
        return self._looked(lambda preflight: (*preflight.rehearsal(), *preflight.quotas()))

    def _looked(self, at: Callable[[Preflight], Iterable[Finding]]) -> Sequence[Finding]:
        try:
            login = self._survey.login()
        except PreflightError as exc:
            return (Finding(ok=False, what="credentials for Google Cloud", fix=str(exc)),)
        if not login.ok or missing(self.given):  # nothing more can be asked; what is missing is told by whoever asks
            return (login,)
        return (login, *at(Preflight(self._survey, self._service, self._storage, self.given)))

    def pack(self, bundle: Bundle) -> Recipe:  # noqa: ARG002 - every Bundle is packed alike
        """Ask for an image of the platform's only kind."""
        return ImageRecipe(platforms=(PLATFORM,), options=self.given)

    def plan(self, artifact: Artifact, live: Deployment | None) -> Sequence[Change]:  # noqa: ARG002 - it looks itself
        """Name what is made, which settings change, what is uploaded, and what it may cost."""
        from baked_publish.images.uploads import uploads  # noqa: PLC0415 - only a publish needs it

        image, disabled = self._image(artifact), self._survey.apis()[0]
        roster = Roster(self.name, None) if disabled else self._service.look()
        stored = not disabled and self._storage.exists()
        made = [Change("create", f"API {each}") for each in disabled]
        if not stored:
            made.append(Change("create", f"Artifact Registry repository {self.given.repository}"))
        sizes = {each.blob.descriptor.digest: each.blob.descriptor.size for each in image.platforms[0].layers}
        return (
            *made,
            *planned(self._service.run, roster, self.given),
            *domain.planned(self._api, *self._place[:2], self.given.domain),
            *uploads(image, self._storage.repository if stored else None),
            *estimate(self.given, self.given.region or "", sum(sizes.values())),
        )

    @contextmanager
    def lock(self) -> Generator[None, None, None]:
        """Keep every other publish of this name out: on this machine at once, on others from the first change on."""
        where = f"{self.given.project}/{self.given.region}"
        with turn(self.target, where, self.name) as folder, self._service.session(place(folder)):
            yield

    def resolve(self) -> None:
        """Pin the newest version of each secret."""
        self.given = replace(self.given, secret=pinned(self._api, self._place[0], self.given.secret))

    # What there is

    def live(self) -> Deployment | None:
        """Return what visitors get."""
        roster = self._service.look()
        return None if roster.live is None else roster.deployment(roster.live)

    def history(self) -> Sequence[Deployment]:
        """List what is and was live, newest first."""
        roster = self._service.look()
        past = sorted(roster.past, key=lambda each: each == roster.live, reverse=True)
        return [roster.deployment(each) for each in past]

    def candidates(self) -> Sequence[Candidate]:
        """List canaries, previews and what a killed run left behind."""
        roster = self._service.look()
        return [roster.candidate(each) for each in roster.waiting]

    def fetch(self, at: Candidate | Deployment, path: str, headers: Mapping[str, str]) -> bytes:
        """GET ``path`` from the very revision, at its own URL."""
        if at.revision not in self._links:
            roster = self._service.look()
            self._links.update({each: (url, roster.url) for each, url in roster.links.items()})
        if at.revision not in self._links:
            raise TargetError(f"revision {at.revision!r} of {self.name!r} has no URL of its own any more")
        return self._visitor.get(*self._links[at.revision], path, headers)

    def logs(self, follow: bool) -> Iterator[str]:  # noqa: FBT001 - the protocol's shape
        """Yield what the service writes, as Cloud Logging holds it."""
        return logs.lines(self._api, *self._place[:2], self.name, follow=follow)

    # What changes it

    def stage(self, artifact: Artifact, release: str, token: str) -> Candidate:
        """Push the image and make a revision of it that gets no visitors; a first one is closed to them.

        Raises StageError with the platform's words if it does not come up.
        """
        reference = self._push(self._image(artifact))
        roster = self._service.look()
        staged = next((each.name for each in roster.waiting if each.annotations[RELEASE] == release), None)
        said = about(release, artifact.bundle.digest, artifact.digest, recorded(self.given))
        tag = edits.new_tag(roster)
        revision = staged or f"{self.name}-{tag}"
        try:
            if staged is None:
                self._make(roster, template(self.given, revision, reference, said, {TOKEN: token, **self.secrets}), tag)
            return self._up(revision)
        except BaseException as exc:
            if not isinstance(exc, LockedError):
                self._give_up(revision)
            raise

    def recall(self, old: Deployment) -> Candidate:
        """Give an old revision its URL again, and wait until it answers there."""
        roster = self._service.look()
        if roster.find(old.revision) is None:
            raise NotFoundError(f"revision {old.revision!r} of {self.name!r} is not there any more")
        if old.revision not in roster.links:
            self._service.change(lambda seen: edits.recalled(seen, old.revision))
        return self._up(old.revision)

    def keep(self, candidate: Candidate) -> Candidate:
        """Mark ``candidate`` as a preview in the ledger."""
        if not candidate.kept:
            self._storage.hold(f"sha256:{candidate.artifact_digest}", self.report)
            self._service.change(lambda roster: edits.kept(roster, candidate.revision))
        return replace(candidate, kept=True)

    def promote(self, candidate: Candidate, percent: int = ALL) -> Deployment:
        """Send the visitors to ``candidate``, or a share of them, in one request; a first one is opened by it."""
        revision = candidate.revision
        if percent < ALL:
            roster = self._service.change(lambda seen: edits.shared(seen, revision, percent))
            return roster.deployment(_found(roster, revision))
        seen = self._service.look()
        made = _found(seen, revision)
        recalled = bool(seen.entry(revision).promoted) and made != seen.live
        if not recalled:
            self._storage.hold(made.digest, self.report)
        roster = Promotion(self._service, self.given.tags, self.report).run(made, recalled=recalled)
        deployment = roster.deployment(_found(roster, revision))
        aftermath = Aftermath(self._api, self._visitor, self.given, self.report)
        aftermath.run(deployment, public=bool(public(self._service.run, roster)))
        return deployment

    def mend(self, live: Deployment) -> None:
        """Let those visit whom the options say, and see that the domain leads to the service."""
        roster = self._service.look()
        made, told = _found(roster, live.revision), public(self._service.run, roster)
        if told is not None and told != made.public:
            Promotion(self._service, self.given.tags, self.report).run(made, recalled=False)
        Aftermath(self._api, self._visitor, self.given, self.report).run(live, public=made.public)

    def discard(self, candidate: Candidate) -> None:
        """Remove a revision that was never live; its visitors go back, and a service made for it alone goes too."""
        roster = self._service.look()
        if roster.service is None or roster.ledger is None or roster.entry(candidate.revision).promoted:
            return
        others = [each for each in roster.waiting if each.name != candidate.revision]
        if roster.ledger.made and not roster.past and not others:
            self._service.delete()
            return
        self._service.change(lambda seen: edits.dropped(seen, candidate.revision))
        self._delete(candidate.revision)

    def prune(self, keep: int) -> None:
        """Remove all but the live and the ``keep`` newest old revisions, with their images, and what was given up."""
        roster = self._service.look()
        old = [each for each in roster.past if each != roster.live][keep:]
        gone = [*old, *(each for each in roster.inert if each.name != roster.latest)]
        if old:
            self._service.change(lambda seen: edits.dropped(seen, *(each.name for each in old)))
        for each in gone:
            self._delete(each.name)
        needed = {each.digest for each in roster.revisions if each not in gone}
        self._storage.remove({each.digest for each in gone} - needed)
        try:
            self._storage.keep_newest(keep)
        except PublishError as exc:  # an account that may push need not be one that may set rules
            self.report.detail(f"the clean-up rule of {self.given.repository!r} stays as it is: {exc}")

    def unpublish(self) -> None:
        """Remove the service, and its images."""
        self._service.delete()
        try:
            self._storage.clear()
        except PublishError as exc:  # nobody asks for a service that is gone once more
            self.report.warning(
                f"the images stay, and cost their storage: {exc}; remove them with `gcloud artifacts docker images "
                f"delete {self._storage.image} --delete-tags`"
            )

    # The parts

    @cached_property
    def _login(self) -> Login:
        return google_login.find()

    @property
    def _place(self) -> tuple[str, str, str]:
        return self.given.project or "", self.given.region or "", self.given.repository

    @cached_property
    def _api(self) -> Api:
        return Api(self._login, self.http)

    @cached_property
    def _survey(self) -> Survey:
        return Survey(self._api, self._place[0])

    @cached_property
    def _storage(self) -> Storage:
        return Storage(self._api, self._place, self.name)

    @cached_property
    def _service(self) -> Service:
        project, region, _ = self._place
        return Service(Run(self._login, project, region, within=self.given.start_timeout), self.name, self.report)

    @cached_property
    def _visitor(self) -> Visitor:
        return Visitor(self.http, self._login)

    def _image(self, artifact: Artifact) -> "Image":
        from baked_publish.images.image import Image  # noqa: PLC0415 - only a publish needs it

        return Image.of(artifact, self.target)

    def _push(self, image: "Image") -> str:
        works = {RUN: self._service.run.services, STORAGE: self._storage.exists}
        for each in self._survey.apis()[0]:
            self.report.info(f"enabling {each}")
            self._survey.enable(each, works[each])
        if not self._storage.exists():
            self.report.info(f"making the Artifact Registry repository {self.given.repository!r}")
            self._storage.make()
        return self._storage.push(image, self.report)

    def _make(self, roster: Roster, made: Mapping[str, Any], tag: str) -> None:
        if roster.service is None:
            self._service.make(made, tag)
            return
        revision = str(made["revision"])
        self._service.change(lambda seen: edits.staged(seen, revision, made))

    def _up(self, revision: str) -> Candidate:
        """Wait until a revision is ready, and answers: the platform may say so before it does."""
        roster = self._service.wait_for(revision, self.given.start_timeout)
        self._visitor.wait(roster.links[revision], roster.url, self.given.start_timeout)
        return roster.candidate(_found(roster, revision))

    def _give_up(self, revision: str) -> None:
        roster = self._service.look()
        found = roster.find(revision)
        if found is not None:
            self.discard(roster.candidate(found))
        elif roster.ledger and roster.ledger.made and not roster.revisions:
            self._service.delete()

    def _delete(self, revision: str) -> None:
        try:
            self._service.run.delete_revision(self.name, revision)
        except PublishError as exc:  # the newest one cannot be removed; it is without visitors and without a URL
            self.report.detail(f"revision {revision} stays for now: {exc}")


def _found(roster: Roster, revision: str) -> Revision:
    found = roster.find(revision)
    if found is None:
        raise NotFoundError(f"revision {revision!r} of {roster.name!r} is not there any more")
    return found
