"""The Keeper: holds the public socket of one name for ever, and decides who accepts visitors there."""

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from baked_core.channel import Channel, Closed
from baked_publish.errors import StageError, TargetError
from baked_publish.keeper.crew import Crew
from baked_publish.keeper.folder import Folder
from baked_publish.keeper.hand import Hand, Start
from baked_publish.keeper.ledger import Address, Ledger
from baked_publish.keeper.listener import PortInUse, listen, private

REVIVE: Final = 60.0
"""Seconds between two attempts to bring up what should be live."""
ORPHANED: Final = 3.0
"""Seconds within which app processes notice that their keeper died, and give back the socket that they hold."""
TICK: Final = 2.0
"""Seconds between two looks whether the state folder is still there."""
IDLE: Final = 60.0
"""Seconds after which a keeper with nothing to keep ends."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Orphan:
    """An app process whose keeper died, and the sockets that it held meanwhile."""

    hand: Hand
    revision: str
    private: socket.socket
    public: socket.socket | None


class Keeper:
    """All that runs under one name."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.done = asyncio.Event()
        """Set when there is nothing left to keep."""
        self.ledger = folder.ledger()
        self.crews: dict[str, Crew] = {}
        self.public: socket.socket | None = None
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving: dict[str, asyncio.Task[None]] = {}

    # What commands ask for

    async def start(self, revision: str, within: float, environment: Mapping[str, str]) -> None:
        """Bring the app processes of ``revision`` up, without visitors; raise StageError with their last words."""
        crew = self.crews.get(revision) or self._crew(revision, environment)
        if await crew.up(within):
            return
        if crew.listener is None and self.crews.get(revision) is crew:
            await self._dismiss(revision)
        raise StageError(
            f"the app did not come up; what was live is untouched. "
            f"Its last words:{self.folder.last_words(revision) or ' none'}"
        )

    async def promote(self, revision: str, asked: Address) -> None:
        """Send the visitors to ``revision``; raise TargetError if they stay where they were."""
        async with self._one_at_a_time:
            crew, before = self.crews.get(revision), self.ledger
            if crew is None or not crew.pids:
                raise TargetError(f"revision {revision!r} of {self.folder.name!r} is not running: publish again")
            listener = self._listener(asked)
            bound = Address(asked.host, listener.getsockname()[1])
            self._write(before.promote(revision, _now(), asked, bound))
            if not await self._switch(revision, crew, listener):
                self._write(before)
                raise TargetError(
                    f"revision {revision!r} of {self.folder.name!r} died as it was to go live; "
                    f"what was live stays live. Its last words:{self.folder.last_words(revision)}"
                )

    async def keep(self, revision: str) -> None:
        """Remember ``revision`` as a preview."""
        async with self._one_at_a_time:
            self._write(self.ledger.keep(revision))

    async def rest(self, revision: str) -> None:
        """Stop the processes of ``revision``, unless visitors come there."""
        async with self._one_at_a_time:
            crew = self.crews.get(revision)
            if crew is not None and crew.listener is None:
                await self._dismiss(revision)

    async def forget(self, revision: str) -> None:
        """Stop the processes of ``revision`` and remember nothing of it; raise TargetError if it is live."""
        if revision == self.ledger.live:
            raise TargetError(f"revision {revision!r} of {self.folder.name!r} is live: unpublish it")
        await self.rest(revision)
        if (leaving := self._leaving.pop(revision, None)) is not None:  # it may still read its files
            await leaving
        async with self._one_at_a_time:
            self._write(self.ledger.forget(revision))

    async def tidy(self) -> None:
        """Stop what a killed command left running: old deployments that visitors do not come to."""
        for revision in [each for each in self.crews if each in self.ledger.promoted and each != self.ledger.live]:
            await self.rest(revision)

    async def stop(self) -> None:
        """Let all processes answer what is under way and leave; nothing is live any more."""
        async with self._one_at_a_time:
            if self.public is not None:
                self.public.close()
                self.public = None
            crews, self.crews = list(self.crews.values()), {}
            await asyncio.gather(*[crew.dismiss() for crew in crews], *self._leaving.values())
            self.done.set()

    async def retire(self) -> None:
        """End, so that a keeper of another version can adopt what runs."""
        async with self._one_at_a_time:
            crews, self.crews = list(self.crews.values()), {}
            await asyncio.gather(*[crew.abandon() for crew in crews])
            self.done.set()

    def status(self) -> dict[str, object]:
        """Tell what runs."""
        return {
            "pid": os.getpid(),
            "public": self.public.getsockname()[:2] if self.public else None,
            "crews": {
                revision: {"port": crew.port, "pids": crew.pids, "visited": crew.listener is not None}
                for revision, crew in self.crews.items()
            },
        }

    # Beginning and end

    async def begin(self) -> None:
        """Adopt what an earlier keeper left running, and bring up what should be running."""
        await self._adopt()
        await self._bind()
        known = self.folder.records()
        for key in [key for key, crew in self.crews.items() if key not in known and crew.listener is None]:
            await self._dismiss(key)
        wanted = [each for each in (self.ledger.live, *self.ledger.previews) if each is not None and each in known]
        for revision in wanted:
            if revision not in self.crews:
                self._crew(revision, dict(os.environ))
        self._spawn(self._revive())

    async def watch(self) -> None:
        """Stay until done, or until somebody removed the state folder, or there has been nothing to keep for long."""
        idle = time.monotonic()
        while not self.done.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await self.done.wait()
            if self.crews:
                idle = time.monotonic()
            await self._adopt()  # those that were slow to notice
            if not self.folder.path.is_dir() or time.monotonic() - idle > IDLE:
                await self.stop()
        for task in list(self._tasks):
            task.cancel()

    async def _revive(self) -> None:
        """Bring visitors to what should be live, however often its processes die first."""
        while (live := self.ledger.live) is not None and (crew := self.crews.get(live)) is not None:
            if not await crew.up(REVIVE):
                continue
            async with self._one_at_a_time:
                if self.ledger.live == live and self.public is not None:
                    await self._switch(live, crew, self.public)
            return

    async def _adopt(self) -> None:
        """Take over every process that waits for a keeper, grouped by deployment."""
        found = [orphan for path in sorted(self.folder.run.glob("orphan-*.sock")) if (orphan := await _meet(path))]
        groups: dict[str, list[Orphan]] = {}
        for orphan in found:
            taken = orphan.revision in self.crews
            key = f"{orphan.revision}#{orphan.hand.pid}" if taken else orphan.revision
            groups.setdefault(key, []).append(orphan)
        for key, group in groups.items():
            self._welcome(key, group)
        if found:
            self._spawn(self._revive())

    def _welcome(self, key: str, group: Sequence[Orphan]) -> None:
        record = self.folder.records().get(key)
        workers = record.workers if record else len(group)
        start = self._start(group[0].revision, dict(os.environ))
        crew = self.crews[key] = Crew(start, group[0].private, workers, [orphan.hand for orphan in group])
        _close(orphan.private for orphan in group[1:])
        for orphan in group:
            if orphan.public is not None:
                if self.public is None:
                    self.public = orphan.public
                else:
                    orphan.public.close()
                crew.listener = self.public

    async def _bind(self) -> None:
        """Listen at the stable address again; what an orphan still holds is waited for."""
        deadline = time.monotonic() + ORPHANED
        while self.public is None and self.ledger.bound.port is not None:
            try:
                self.public = listen(self.ledger.bound, self.folder.name)
            except PortInUse as exc:
                if time.monotonic() > deadline:
                    log.warning("%s", exc)
                    return
                await asyncio.sleep(0.05)
                await self._adopt()
            except TargetError as exc:
                log.warning("%s", exc)
                return

    # The parts

    def _listener(self, asked: Address) -> socket.socket:
        """Return the socket that visitors are to come to: the one there is, if it is what was asked for."""
        bound = self.ledger.bound
        if self.public is not None and asked.host == bound.host and asked.port in {None, bound.port}:
            return self.public
        if self.public is not None and asked.port == bound.port:
            raise TargetError(
                f"{self.folder.name!r} holds port {bound.port} on {bound.host} itself: "
                f"unpublish it first, or choose another --port for {asked.host}"
            )
        port = bound.port if asked.port is None and asked.host == bound.host else asked.port
        return listen(Address(asked.host, port), self.folder.name)

    async def _switch(self, revision: str, crew: Crew, listener: socket.socket) -> bool:
        """Let ``crew`` and nobody else accept visitors at ``listener``; False if it died and all stays as it was."""
        old = {each: other for each, other in self.crews.items() if other.listener is not None and each != revision}
        if crew.listener is listener and not old:
            return True
        moved = [*old.values(), crew] if crew.listener not in {None, listener} else list(old.values())
        heirs = [heir for each in moved for heir in await each.lay_down()]
        try:
            done = await crew.take_up(listener, heirs)
        finally:
            _close(heirs)
        if not done:
            crew.listener = None
            await self._undo(old.values(), listener)
            return False
        if self.public is not listener:
            _close([self.public] if self.public else [])
            self.public = listener
        for each in old:
            self._leaving[each] = self._spawn(self.crews.pop(each).dismiss())
        return True

    async def _undo(self, old: Iterable[Crew], listener: socket.socket) -> None:
        if self.public is not None:
            await asyncio.gather(*[each.take_up(self.public) for each in old])
        if self.public is not listener:
            listener.close()

    def _crew(self, revision: str, environment: Mapping[str, str]) -> Crew:
        record = self.folder.records().get(revision)
        if record is None:
            raise StageError(f"revision {revision!r} of {self.folder.name!r} is not in {str(self.folder.path)!r}")
        bound = private(self.ledger.private.get(revision))
        crew = self.crews[revision] = Crew(self._start(revision, environment), bound, record.workers)
        if self.ledger.private.get(revision) != crew.port:
            self._write(self.ledger.place(revision, crew.port))
        return crew

    def _start(self, revision: str, environment: Mapping[str, str]) -> Start:
        folder = self.folder
        known = {**environment, **folder.secrets(revision)}
        return Start(folder.bundle(revision), folder.log(revision), folder.run, revision, folder.token(revision), known)

    async def _dismiss(self, revision: str) -> None:
        await self.crews.pop(revision).dismiss()

    def _write(self, ledger: Ledger) -> None:
        ledger.write(self.folder.path)
        self.ledger = ledger

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _meet(path: Path) -> Orphan | None:
    """Connect to a process that waits at ``path``; None if it died as well."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(1)
        connection.connect(str(path))
        channel = Channel(connection)
        async with asyncio.timeout(ORPHANED):
            message, files = await channel.receive()
    except (OSError, Closed, TimeoutError):
        connection.close()
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - one small call
        return None
    own, *public = (socket.socket(fileno=file) for file in files)
    return Orphan(Hand(channel, message["pid"]), message["revision"], own, public[0] if public else None)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _close(sockets: Iterable[socket.socket]) -> None:
    for each in sockets:
        each.close()
