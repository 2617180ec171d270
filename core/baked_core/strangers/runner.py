"""A runner: the process that runs one stranger's SQL after another, and can do nothing else."""

import os
import resource
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from baked_core.connection import TOO_LARGE, Connection
from baked_core.errors import OutOfMemory, QueryError, QueryTimeout
from baked_core.source import Source
from baked_core.strangers import errand, room, wire, writers
from baked_core.strangers.bounds import MB
from baked_core.strangers.errand import Errand
from baked_core.strangers.job import LINES, Job
from baked_core.strangers.plan import Spec
from baked_core.strangers.wire import Said

ALARM: Final = 0.1
"""Seconds after the limit at which the process ends itself: the clock that SQLite looks at was not looked at."""
KINDS: Final[tuple[tuple[type[QueryError | QueryTimeout], str], ...]] = (
    (QueryTimeout, "late"),
    (OutOfMemory, "memory"),
    (QueryError, "refused"),
)
"""How errors are called on the wire."""

Prepare = Callable[[object, str], None]
T = TypeVar("T")


class Runner:
    """One process, from its birth on."""

    def __init__(self, app: socket.socket, spec: Spec, prepare: Prepare | None, parent: int) -> None:
        self._app, self._walls, self._bounds = app, spec.walls, spec.bounds
        armed = room.step_back(parent)
        if self._walls.memory:
            self._bounds.set_heap()
        self._connections = {
            each.name: Connection(each, guarded=True, prepare=prepare, walls=self._walls) for each in spec.sources
        }
        armed |= room.lock(
            self._bounds,
            memory=self._walls.memory,
            locked=self._walls.room,
            folders=sorted({str(Path(path).parent) for each in spec.sources for path in _changing(each)}),
        )
        self._send(Said(pid=os.getpid(), armed=armed))

    def run(self) -> None:
        """Answer until the app is gone, or this process had better be replaced."""
        fit = True
        while fit and (frame := received(self._app, Errand)) is not None:
            job = errand.unpacked(*frame)
            connection = self._connections[job.source]
            connection.policy = job.policy
            try:
                fit = self._stream(connection, job) if job.way == LINES else self._answer(connection, job)
            except (QueryError, QueryTimeout, MemoryError) as exc:
                fit = self._tell(exc)

    def _answer(self, connection: Connection, job: Job) -> bool:
        self._alarm(job.seconds)
        writer = writers.Answer(job.way, self._bounds if self._walls.memory else None)
        most = job.max_rows
        for batch in connection.batches(job.sql, job.params, seconds=job.seconds, sizes=writers.growing()):
            if not writer.add(batch, most):
                break
        self._alarm(None)
        fit = self._fit()
        self._send(Said(columns=writer.columns, truncated=writer.truncated, fit=fit), writer.body())
        return fit

    def _stream(self, connection: Connection, job: Job) -> bool:
        batches = connection.batches(job.sql, job.params, seconds=job.seconds, sizes=writers.growing())
        left = job.seconds
        while True:
            left = self._alarm(left)
            batch = next(batches, None)
            left = self._alarm(None, left)
            if batch is None:
                break
            for piece in writers.pieces(batch):
                self._send(Said(columns=batch.columns), piece)
        fit = self._fit()
        self._send(Said(end=True, fit=fit))
        return fit

    def _alarm(self, seconds: float | None, before: float = 0.0) -> float:
        """Set the second clock, or stop it; return the seconds that are left."""
        if not self._walls.alarm:
            return before if seconds is None else seconds
        left, _ = signal.setitimer(signal.ITIMER_REAL, 0.0 if seconds is None else max(seconds, 0.001) + ALARM)
        return left - ALARM if seconds is None else seconds

    def _tell(self, exc: Exception) -> bool:
        """Send an error; return whether this process can go on."""
        self._alarm(None)
        spent = isinstance(exc, MemoryError | OutOfMemory)
        fit = not spent and self._fit()
        kind = next((kind for error, kind in KINDS if isinstance(exc, error)), "memory")
        self._send(Said(error=kind, message=TOO_LARGE if spent else str(exc), fit=fit))
        return fit

    def _fit(self) -> bool:
        """Tell whether this process has not become larger than it should be."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < self._bounds.stale + 32 * MB

    def _send(self, said: Said, body: bytes = b"") -> None:
        self._app.sendall(wire.packed(said, body))


def _changing(source: Source) -> list[str]:
    """Return the files that somebody else may write to."""
    if source.immutable:
        return []
    return [str(Path(path).absolute()) for path in (source.attached or {source.name: source.path}).values()]


def received(app: socket.socket, kind: type[T]) -> tuple[T, memoryview] | None:
    """Return the next frame; None if the app is gone."""
    lengths = _exactly(app, wire.LENGTHS.size)
    if lengths is None:
        return None
    both = wire.LENGTHS.unpack(lengths)
    data = _exactly(app, both[0])
    return None if data is None else wire.unpacked(both, memoryview(data), kind)


def _exactly(app: socket.socket, count: int) -> bytearray | None:
    data = bytearray(count)
    view, done = memoryview(data), 0
    while done < count:
        got = app.recv_into(view[done:])
        if not got:
            return None
        done += got
    return data
