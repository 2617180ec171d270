"""The target ``registry``: an image under a tag, pushed with only what changed; no Docker on this machine.

Nothing serves here. An image is pushed by its digest, every blob of it is read back, and only then the tag is moved to
it, in one request. What was live, and what waits, is told by a second manifest, the ledger, under a tag of its own.
"""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final
from weakref import finalize

from baked_core.manifest import FILE_NAME
from baked_publish.artifacts import Artifact, Recipe
from baked_publish.bundle import Bundle
from baked_publish.deployment import Candidate, Change, Deployment, Finding
from baked_publish.errors import DigestError, NotFoundError, PublishError, TargetError, UsageError, VerifyError
from baked_publish.images.options import ImageOptions, platforms
from baked_publish.images.published import Published, read
from baked_publish.images.recipe import ImageRecipe
from baked_publish.keeper.turn import turn
from baked_publish.ledger.lease import place
from baked_publish.ledger.ledger import SUFFIX
from baked_publish.ledger.record import Record
from baked_publish.ledger.removal import remove
from baked_publish.ledger.shelf import Shelf
from baked_publish.options import option
from baked_publish.publisher import BasePublisher, Can
from baked_publish.registry.descriptor import Descriptor, Platform
from baked_publish.registry.push import attach, push
from baked_publish.registry.reference import Reference
from baked_publish.registry.repository import Repository
from baked_publish.registry.rights import require_push
from baked_publish.registry.session import Session
from baked_publish.report import Report

if TYPE_CHECKING:
    import httpx

    from baked_publish.images.image import Image

ALL: Final = 100
LONGEST: Final = 128 - len(SUFFIX)
"""Characters of a tag, so that the ledger's is one too."""


@dataclass(frozen=True, slots=True)
class RegistryOptions(ImageOptions):
    """What is pushed, and how the registry is spoken to."""

    platform: tuple[str, ...] = platforms()
    insecure: bool = option(
        False, "Speak plain HTTP to a registry that is not on this machine.", release=False, locates=True
    )


class RegistryPublisher(BasePublisher):
    """Pushes an image to a registry, with only what changed; no Docker needed."""

    target: ClassVar[str] = "registry"
    options: ClassVar[type] = RegistryOptions
    can: ClassVar[frozenset[Can]] = frozenset({Can.STAGE, Can.HISTORY})
    called: ClassVar[str] = "HOST/REPO:TAG"

    def __init__(self, options: Any, name: str, http: "httpx.Client", report: Report) -> None:
        super().__init__(options, name, http, report)
        self.given: RegistryOptions = options
        self._reference = Reference.parse(name)
        tag = self._reference.tag
        if self._reference.digest or tag.endswith(SUFFIX) or len(tag) > LONGEST:
            raise UsageError(
                f"{name!r} cannot be published to: write HOST/REPO:TAG, without a digest; the tag has at most "
                f"{LONGEST} characters and does not end with {SUFFIX!r}, which is for its ledger"
            )

    # Before the bake

    def preflight(self) -> Sequence[Finding]:
        """Look whether the registry answers and lets us push."""
        what = f"pushing to {self._reference.name}"
        try:
            require_push(self._shelf.repository)
        except PublishError as exc:
            return (Finding(ok=False, what=what, fix=str(exc)),)
        return (Finding(ok=True, what=what),)

    def pack(self, bundle: Bundle) -> Recipe:  # noqa: ARG002 - every Bundle is packed alike
        """Ask for an image for each platform."""
        wanted = tuple(dict.fromkeys(Platform.parse(each) for each in self.given.platform))
        return ImageRecipe(platforms=wanted, options=self.given)

    def plan(self, artifact: Artifact, live: Deployment | None) -> Sequence[Change]:
        """Name a new tag, a move of the tag, or the image of somebody else that would lose it."""
        tag = self._shelf.look().tag
        new = f"sha256:{artifact.digest}"
        if tag is None:
            return (Change("create", f"tag {self._shelf.name}", after=new),)
        if tag.digest == new:
            return ()
        if live is None:
            return (Change("overwrite", f"tag {self._shelf.name}, which baked-data did not publish", tag.digest, new),)
        return (Change("change", f"tag {self._shelf.name}", tag.digest, new),)

    @contextmanager
    def lock(self) -> Generator[None, None, None]:
        """Keep every other publish to this tag out: on this machine at once, on others from the first write on."""
        with turn(self.target, "", self._shelf.name) as folder, self._shelf.session(place(folder)):
            yield

    # What there is

    def live(self) -> Deployment | None:
        """Return what the tag names, if it was published by this tool."""
        view = self._shelf.look()
        record = view.ledger.live(view.digest)
        return None if record is None else self._deployment(record, record)

    def history(self) -> Sequence[Deployment]:
        """List what the tag names and named, newest first."""
        view = self._shelf.look()
        live = view.ledger.live(view.digest)
        past = [each for each in view.ledger.records.values() if each.promoted]
        past.sort(key=lambda each: (each == live, each.promoted), reverse=True)
        return [self._deployment(each, live) for each in past]

    def candidates(self) -> Sequence[Candidate]:
        """List previews and what a killed run left behind, newest first."""
        found = [each for each in self._shelf.look().ledger.records.values() if not each.promoted]
        found.sort(key=lambda each: each.staged, reverse=True)
        return [self._candidate(each) for each in found]

    def fetch(self, at: Candidate | Deployment, path: str, headers: Mapping[str, str]) -> bytes:  # noqa: ARG002
        """Return the Manifest, or another file of the Bundle, from the image's layers."""
        published = self._published(at)
        if path == f"/{FILE_NAME}":
            return published.manifest_json
        for found, blocks in published.files():
            if f"/{found}" == path:
                return b"".join(blocks)
        raise TargetError(f"{at.url} holds no {path!r}")

    def stored(self, at: Candidate | Deployment) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Read every layer of every platform back."""
        return self._published(at).files()

    # What changes it

    def stage(self, artifact: Artifact, release: str, token: str) -> Candidate:  # noqa: ARG002 - nothing serves here
        """Push the image by its digest, and note it in the ledger."""
        from baked_publish.images.image import Image  # noqa: PLC0415 - only a publish needs it

        image, shelf = Image.of(artifact, self.target), self._shelf
        shelf.hold()
        push(shelf.repository, image.tree, self.report)
        self._attach(image)
        staged = [each for each in self.candidates() if each.release == release and not each.kept]
        if staged:
            return staged[0]
        record = self._record(image.tree.manifest.descriptor, image.bundle.digest, release)
        shelf.change(lambda ledger: ledger.add(record))
        return self._candidate(record)

    def recall(self, old: Deployment) -> Candidate:
        """Look whether an old image is still there; raise NotFoundError if its registry removed it."""
        record = self._shelf.look().ledger.find(old.revision)
        if self._shelf.repository.find(record.digest) is None:
            raise NotFoundError(
                f"{old.url} is gone: the registry, or somebody, removed it. What is live stays live; `publish history` "
                "lists what else there is"
            )
        return self._candidate(record)

    def keep(self, candidate: Candidate) -> Candidate:
        """Mark ``candidate`` as a preview in the ledger."""
        self._shelf.change(lambda ledger: ledger.add(replace(ledger.find(candidate.revision), kept=True)))
        return replace(candidate, kept=True)

    def promote(self, candidate: Candidate, percent: int = ALL) -> Deployment:
        """Move the tag, in one request, and note it in the ledger; raise LockedError if somebody else moved it."""
        if percent != ALL:
            raise TargetError(f"{self.target} moves a tag for all or for none, not for {percent} %")
        shelf, revision = self._shelf, candidate.revision
        view = shelf.look()
        record, before = view.ledger.find(revision), view.ledger.live(view.digest)
        shelf.move(record.image)
        now = datetime.now(UTC).isoformat()
        try:
            ledger = shelf.change(lambda old: old.promote(revision, now, before.revision if before else ""))
        except PublishError as exc:  # the publish itself is done, and the next look settles the ledger
            self.report.warning(f"{shelf.name} was moved, but its ledger could not be written: {exc}")
            ledger = view.ledger.promote(revision, now, before.revision if before else "")
        return self._deployment(ledger.find(revision), ledger.find(revision))

    def discard(self, candidate: Candidate) -> None:
        """Forget a candidate and remove its image; one that was live before stays."""
        record = self._shelf.look().ledger.records.get(candidate.revision)
        if record is not None and not record.promoted and self._shelf.held():
            self._forget(record)

    def prune(self, keep: int) -> None:
        """Forget all but the live and the ``keep`` newest old deployments, and remove their images."""
        view = self._shelf.look()
        old = [each.revision for each in self.history() if not each.live][keep:]
        if old:
            self._forget(*(view.ledger.find(each) for each in old))

    def unpublish(self) -> None:
        """Remove tag, ledger and images; raise TargetError, with nothing changed, if the registry removes nothing."""
        images = {each.digest for each in self._shelf.look().ledger.records.values()}
        self._shelf.clear()
        self._remove(images)

    # The parts

    @cached_property
    def _shelf(self) -> Shelf:
        session = Session(self._reference.host, insecure=self.given.insecure, repository=self._reference.repository)
        finalize(self, session.__exit__)
        return Shelf(Repository(session, self._reference.repository), self._reference.tag, self.report)

    def _published(self, at: Candidate | Deployment) -> Published:
        try:
            return read(at.url, self._shelf.repository, self._record_of(at).digest)
        except DigestError as exc:
            raise VerifyError(f"{at.url} is not what was pushed: {exc}") from exc

    def _record_of(self, at: Candidate | Deployment) -> Record:
        return self._shelf.look().ledger.find(at.revision)

    def _attach(self, image: "Image") -> None:
        """Push the documents about the image; it is complete without them, so a failure is a warning."""
        for document in image.attached:
            try:
                attach(self._shelf.repository, document, image.tree.manifest.descriptor, self.report)
            except PublishError as exc:
                self.report.warning(f"a document about the image was not attached: {exc}")

    def _record(self, image: Descriptor, bundle: str, release: str) -> Record:
        now = datetime.now(UTC)
        revision = f"{now:%Y%m%d-%H%M%S}-{release[:8]}"
        taken = revision in self._shelf.look().ledger.records
        revision = f"{revision}-{now:%f}" if taken else revision
        return Record(image, revision, release, bundle, now.isoformat())

    def _forget(self, *records: Record) -> None:
        self._shelf.change(lambda ledger: ledger.forget(*(each.revision for each in records)))
        self._remove({each.digest for each in records})

    def _remove(self, images: Collection[str]) -> None:
        """Remove images that nothing names any more; they are forgotten already, so a failure is a detail."""
        try:
            remove(self._shelf.repository, images)
        except PublishError as exc:
            self.report.detail(f"{len(images)} images that nothing names stay in {self._shelf.repository.name}: {exc}")

    def _candidate(self, record: Record) -> Candidate:
        return Candidate(
            target=self.target,
            name=self.name,
            revision=record.revision,
            url=f"{self._shelf.repository.name}@{record.digest}",
            release=record.release,
            bundle_digest=record.bundle,
            artifact_digest=record.digest.removeprefix("sha256:"),
            token="",
            kept=record.kept,
        )

    def _deployment(self, record: Record, live: Record | None) -> Deployment:
        return Deployment(
            target=self.target,
            name=self.name,
            revision=record.revision,
            url=f"{self._shelf.name if record == live else self._shelf.repository.name}@{record.digest}",
            release=record.release,
            bundle_digest=record.bundle,
            artifact_digest=record.digest.removeprefix("sha256:"),
            created=record.promoted,
            previous=record.previous or None,
            live=record == live,
        )
