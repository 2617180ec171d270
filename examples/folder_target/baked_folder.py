"""A sample target: publishes a Bundle by copying its files to a folder, for a file server or a share.

One class and an entry point are a whole plugin. Each release gets a folder of its own; the link ``current`` names the
one that is live, and replacing a link is atomic. Nothing serves here, so verification reads the files back.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import ClassVar

from baked_publish.artifacts import Artifact, Recipe
from baked_publish.builders.directory import Directory
from baked_publish.bundle import Bundle
from baked_publish.deployment import Candidate, Deployment, Finding
from baked_publish.errors import LockedError, TargetError
from baked_publish.options import option
from baked_publish.publisher import BasePublisher, Can


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """Where the folder target publishes to."""

    folder: Path = option(Path("published"), "Folder to publish into.", release=False, locates=True)


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a release, in a file beside its folder."""

    release: str
    bundle_digest: str
    artifact_digest: str
    kept: bool = False
    promoted: str = ""
    """When it went live last, UTC, ISO 8601; empty for a candidate."""
    previous: str | None = None


class FolderPublisher(BasePublisher):
    """Copies the published files to a folder; the link ``current`` names what is live."""

    target: ClassVar[str] = "folder"
    options: ClassVar[type] = FolderOptions
    can: ClassVar[frozenset[Can]] = frozenset({Can.STAGE, Can.HISTORY})

    @property
    def root(self) -> Path:
        """The folder of this name."""
        folder: Path = self.given.folder
        return folder.resolve() / self.name

    def preflight(self) -> Sequence[Finding]:
        """Look whether the folder can be written."""
        parent = next(each for each in (self.root, *self.root.parents) if each.exists())
        fix = f"make {str(parent)!r} writable, or choose another with --folder"
        return (Finding(os.access(parent, os.W_OK), f"folder {str(self.root)!r} cannot be written", fix),)

    def pack(self, bundle: Bundle) -> Recipe:  # noqa: ARG002 - every Bundle is packed alike
        """Ask for plain files."""
        return Recipe("directory")

    @contextmanager
    def lock(self) -> Generator[None, None, None]:
        """Hold a lock file for as long as a publish runs; the system frees it when the process dies."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LockedError(f"another publish to {str(self.root)!r} is under way: wait for it to end") from None
            yield

    def live(self) -> Deployment | None:
        """Return the deployment that ``current`` names."""
        revision = self._current()
        return None if revision is None else self._deployment(revision, self._record(revision))

    def stage(self, artifact: Artifact, release: str, token: str) -> Candidate:  # noqa: ARG002 - nothing serves here
        """Write the files into a folder of their own."""
        if not isinstance(artifact, Directory):
            raise TargetError(f"{self.target} publishes plain files, not a {artifact.kind!r}")
        revision = release[:12]
        taken = revision == self._current()
        revision = f"{revision}-{os.urandom(3).hex()}" if taken else revision
        if not self._file(revision).exists():
            shutil.rmtree(self.root / revision, ignore_errors=True)  # half written by a killed run
            artifact.write(self.root / revision, self.report)
            self._write(revision, Record(release, artifact.bundle.digest, artifact.digest))
        return self._candidate(revision, self._record(revision))

    def recall(self, old: Deployment) -> Candidate:
        """Return the old folder as a candidate: it was kept."""
        return self._candidate(old.revision, self._record(old.revision))

    def candidates(self) -> Sequence[Candidate]:
        """List the folders that were never live."""
        records = {revision: self._record(revision) for revision in self._revisions()}
        return [self._candidate(revision, record) for revision, record in records.items() if not record.promoted]

    def keep(self, candidate: Candidate) -> Candidate:
        """Mark a preview in its record."""
        self._write(candidate.revision, replace(self._record(candidate.revision), kept=True))
        return replace(candidate, kept=True)

    def fetch(self, at: Candidate | Deployment, path: str, headers: Mapping[str, str]) -> bytes:  # noqa: ARG002
        """Read a file."""
        try:
            return (self.root / at.revision / path.lstrip("/")).read_bytes()
        except OSError as exc:
            raise TargetError(f"{self.root / at.revision!s}{path} cannot be read: {exc.strerror}") from exc

    def stored(self, at: Candidate | Deployment) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Read every file back."""
        folder = self.root / at.revision
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            with path.open("rb") as file:
                yield path.relative_to(folder).as_posix(), iter(partial(file.read, 1 << 20), b"")

    def promote(self, candidate: Candidate, percent: int = 100) -> Deployment:
        """Point the link ``current`` at the candidate's folder."""
        if percent != 100:  # noqa: PLR2004 - all of them
            raise TargetError(f"{self.target} cannot send {percent} % of the readers anywhere: it is a folder")
        now = datetime.now(UTC).isoformat()
        record = replace(self._record(candidate.revision), promoted=now, kept=False, previous=self._current())
        self._write(candidate.revision, record)
        link = self.root / "next"
        link.unlink(missing_ok=True)
        link.symlink_to(candidate.revision)
        link.replace(self.root / "current")
        return self._deployment(candidate.revision, record)

    def discard(self, candidate: Candidate) -> None:
        """Remove a folder; one that was live before stays within reach."""
        if self._file(candidate.revision).exists() and not self._record(candidate.revision).promoted:
            self._remove(candidate.revision)

    def history(self) -> Sequence[Deployment]:
        """List what was promoted, newest first."""
        records = [(revision, self._record(revision)) for revision in self._revisions()]
        past = sorted((each for each in records if each[1].promoted), key=lambda each: each[1].promoted, reverse=True)
        return [self._deployment(revision, record) for revision, record in past]

    def prune(self, keep: int) -> None:
        """Remove old folders beyond ``keep``."""
        for old in [each for each in self.history() if not each.live][keep:]:
            self._remove(old.revision)

    def unpublish(self) -> None:
        """Remove the folder of this name."""
        shutil.rmtree(self.root)

    def _current(self) -> str | None:
        link = self.root / "current"
        return link.readlink().name if link.is_symlink() else None

    def _revisions(self) -> list[str]:
        return sorted(file.stem for file in self.root.glob("*.json"))

    def _file(self, revision: str) -> Path:
        return self.root / f"{revision}.json"

    def _record(self, revision: str) -> Record:
        return Record(**json.loads(self._file(revision).read_text()))

    def _write(self, revision: str, record: Record) -> None:
        half = self.root / f"{revision}.partial"
        half.write_text(json.dumps(asdict(record)))
        half.replace(self._file(revision))

    def _remove(self, revision: str) -> None:
        shutil.rmtree(self.root / revision, ignore_errors=True)
        self._file(revision).unlink(missing_ok=True)

    def _candidate(self, revision: str, record: Record) -> Candidate:
        return Candidate(
            target=self.target,
            name=self.name,
            revision=revision,
            url=(self.root / revision).as_uri(),
            release=record.release,
            bundle_digest=record.bundle_digest,
            artifact_digest=record.artifact_digest,
            token="",
            kept=record.kept,
        )

    def _deployment(self, revision: str, record: Record) -> Deployment:
        return Deployment(
            target=self.target,
            name=self.name,
            revision=revision,
            url=(self.root / "current").as_uri(),
            release=record.release,
            bundle_digest=record.bundle_digest,
            artifact_digest=record.artifact_digest,
            created=record.promoted,
            previous=record.previous,
            live=revision == self._current(),
        )
