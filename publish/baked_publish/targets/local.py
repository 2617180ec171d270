"""The target ``local``: this machine, with no engine and no account.

A keeper holds the socket of a stable URL and hands it from the app processes of one deployment to those of the next,
so that a publish and a rollback lose no request. Deployments lie in the user's state folder, each with its own copy
of the serving app.
"""

import os
import re
import sys
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from baked_publish.artifacts import Artifact, Recipe
from baked_publish.bundle import Bundle
from baked_publish.deployment import Candidate, Change, Deployment, Finding
from baked_publish.errors import NotFoundError, StageError, TargetError, UsageError
from baked_publish.keeper import survey
from baked_publish.keeper.contact import Absent, Contact
from baked_publish.keeper.files import make_folder, told, write, write_json
from baked_publish.keeper.folder import Folder, home
from baked_publish.keeper.ledger import LOCALHOST, Address, Ledger, url_of
from baked_publish.keeper.listing import Listing
from baked_publish.keeper.lock import locked
from baked_publish.keeper.record import Record
from baked_publish.options import option
from baked_publish.publisher import BasePublisher, Can
from baked_publish.report import Report

if TYPE_CHECKING:
    import httpx

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
ALL: Final = 100
POLL: Final = 0.2
"""Seconds between two looks at a log that is followed."""


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """How a name is served on this machine; an address stays as it was until another one is asked for."""

    host: str | None = option(None, "Address to listen on; 0.0.0.0 for all.", flag="-h --host")
    port: int | None = option(None, "Port to listen on; by default the one before, or a free one.", flag="-p --port")
    workers: int = option(1, "Server processes side by side.")
    start_timeout: float = option(30.0, "Seconds that the app gets to come up.", release=False)
    copy: bool = option(False, "Copy every file, though an older deployment holds the same.", release=False)


class LocalPublisher(BasePublisher):
    """Serves on this machine, behind a URL that stays."""

    target: ClassVar[str] = "local"
    options: ClassVar[type] = LocalOptions
    can: ClassVar[frozenset[Can]] = frozenset({Can.STAGE, Can.HISTORY, Can.LOGS, Can.SERVE, Can.SECRETS})

    def __init__(self, options: Any, name: str, http: "httpx.Client", report: Report) -> None:
        if not NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot be a name here: letters, digits, dots, dashes and underscores, beginning with a "
                "letter or digit, 63 at most; choose one with --name"
            )
        super().__init__(options, name, http, report)
        self._folder = Folder(home() / name)
        self._contact = Contact(self._folder)
        self._listing = Listing(self._folder)
        self.given: LocalOptions = self._remembering(options)

    def _remembering(self, options: LocalOptions) -> LocalOptions:
        """Return ``options`` with the address that was asked for last: saying nothing of it is no change."""
        asked = self._ledger().asked
        port = asked.port if options.host in {None, asked.host} else None
        return replace(options, host=options.host or asked.host, port=options.port or port)

    @property
    def _wanted(self) -> Address:
        return Address(self.given.host or LOCALHOST, self.given.port)

    # Before the bake

    def preflight(self) -> Sequence[Finding]:
        """Look whether this system can do it, the state folder can be used, and the port is free."""
        if sys.platform == "win32":
            return (Finding(ok=False, what="the target 'local' needs Linux or macOS", fix="use `publish serve` here"),)
        parent = self._folder.path.parent
        make_folder(parent)
        return (Finding(ok=True, what=f"state folder {str(parent)!r}"), survey.port(self._wanted, self._folder))

    def rehearse(self) -> Sequence[Finding]:
        """Look whether there is to be a process at all as well."""
        many = self.given.workers
        return (*self.preflight(), Finding(many > 0, f"--workers {many}", "one process at least is needed"))

    def doctor(self) -> Sequence[Finding]:
        """Look at who may read the state as well, and at what locks visitors' SQL in on this machine."""
        from baked_publish.room import room  # noqa: PLC0415 - it loads the serving app

        seen = self.rehearse()
        if not all(each.ok for each in seen):
            return seen
        return (*seen, *survey.private(self._folder), *room())

    def pack(self, bundle: Bundle) -> Recipe:  # noqa: ARG002 - every Bundle is packed alike
        """Ask for plain files."""
        return Recipe("directory")

    def plan(self, artifact: Artifact, live: Deployment | None) -> Sequence[Change]:  # noqa: ARG002 - the files are compared elsewhere
        """Name a new name, a move to another address, another number of processes."""
        if live is None:
            return (Change("create", f"{self.name} on this machine"),)
        ledger, record = self._ledger(), self._listing.record(live.revision)
        wanted, changes = self._wanted, list[Change]()
        if wanted not in {ledger.asked, ledger.bound}:
            after = url_of(wanted) if wanted.port else f"any free port of {wanted.host}"
            changes.append(Change("change", "address", ledger.url, after))
        if record.workers != self.given.workers:
            changes.append(Change("change", "workers", str(record.workers), str(self.given.workers)))
        return changes

    @contextmanager
    def lock(self) -> Generator[None, None, None]:
        """Keep every other publish of this name out, and clear away what a killed one left half done."""
        make_folder(self._folder.path.parent)
        with locked(self._folder.lock, f"another publish of {self.name!r}"):
            self._folder.sweep()
            with suppress(Absent):
                self._contact.ask("tidy")
            yield

    # What there is

    def live(self) -> Deployment | None:
        """Return what visitors get, or should get where nothing is running."""
        return self._listing.live()

    def history(self) -> Sequence[Deployment]:
        """List what is and was live, newest first."""
        return self._listing.history()

    def candidates(self) -> Sequence[Candidate]:
        """List previews and what a killed run left behind, newest first."""
        return list(self._listing.candidates())

    def fetch(self, at: Candidate | Deployment, path: str, headers: Mapping[str, str]) -> bytes:
        """GET ``path`` from the deployment's own address on this machine; raise TargetError if it is not running."""
        status = self._contact.status()
        crew = status["crews"].get(at.revision) if status else None
        if crew is None and isinstance(at, Candidate):
            self._start(at.revision)
            crew = self._contact.ask("status")["crews"][at.revision]
        if crew is None or not crew["pids"]:
            raise TargetError(f"revision {at.revision!r} of {self.name!r} is not running")
        return super().fetch(replace(at, url=url_of(Address(LOCALHOST, crew["port"]))), path, headers)

    def logs(self, follow: bool) -> Iterator[str]:  # noqa: FBT001 - the protocol's shape
        """Yield the log lines of what is live; following, go on with whatever goes live next."""
        live = self.live()
        if live is None:
            raise NotFoundError(f"nothing is live as {self.name!r} on this machine")
        while live is not None:
            yield from self._lines(live.revision, follow=follow)
            live = self.live() if follow else None

    def _lines(self, revision: str, *, follow: bool) -> Iterator[str]:
        with self._folder.log(revision).open(errors="replace") as log:
            while True:
                for line in log:
                    yield line.rstrip("\n")
                if not follow or self._ledger().live != revision:
                    return
                time.sleep(POLL)

    # What changes it

    def stage(self, artifact: Artifact, release: str, token: str) -> Candidate:
        """Write the files and bring their processes up; raise StageError with their last words if they don't come."""
        staged = [each for each in self.candidates() if each.release == release]
        record = self._listing.record(staged[0].revision) if staged else self._write(artifact, release, token)
        try:
            self._start(record.revision)
            candidate = self._listing.candidate(record)
            self._answering(candidate)
        except BaseException:
            self._remove(record.revision)
            raise
        return candidate

    def recall(self, old: Deployment) -> Candidate:
        """Bring the processes of a kept deployment up again."""
        record = self._listing.record(old.revision)
        self._start(record.revision)
        return self._listing.candidate(record)

    def keep(self, candidate: Candidate) -> Candidate:
        """Mark ``candidate`` as a preview, which stays until it is promoted or unpublished."""
        self._ask("keep", revision=candidate.revision)
        return replace(candidate, kept=True)

    def promote(self, candidate: Candidate, percent: int = ALL) -> Deployment:
        """Let the keeper hand the visitors over; raise TargetError if they stay where they were."""
        if percent != ALL:
            raise TargetError(f"{self.target} sends all visitors or none, not {percent} %")
        self._ask("promote", revision=candidate.revision, asked=asdict(self._wanted))
        return self._listing.deployment(self._listing.record(candidate.revision))

    def discard(self, candidate: Candidate) -> None:
        """Stop the processes of ``candidate``; its files go as well, unless it once was live."""
        if candidate.revision in self._ledger().promoted:
            self._ask("rest", revision=candidate.revision)
        else:
            self._remove(candidate.revision)

    def prune(self, keep: int) -> None:
        """Remove all but the live and the ``keep`` newest old deployments."""
        for each in [each for each in self.history() if not each.live][keep:]:
            self._remove(each.revision)

    def unpublish(self) -> None:
        """Let requests under way end, stop everything, and remove what lies on the disk."""
        if self._contact.status() is not None:
            self._contact.ask("stop")
            if not self._contact.gone():
                raise TargetError(f"the keeper of {self.name!r} did not end: see {str(self._folder.keeper_log)!r}")
        self._folder.remove_all()

    # The parts

    def _write(self, artifact: Artifact, release: str, token: str) -> Record:
        self._folder.make()
        now = datetime.now(UTC)
        revision = f"{now:%Y%m%d-%H%M%S}-{release[:8]}"
        taken = self._folder.deployment(revision).exists()
        revision = f"{revision}-{now:%f}" if taken else revision
        folder = self._folder.deployment(revision)
        record = Record(revision, release, artifact.bundle.digest, artifact.digest, now.isoformat(), self.given.workers)
        try:
            with told(f"{str(folder)!r} cannot be made"):
                folder.mkdir(mode=0o700)
            self._copy(artifact, folder, release)
            write(self._folder.token_file(revision), token.encode())
            if self.secrets:
                write_json(self._folder.secrets_file(revision), dict(self.secrets))
            record.write(folder)
        except BaseException:
            self._folder.remove(revision)
            raise
        return record

    def _copy(self, artifact: Artifact, folder: Path, release: str) -> None:
        from baked_publish.builders.directory import Directory  # noqa: PLC0415 - only a publish needs it

        if not isinstance(artifact, Directory):
            raise TargetError(f"{self.target} takes a directory, not {artifact.kind!r}")
        live = self.live()
        anew = self.given.copy or (live is not None and live.release == release)  # what is live is published by force
        artifact.write(folder / "bundle", self.report, linked={} if anew else self._folder.shared())

    def _start(self, revision: str) -> None:
        within = self.given.start_timeout
        self._ask("start", patience=within + 30, revision=revision, within=within, environment=dict(os.environ))

    def _answering(self, candidate: Candidate) -> None:
        try:
            self.fetch(candidate, "/-/healthz", {})
        except TargetError as exc:
            words = self._folder.last_words(candidate.revision)
            raise StageError(f"the app came up, but {exc}. Its last words:{words or ' none'}") from exc

    def _remove(self, revision: str) -> None:
        """Stop and remove one deployment; and the whole name, if nothing is left of it."""
        try:
            self._contact.ask("forget", revision=revision)
        except Absent:
            if self._mentioned(revision):
                self._ask("forget", revision=revision)
        self._folder.remove(revision)
        if not self._folder.records() and self._ledger().live is None:
            self.unpublish()

    def _mentioned(self, revision: str) -> bool:
        ledger = self._ledger()
        return revision in {*ledger.promoted, *ledger.previews, *ledger.private}

    def _ask(self, what: str, **arguments: Any) -> Any:
        """Ask the keeper, started if need be."""
        self._contact.ensure()
        try:
            return self._contact.ask(what, **arguments)
        except Absent as exc:
            raise TargetError(f"the keeper of {self.name!r} died: run the command again") from exc

    def _ledger(self) -> Ledger:
        return self._folder.ledger()
