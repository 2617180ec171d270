"""Inside: where a stranger's SQL goes if no second process can be had: threads of the app, with what can be held there.

Not promised here: a hard deadline (one call of a function may run a few times as long as its limit), Python's memory,
that the app survives a fault of SQLite's, and that others are answered as quickly.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

from baked_core.connection import Connection, Rows
from baked_core.source import Source
from baked_core.strangers import overrides
from baked_core.strangers.bounds import Bounds
from baked_core.strangers.job import CELLS, LINES, Job
from baked_core.strangers.lanes import Lanes
from baked_core.strangers.turn import Turn
from baked_core.strangers.writers import Answer, growing
from baked_core.visitor import CURRENT
from baked_core.written import lines

T = TypeVar("T")
Prepare = Callable[[object, str], None]

OPEN: Final[Mapping[str, str]] = {
    "process": "no second process can be had here: one call of a function may run longer than its limit",
    "memory": "what Python gathers of an answer is not bounded by the kernel",
}
"""What stays open, and why."""


class Inside:
    """Runs SQL in threads of this process."""

    def __init__(self, sources: Mapping[str, Source], prepare: Prepare | None, lanes: Lanes, bounds: Bounds) -> None:
        self._sources, self._prepare, self._lanes, self._bounds = sources, prepare, lanes, bounds
        self._threads = ThreadPoolExecutor(lanes.width, thread_name_prefix="strangers")
        self._local = threading.local()
        bounds.set_heap()

    async def answer(self, job: Job) -> Rows:
        """Run a query and return what it gave."""
        async with Turn(self._lanes, CURRENT.get(), 0):
            return await self._run(partial(self._answered, job))

    async def stream(self, job: Job) -> AsyncGenerator[Rows, None]:
        """Run a query on a connection of its own and yield its rows."""
        async with Turn(self._lanes, CURRENT.get(), 0):
            connection = await self._run(partial(self._opened, job.source))
            connection.policy = job.policy
            try:
                batches = connection.batches(job.sql, job.params, seconds=job.seconds)
                while (batch := await self._run(partial(next, batches, None))) is not None:
                    yield Rows(batch.columns, (), written=lines(batch.rows)) if job.way == LINES else batch
            finally:
                await self._run(connection.close)

    async def standing(self) -> dict[str, Any]:
        """Return how SQL runs here, and what is not held."""
        return {"mode": "threads", "threads": self._lanes.width, "armed": ["heap"], "not_armed": dict(OPEN)}

    def warm(self) -> None:
        """Nothing has to be ready."""

    def close(self) -> None:
        """End the threads once they are done."""
        self._threads.shutdown(wait=False)

    def _answered(self, job: Job) -> Rows:
        connection = self._connection(job.source)
        connection.policy = job.policy
        writer, kept = Answer(job.way, self._bounds), list[Any]()
        last = Rows((), ())
        for batch in connection.batches(job.sql, job.params, seconds=job.seconds, sizes=growing()):
            last = batch
            kept += batch.rows
            if not writer.add(batch, job.max_rows):
                break
        if job.way == CELLS:
            return Rows(last.columns, kept[: writer.count], writer.truncated)
        return Rows(last.columns, (), writer.truncated, writer.body())

    def _connection(self, name: str) -> Connection:
        found: dict[str, Connection] = getattr(self._local, "connections", {})
        self._local.connections = found
        if name not in found:
            found[name] = self._opened(name)
        return found[name]

    def _opened(self, name: str) -> Connection:
        return Connection(self._sources[name], guarded=True, prepare=self._prepare, overrides=overrides.install)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
