"""A Desk: the queues and the runners of one event loop."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Final

from baked_core.connection import REFUSED, TOO_LONG, Rows
from baked_core.errors import BadRequest, Busy, Gone, OutOfMemory, QueryError, QueryTimeout
from baked_core.strangers import errand, wire
from baked_core.strangers.job import CELLS, Job
from baked_core.strangers.lanes import Lanes
from baked_core.strangers.launch import Zygote
from baked_core.strangers.plan import Plan
from baked_core.strangers.process import Ended, Process
from baked_core.strangers.room import Armed
from baked_core.strangers.turn import Turn
from baked_core.strangers.wire import Malformed, Said
from baked_core.visitor import CURRENT

KILL: Final = 0.15
"""Seconds after the limit at which a runner is killed: the third clock."""
STREAMS: Final = 4
"""Streams that may be under way at least: with one place, one slow reader would keep everybody else waiting."""
STALLED: Final = 10.0
"""Seconds in which a reader of CSV must take ``LEAST`` bytes, or the query is ended."""
LEAST: Final = 1 << 16
ENDED: Final = (
    "the query ended the process that it ran in: it needed too much memory, or met a fault of SQLite; ask for less"
)
_ERRORS: Final[dict[str, type[QueryError | QueryTimeout]]] = {
    "late": QueryTimeout,
    "memory": OutOfMemory,
    "refused": QueryError,
}


class Desk:
    """Takes the queries of one event loop."""

    def __init__(self, plan: Plan, start: Callable[[], Zygote]) -> None:
        self._plan, self._start = plan, start
        self._loop = asyncio.get_running_loop()
        self.answers = Lanes(plan.width, plan.queue, plan.seconds)
        self.streams = Lanes(max(STREAMS, plan.width // 2), plan.queue, plan.seconds, lasting=True)
        self._idle: list[Process] = []
        self._all: set[Process] = set()
        self._spares: asyncio.Task[None] | None = None
        self._closed = False
        self.armed: Armed | None = None
        """What the youngest runner said of its locks."""

    async def answer(self, job: Job) -> Rows:
        """Run a query and return what it gave; raises QueryError, QueryTimeout, Busy, TooMany, Gone."""
        async with Turn(self.answers, CURRENT.get(), self._plan.proxies) as turn:
            process = turn.process = await self._process()
            fit, clock = False, self._clock(process, job.seconds)
            began = self._loop.time()
            try:
                await process.send(errand.packed(job))
                said, body = await process.receive()
                fit = said.fit
                return _rows(said, body, job)
            except (Ended, Malformed) as exc:
                raise self._why(turn, self._loop.time() - began, job.seconds) from exc
            finally:
                clock.cancel()
                self._back(process, fit=fit)

    async def stream(self, job: Job) -> AsyncGenerator[Rows, None]:
        """Run a query and yield its rows as CSV, as they are asked for; raises the same."""
        async with Turn(self.streams, CURRENT.get(), self._plan.proxies) as turn:
            process = turn.process = await self._process()
            watch = _Watch(process, job.seconds)
            fit = False
            try:
                await process.send(errand.packed(job))
                while True:
                    with watch:
                        said, body = await process.receive()
                    fit = said.fit
                    if said.end:
                        return
                    rows = _rows(said, body, job)
                    watch.taken += len(body)
                    yield rows
            except (Ended, Malformed) as exc:
                raise self._why(turn, watch.waited, job.seconds) from exc
            finally:
                watch.stop()
                self._back(process, fit=fit)

    async def prepare(self) -> None:
        """Have runners ready before anybody asks."""
        with contextlib.suppress(Busy):
            while len(self._idle) < self._plan.spare and not self._closed:
                self._idle.append(await self._made())

    def close(self) -> None:
        """End all runners; works after the event loop has ended too."""
        self._closed = True
        if self._spares is not None and not self._loop.is_closed():
            self._spares.cancel()
        for process in list(self._all):
            process.kill()
            process.close()
        self._all.clear()
        self._idle.clear()

    def _clock(self, process: Process, seconds: float) -> asyncio.TimerHandle:
        later = seconds + KILL if self._plan.spec.walls.killer else 3600.0
        return self._loop.call_later(later, process.kill)

    async def _process(self) -> Process:
        while self._idle:
            process = self._idle.pop()
            if not process.alive:
                self._drop(process)
            else:
                if len(self._all) < self.answers.width + self._plan.spare:
                    self.refill()
                return process
        return await self._made()

    async def _made(self) -> Process:
        try:
            zygote = await self._loop.run_in_executor(None, self._start)
            process = Process(zygote, zygote.make(), self._plan.largest)
        except OSError as exc:
            raise Busy("no process can be had to run SQL: ask again in a while") from exc
        self._all.add(process)
        try:
            await process.begin(wire.packed(self._plan.spec))
        except (Ended, Malformed) as exc:
            self._drop(process)
            raise Busy("no process can be had to run SQL: ask again in a while") from exc
        except BaseException:
            self._drop(process)
            raise
        self.armed = process.armed
        return process

    def _back(self, process: Process, *, fit: bool) -> None:
        """Take a runner back that is still fit; else end it, and have another one made."""
        if fit and not process.ended and not self._closed:
            self._idle.append(process)
            return
        self._drop(process)
        self.refill()

    def refill(self) -> None:
        """Begin to have runners ready."""
        if len(self._idle) < self._plan.spare and (self._spares is None or self._spares.done()) and not self._closed:
            self._spares = self._loop.create_task(self.prepare())

    def _drop(self, process: Process) -> None:
        process.close()
        self._all.discard(process)

    def _why(self, turn: Turn, took: float, seconds: float) -> QueryError | QueryTimeout | Gone:
        if turn.gone:
            return Gone("the client left")
        return QueryTimeout(TOO_LONG) if took >= seconds else QueryError(ENDED)


class _Watch:
    """The clocks of a stream: how long the runner works, and whether the reader reads."""

    def __init__(self, process: Process, seconds: float) -> None:
        self._process, self._seconds = process, seconds
        self._loop = asyncio.get_running_loop()
        self.waited = 0.0
        """Seconds that the runner was waited for."""
        self.taken = LEAST
        """Bytes that the reader took since somebody looked."""
        self._since: float | None = None
        self._late: asyncio.TimerHandle | None = None
        self._look = self._loop.call_later(STALLED, self._check)

    def __enter__(self) -> None:
        """Begin to wait for the runner."""
        self._since = self._loop.time()
        self._late = self._loop.call_later(max(0.0, self._seconds - self.waited) + KILL, self._process.kill)

    def __exit__(self, *_error: object) -> None:
        """Wait no more: it answered, or is gone."""
        if self._late is not None and self._since is not None:
            self._late.cancel()
            self.waited += self._loop.time() - self._since
            self._since = None

    def stop(self) -> None:
        """Look no more."""
        self._look.cancel()

    def _check(self) -> None:
        if self._since is None and self.taken < LEAST:
            self._process.kill()
            return
        self.taken = 0
        self._look = self._loop.call_later(STALLED, self._check)


def _error(said: Said) -> BadRequest:
    """Return the error that a process tells of; its words are never a pattern."""
    before, _, _ = REFUSED.partition("{")
    kind = _ERRORS.get(said.error, QueryError)
    if said.message.startswith(before):
        return kind(REFUSED, reason=said.message.removeprefix(before))
    return kind(said.message)


def _rows(said: Said, body: memoryview, job: Job) -> Rows:
    """Read an answer; raises the error that it tells of, or Malformed."""
    if said.error:
        raise _error(said)
    if job.way != CELLS:
        return Rows(said.columns, (), said.truncated, bytes(body))
    return Rows(said.columns, wire.cells(body, len(said.columns)), said.truncated)
