"""The target ``local``: this machine, with no engine and no account.

A keeper process holds the socket of a stable URL and hands it to server processes, so that a publish and a rollback
lose no request. Deployments lie in the user's state folder, each with its own copy of data and code.
"""

import os
import re
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, ClassVar, Final

from baked_publish.artifacts import Artifact, Recipe
from baked_publish.builders.directory import Directory
from baked_publish.bundle import Bundle
from baked_publish.deployment import Candidate, Change, Deployment, Finding
from baked_publish.errors import NotFoundError, StageError, StorageError, TargetError
from baked_publish.keeper.client import KeeperClient
from baked_publish.keeper.state import Record, State, state_of
from baked_publish.options import option
from baked_publish.publisher import BasePublisher, Can
from baked_publish.report import Report

if TYPE_CHECKING:
    import httpx

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
POLL: Final = 0.2


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """How this machine serves."""

    host: str = option("127.0.0.1", "Address to listen on; 0.0.0.0 for all.", flag="-h --host")
    port: int | None = option(None, "Port to listen on; by default the one before, or a free one.", flag="-p --port")
    workers: int = option(1, "Server processes side by side.")


class LocalPublisher(BasePublisher):
    """Serves on this machine, behind a URL that stays."""

    target: ClassVar[str] = "local"
    options: ClassVar[type] = LocalOptions
    can: ClassVar[frozenset[Can]] = frozenset({Can.STAGE, Can.HISTORY, Can.LOGS, Can.SERVE})

    def __init__(self, options: Any, name: str, http: "httpx.Client", report: Report) -> None:
        super().__init__(options, name, http, report)
        self._given: LocalOptions = options
        if not NAME.fullmatch(name):
            raise TargetError(
                f"{name!r} cannot be a name here: letters, digits, dots, dashes and underscores, 63 at most; "
                "choose one with --name"
            )

    @property
    def _state(self) -> State:
        return state_of(self.name)

    @property
    def _keeper(self) -> KeeperClient:
        return KeeperClient(self._state)

    def preflight(self) -> Sequence[Finding]:
        """Look whether this is a Unix, the state can be written, and a requested port is free."""
        if sys.platform == "win32":
            return (Finding(ok=False, what="local", fix="works on Linux and macOS; use `publish serve` on Windows"),)
        return (self._storable(), self._free())

    def _storable(self) -> Finding:
        try:
            self._state.make()
            self._state.run()
        except StorageError as exc:
            return Finding(ok=False, what="state", fix=str(exc))
        return Finding(ok=True, what="state")

    def _free(self) -> Finding:
        host, port = self._given.host, self._given.port
        status = self._keeper.status() if self._state.folder.is_dir() else None
        ours = status is not None and (host, port) == (status["host"], status["port"])
        if port is None or ours:
            return Finding(ok=True, what="port")
        try:
            socket.create_server((host, port)).close()
        except (OSError, OverflowError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else exc
            return Finding(ok=False, what=f"port {port} of {host!r}", fix=f"{reason}; choose another with --port")
        return Finding(ok=True, what="port")

    def pack(self, bundle: Bundle) -> Recipe:  # noqa: ARG002 - every Bundle is packed alike
        """Ask for plain files."""
        return Recipe("directory")

    def plan(self, artifact: Artifact, live: Deployment | None) -> Sequence[Change]:  # noqa: ARG002
        """Name a change of address or of the number of servers."""
        address = self._state.address()
        record = self._state.record(live.revision) if live else None
        if address is None or record is None:
            return (Change("create", f"keeper for {self.name!r} on this machine"),)
        changes = []
        if self._given.port not in {None, address.port} or self._given.host != address.host:
            wanted = f"{self._given.host}:{self._given.port or 'any'}"
            changes.append(Change("change", "address", f"{address.host}:{address.port}", wanted))
        if record.workers != self._given.workers:
            changes.append(Change("change", "workers", str(record.workers), str(self._given.workers)))
        return changes

    def lock(self) -> AbstractContextManager[None]:
        """Hold the lock of this name."""
        return self._state.lock()

    def live(self) -> Deployment | None:
        """Return what visitors get, or would get if the keeper were running."""
        address = self._state.address()
        record = self._state.record(address.live) if address and address.live else None
        return self._deployment(address.live, record) if address and address.live and record else None

    def stage(self, artifact: Artifact, release: str, token: str) -> Candidate:
        """Write the files and start their servers on a private port."""
        if not isinstance(artifact, Directory):
            raise TargetError(f"{self.target} serves plain files, not a {artifact.kind!r}")
        state = self._state
        state.make()
        state.remove_halves()
        staged = [each for each in self.candidates() if each.release == release]
        revision = staged[0].revision if staged else self._write(artifact, release, token)
        return self._start(revision)

    def _write(self, artifact: Directory, release: str, token: str) -> str:
        state, revision = self._state, f"{release[:8]}-{token_hex(2)}"
        folder = state.deployments / revision
        folder.mkdir(mode=0o700)
        artifact.write(state.bundle(revision), self.report, linked=self._linked())
        with os.fdopen(os.open(folder / "token", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token)
        given = self._given
        state.write_record(
            revision,
            Record(release, artifact.bundle.digest, artifact.digest, given.workers, given.host, given.port),
        )
        return revision

    def _linked(self) -> Mapping[str, Path]:
        """Return files that lie here already and never change, by digest."""
        from baked_core.manifest import FILE_NAME, Manifest  # noqa: PLC0415 - only where something is live

        live = self.live()
        if live is None:
            return {}
        bundle = self._state.bundle(live.revision)
        try:
            manifest = Manifest.from_json((bundle / FILE_NAME).read_bytes())
        except OSError:
            return {}
        files = {file.sha256: bundle / path for path, file in manifest.files.items()}
        return files | {each.sha256: bundle / each.file for each in manifest.databases.values()}

    def _start(self, revision: str) -> Candidate:
        record = self._require(revision)
        self._keeper.ensure(record.host, record.port)
        try:
            self._keeper.ask("start", revision=revision, workers=record.workers, host=record.host, port=record.port)
        except StageError:
            if not record.promoted:
                self._state.remove(revision)
            raise
        return self._candidate(revision, record)

    def recall(self, old: Deployment) -> Candidate:
        """Start the servers of a kept deployment again."""
        return self._start(old.revision)

    def candidates(self) -> Sequence[Candidate]:
        """List previews, and what a killed run left behind."""
        records = self._state.records()
        return [self._candidate(revision, record) for revision, record in records.items() if not record.promoted]

    def keep(self, candidate: Candidate) -> Candidate:
        """Remember that somebody wants to look at it."""
        self._state.write_record(candidate.revision, replace(self._require(candidate.revision), kept=True))
        return replace(candidate, kept=True)

    def fetch(self, at: Candidate | Deployment, path: str, headers: Mapping[str, str]) -> bytes:
        """Ask the deployment's own servers, by their private port."""
        status = self._keeper.status()
        port = status["running"].get(at.revision) if status else None
        if port is None:
            raise TargetError(f"revision {at.revision!r} of {self.name!r} is not running")
        return super().fetch(replace(at, url=f"http://127.0.0.1:{port}"), path, headers)

    def promote(self, candidate: Candidate, percent: int = 100) -> Deployment:
        """Let the keeper hand the public socket over."""
        if percent != 100:  # noqa: PLR2004 - all of them
            raise TargetError(f"{self.target} cannot send {percent} % of the visitors somewhere: it is one machine")
        before, record = self.live(), self._require(candidate.revision)
        previous = before.revision if before and before.revision != candidate.revision else record.previous
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        promoted = replace(record, promoted=now, kept=False, previous=previous)
        self._state.write_record(candidate.revision, promoted)
        try:
            self._keeper.ask("promote", revision=candidate.revision)
        except BaseException:
            live = self.live()
            if live is None or live.revision != candidate.revision:
                self._state.write_record(candidate.revision, record)
            raise
        return self._deployment(candidate.revision, promoted)

    def discard(self, candidate: Candidate) -> None:
        """Stop its servers, and remove its files unless it was live before."""
        with suppress(ConnectionError):
            self._keeper.ask("stop", revision=candidate.revision)
        record = self._state.record(candidate.revision)
        if record is not None and not record.promoted:
            self._state.remove(candidate.revision)

    def history(self) -> Sequence[Deployment]:
        """List what was live, newest first."""
        past = [(revision, record) for revision, record in self._state.records().items() if record.promoted]
        past.sort(key=lambda each: each[1].promoted, reverse=True)
        return [self._deployment(revision, record) for revision, record in past]

    def prune(self, keep: int) -> None:
        """Remove old deployments beyond ``keep``."""
        for old in [each for each in self.history() if not each.live][keep:]:
            self._state.remove(old.revision)

    def logs(self, follow: bool) -> Iterator[str]:  # noqa: FBT001 - the protocol's shape
        """Yield the lines that the live servers wrote."""
        live = self.live()
        if live is None:
            raise NotFoundError(f"nothing is live as {self.name!r}")
        path = self._state.log(live.revision)
        with path.open(errors="replace") as file:
            while True:
                for line in file:
                    yield line.rstrip("\n")
                if not follow:
                    return
                time.sleep(POLL)

    def unpublish(self) -> None:
        """Let the servers drain, then remove the state of this name."""
        import shutil  # noqa: PLC0415

        with suppress(ConnectionError):
            self._keeper.ask("quit")
        for folder in (self._state.run(), self._state.folder):
            shutil.rmtree(folder, ignore_errors=True)

    def _require(self, revision: str) -> Record:
        record = self._state.record(revision)
        if record is None:
            raise NotFoundError(f"revision {revision!r} of {self.name!r} is not there")
        return record

    def _candidate(self, revision: str, record: Record) -> Candidate:
        status = self._keeper.status()
        port = status["running"].get(revision) if status else None
        return Candidate(
            target=self.target,
            name=self.name,
            revision=revision,
            url=f"http://127.0.0.1:{port}" if port else "",
            release=record.release,
            bundle_digest=record.bundle_digest,
            artifact_digest=record.artifact_digest,
            token=self._state.token(revision),
            kept=record.kept,
        )

    def _deployment(self, revision: str, record: Record) -> Deployment:
        address = self._state.address()
        return Deployment(
            target=self.target,
            name=self.name,
            revision=revision,
            url=f"http://{address.host}:{address.port}" if address else "",
            release=record.release,
            bundle_digest=record.bundle_digest,
            artifact_digest=record.artifact_digest,
            created=record.promoted,
            previous=record.previous,
            live=address is not None and address.live == revision,
            token=self._state.token(revision),
        )
