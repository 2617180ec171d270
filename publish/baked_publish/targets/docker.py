"""The target ``docker``: a container of a Docker engine on this machine, behind a port that stays.

All that is remembered lies in the engine: in the labels, names and environment of the containers.
"""

import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, ClassVar, Final

from baked_publish.artifacts import Artifact, Recipe
from baked_publish.bundle import Bundle
from baked_publish.deployment import Candidate, Change, Deployment, Finding
from baked_publish.engine import listing, survey
from baked_publish.engine.berth import STOP_WITHIN, config, lasting, limits, private
from baked_publish.engine.changes import planned
from baked_publish.engine.container import Container
from baked_publish.engine.door import Door
from baked_publish.engine.engine import Engine
from baked_publish.engine.fleet import Fleet, candidate_name, next_name, preview_name
from baked_publish.engine.handover import Handover
from baked_publish.engine.launch import Launch
from baked_publish.engine.loading import load, repository
from baked_publish.engine.options import DockerOptions
from baked_publish.engine.record import Record
from baked_publish.errors import NotFoundError, PreflightError, PublishError, TargetError, UsageError
from baked_publish.images.recipe import ImageRecipe
from baked_publish.keeper.ledger import LOCALHOST, Address, url_of
from baked_publish.keeper.listener import listen
from baked_publish.keeper.turn import turn
from baked_publish.publisher import BasePublisher, Can
from baked_publish.report import Report

if TYPE_CHECKING:
    import httpx

NAME: Final = re.compile(r"(?=.{1,63}$)[a-z0-9]+(?:[._-][a-z0-9]+)*")
"""What an engine takes as the name of a container and of a repository."""
ALL: Final = 100
TAG: Final = 12
"""Digits of the release that an image is tagged with."""
POLL: Final = 0.2
"""Seconds between two looks at a log that is followed."""


class DockerPublisher(BasePublisher):
    """Serves in a container, behind a port that stays."""

    target: ClassVar[str] = "docker"
    options: ClassVar[type] = DockerOptions
    can: ClassVar[frozenset[Can]] = frozenset({Can.STAGE, Can.HISTORY, Can.LOGS, Can.SERVE, Can.SECRETS})

    def __init__(self, options: Any, name: str, http: "httpx.Client", report: Report) -> None:
        if not NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot be a name here: small letters and digits, with single dots, dashes or underscores "
                "between them, 63 at most; choose one with --name"
            )
        super().__init__(options, name, http, report)
        self.given: DockerOptions = options

    @cached_property
    def _engine(self) -> Engine:
        engine = Engine(Door.find(self.given.engine))
        if fix := engine.door.knock():
            raise PreflightError(f"the Docker engine at {engine.door.url}: {fix}")
        return engine

    # Before the bake

    def preflight(self) -> Sequence[Finding]:
        """Look whether the engine answers, and whether name and port are ours."""
        return self._looked(lambda _engine: ())

    def rehearse(self) -> Sequence[Finding]:
        """Look whether the engine can do what the options say as well."""
        return self._looked(partial(survey.options, self.given))

    def _looked(self, first: Callable[[Engine], Iterable[Finding]]) -> Sequence[Finding]:
        door = Door.find(self.given.engine)
        if fix := door.knock():
            return (Finding(ok=False, what=f"the Docker engine at {door.url}", fix=fix),)
        fleet = self._fleet()
        return (
            *first(self._engine),
            survey.name(self.name, fleet, self._engine),
            survey.port(self._address(self._remembering(fleet), fleet), fleet),
        )

    def pack(self, bundle: Bundle) -> Recipe:  # noqa: ARG002 - every Bundle is packed alike
        """Ask for an image for the engine's own machine."""
        return ImageRecipe(platforms=(self._engine.platform,), options=self.given)

    def plan(self, artifact: Artifact, live: Deployment | None) -> Sequence[Change]:  # noqa: ARG002 - it looks itself
        """Name what is created, or another address and other limits."""
        wanted = Address(self.given.host or LOCALHOST, self.given.port)
        return tuple(planned(self.name, self._fleet().live, wanted, self._limits()))

    @contextmanager
    def lock(self) -> Generator[None, None, None]:
        """Keep every other publish of this name out, and clear away what a killed one left half done."""
        with turn(self.target, str(self._engine.info["ID"]), self.name):
            fleet = self._fleet()
            if fleet.pending:
                self._handover.heal(fleet.live, fleet.pending)
            if fleet.live and fleet.live.name != self.name:
                self._engine.rename(fleet.live, self.name)
            self._clear(fleet)
            yield

    def resolve(self) -> None:
        """Take the address that was asked for last: saying nothing of it is no change."""
        self.given = self._remembering(self._fleet())

    # What there is

    def live(self) -> Deployment | None:
        """Return what visitors get, or should get where nothing is running."""
        live = self._fleet().live
        return None if live is None else listing.deployment(live, live)

    def history(self) -> Sequence[Deployment]:
        """List what is and was live, newest first."""
        fleet = self._fleet()
        return [listing.deployment(each, fleet.live) for each in fleet.past]

    def candidates(self) -> Sequence[Candidate]:
        """List previews and what a killed run left behind, newest first."""
        return [listing.candidate(each) for each in self._fleet().candidates]

    def fetch(self, at: Candidate | Deployment, path: str, headers: Mapping[str, str]) -> bytes:
        """GET ``path`` from the deployment's own container; raise TargetError if it is not running."""
        fleet = self._fleet()
        among = fleet.waiting if isinstance(at, Candidate) else fleet.past
        container = next((each for each in among if each.record.revision == at.revision), None)
        if container is None or not container.running:
            raise TargetError(f"revision {at.revision!r} of {self.name!r} is not running")
        closing = {**headers, "Connection": "close"}  # one that idles would hold up the end of what is live
        return super().fetch(replace(at, url=url_of(container.address)), path, closing)

    def logs(self, follow: bool) -> Iterator[str]:  # noqa: FBT001 - the protocol's shape
        """Yield the log lines of what is live; following, go on with whatever goes live next."""
        live, shown = self._fleet().live, 0.0
        if live is None:
            raise NotFoundError(f"nothing is live as {self.name!r} on this engine")
        while live is not None:
            since, shown = shown, time.time()
            yield from self._engine.log(live, follow=follow, since=since)
            if not follow:
                return
            time.sleep(POLL)
            before, live = live, self._fleet().live
            shown = shown if live and live.id == before.id else 0.0

    # What changes it

    def stage(self, artifact: Artifact, release: str, token: str) -> Candidate:
        """Load the image and start it at a port of this machine.

        Raises StageError with the server's last words if it ends, runs out of memory or does not answer in time.
        """
        staged = next((each for each in self._fleet().candidates if each.record.release == release), None)
        container = staged or self._make(artifact, release, token)
        return self._launch_candidate(container)

    def recall(self, old: Deployment) -> Candidate:
        """Start the image of an old deployment again, with the limits that it had."""
        fleet = self._fleet()
        found = next((each for each in fleet.past if each.record.revision == old.revision), None)
        if found is None:
            raise NotFoundError(f"revision {old.revision!r} of {self.name!r} is not on this engine")
        if again := fleet.find(old.revision):
            self._engine.remove(again)
        record = replace(found.record, number=0, promoted="", previous="", asked_host="", asked_port=None)
        token = token_urlsafe(32)
        return self._launch_candidate(self._create(found.image, record, token, lasting(found), found.secrets))

    def keep(self, candidate: Candidate) -> Candidate:
        """Mark ``candidate`` as a preview, which stays until it is promoted or unpublished."""
        name = preview_name(self.name, candidate.revision)
        container = self._found(candidate)
        if container.name != name:
            self._engine.rename(container, name)
        return replace(candidate, kept=True)

    def promote(self, candidate: Candidate, percent: int = ALL) -> Deployment:
        """Let a successor of the candidate's image take the public port; the report says how long it was closed.

        Raises TargetError if it does not come up there; what was live is then started again.
        """
        if percent != ALL:
            raise TargetError(f"{self.target} sends all visitors or none, not {percent} %")
        fleet, container = self._fleet(), self._found(candidate)
        record = self._promoted(container.record, fleet)
        made = config(container.image, record, container.token, lasting(container), container.secrets)
        successor = self._handover.run(fleet.live, self._engine.create(next_name(self.name), made))
        try:
            self._clear(self._fleet())
        except PublishError as exc:  # the promotion itself is done
            self.report.warning(f"what the promotion left over could not be removed: {exc}")
        return listing.deployment(successor, successor)

    def discard(self, candidate: Candidate) -> None:
        """Remove the container of ``candidate``, and its image if nothing else of this name needs it."""
        if found := self._fleet().find(candidate.revision):
            self._engine.remove(found)
        self._sweep_images()

    def prune(self, keep: int) -> None:
        """Remove all but the live and the ``keep`` newest old deployments, and images that nobody needs then."""
        for each in self._fleet().past[1:][keep:]:
            self._engine.remove(each)
        self._sweep_images()

    def unpublish(self) -> None:
        """Let requests under way end, and remove every container and image of this name, what is live last."""
        fleet = self._fleet()
        for each in (*fleet.waiting, *reversed(fleet.settled)):
            if fleet.live and each.id == fleet.live.id:
                self._engine.stop(each, STOP_WITHIN)
            self._engine.remove(each)
        self._sweep_images()

    # The parts

    def _fleet(self) -> Fleet:
        return Fleet(self.name, tuple(self._engine.containers(self.name)))

    @property
    def _launch(self) -> Launch:
        return Launch(self._engine, self.http, self.given.start_timeout)

    @property
    def _handover(self) -> Handover:
        return Handover(self._launch, self.report)

    def _limits(self) -> dict[str, Any]:
        given = self.given
        return limits(given.network, given.memory_bytes, given.cpus or 0, given.pids_limit)

    def _remembering(self, fleet: Fleet) -> DockerOptions:
        given = self.given
        if fleet.live is None:
            return replace(given, host=given.host or LOCALHOST)
        asked = fleet.live.record
        port = asked.asked_port if given.host in {None, asked.asked_host} else None
        return replace(given, host=given.host or asked.asked_host, port=given.port or port)

    @staticmethod
    def _address(given: DockerOptions, fleet: Fleet) -> Address:
        """Return where visitors are to come; the port that is live stays, unless another one is asked for."""
        host = given.host or LOCALHOST
        stays = fleet.live.record.port if fleet.live and fleet.live.record.host == host else None
        return Address(host, given.port or stays)

    def _make(self, artifact: Artifact, release: str, token: str) -> Container:
        from baked_publish.images.image import Image  # noqa: PLC0415 - only a publish needs it

        image = load(self._engine, Image.of(artifact, self.target), self.name, release[:TAG], self.report)
        now = datetime.now(UTC)
        revision = f"{now:%Y%m%d-%H%M%S}-{release[:8]}"
        taken = any(each.record.revision == revision for each in self._fleet().containers)
        record = Record(
            name=self.name,
            revision=f"{revision}-{now:%f}" if taken else revision,
            release=release,
            bundle=artifact.bundle.digest,
            artifact=artifact.digest,
            restart=self.given.restart,
            host=LOCALHOST,
        )
        return self._create(image, record, token, self._limits(), self.secrets)

    def _create(
        self, image: str, record: Record, token: str, limited: Mapping[str, Any], secrets: Mapping[str, str]
    ) -> Container:
        record = private(record, limited["NetworkMode"])
        name = candidate_name(self.name, record.revision)
        return self._engine.create(name, config(image, record, token, limited, secrets))

    def _launch_candidate(self, container: Container) -> Candidate:
        try:
            return listing.candidate(self._launch.start(container))
        except BaseException:
            self._engine.remove(container)
            self._sweep_images()
            raise

    def _found(self, candidate: Candidate) -> Container:
        found = self._fleet().find(candidate.revision)
        if found is None:
            raise NotFoundError(f"revision {candidate.revision!r} of {self.name!r} is not on this engine")
        return found

    def _promoted(self, record: Record, fleet: Fleet) -> Record:
        """Return the record of a container that is about to be live."""
        live = fleet.live.record if fleet.live else None
        address = self._address(self.given, fleet)
        if address.port is None:
            with listen(address, f"{self._engine.door.url} {self.name}") as free:  # apart from other engines' ports
                address = replace(address, port=free.getsockname()[1])
        again = live is not None and live.revision == record.revision
        return replace(
            record,
            host=address.host,
            port=address.port,
            asked_host=self.given.host or LOCALHOST,
            asked_port=self.given.port,
            number=live.number + 1 if live else 1,
            promoted=datetime.now(UTC).isoformat(),
            previous="" if live is None else live.previous if again else live.revision,
        )

    def _clear(self, fleet: Fleet) -> None:
        """Remove what a promotion leaves over, and let what was live before rest."""
        for each in fleet.spare:
            self._engine.remove(each)
        for each in fleet.past[1:]:
            if each.running or each.restarts:
                self._engine.rest(each, STOP_WITHIN)

    def _sweep_images(self) -> None:
        """Take our tag from images that no container of this name needs; one that others use stays with them."""
        needed = {each.record.release[:TAG] for each in self._fleet().containers}
        ours = f"{repository(self.name)}:"
        for held in self._engine.images(repository(self.name)):
            for tag in held.tags:
                if tag.startswith(ours) and tag.removeprefix(ours) not in needed:
                    self._untag(tag)

    def _untag(self, tag: str) -> None:
        try:
            self._engine.untag(tag)
        except TargetError as exc:
            self.report.detail(f"image {tag} stays: {exc}")
