"""The keeper process: holds the public socket, leads the servers, and changes who takes visitors.

Run as ``python -m baked_publish.keeper.process FOLDER HOST PORT``; it is started by the first command that needs it and
stays until the name is unpublished. It answers one JSON line for each JSON line on the Unix socket ``keeper``.
"""

import asyncio
import contextlib
import json
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from baked_core.control import BACKLOG, DRAIN, LINGER
from baked_publish.errors import PublishError, StageError, TargetError
from baked_publish.keeper.state import Address, State
from baked_publish.keeper.worker import Worker, tail

SOCKET: Final = "keeper"
LEAVING: Final = DRAIN + LINGER + 2.0
CALM: Final = 10.0
"""Seconds a server must live for its next crash to count as the first."""
PAUSES: Final = (0.0, 0.2, 1.0, 5.0)
"""Seconds to wait before a crashed server is started again: at once, then ever longer."""

JSON = dict[str, Any]


@dataclass
class Running:
    """One deployment whose servers are up."""

    revision: str
    wanted: int
    """Servers side by side."""
    public: socket.socket
    private: socket.socket
    workers: list[Worker] = field(default_factory=list[Worker])
    visited: bool = False
    """Whether its servers take visitors."""
    leaving: bool = False

    @property
    def port(self) -> int:
        """The private port."""
        port: int = self.private.getsockname()[1]
        return port


class Keeper:
    """Everything that runs under one name."""

    def __init__(self, state: State, public: socket.socket) -> None:
        self._state, self._public = state, public
        self._running: dict[str, Running] = {}
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._done = asyncio.Event()

    async def run(self) -> None:
        """Bring up what should be up, then obey until nothing is left to keep."""
        await self._bring_up()
        path = self._state.run() / SOCKET
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._answer, str(path))
        async with server:
            await self._done.wait()
            path.unlink(missing_ok=True)
        await asyncio.gather(*self._tasks)

    async def adopt(self, orphans: Iterator[tuple[Worker, socket.socket]]) -> None:
        """Take over servers whose keeper died."""
        for worker, private in orphans:
            running = self._running.setdefault(
                worker.revision, Running(worker.revision, 0, self._public, private, visited=True)
            )
            running.workers.append(worker)
            running.wanted += 1
            self._watch(running, worker)

    async def _bring_up(self) -> None:
        address = self._state.address()
        live = address.live if address else None
        for revision, record in self._state.records().items():
            if revision not in self._running and (revision == live or record.kept):
                try:
                    await self.start(revision, record.workers, None, None)
                except StageError as exc:
                    _log(f"{revision} cannot be brought up: {exc}")
        if live in self._running:
            await self._hand_over(self._running[live])

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if line := await reader.readline():
                writer.write(json.dumps(await self._obey(json.loads(line))).encode() + b"\n")
                await writer.drain()
            writer.close()

    async def _obey(self, order: JSON) -> JSON:
        orders: dict[str, Callable[..., Awaitable[JSON]]] = {
            "status": self.status,
            "start": self.start,
            "promote": self.promote,
            "stop": self.stop,
            "quit": self.quit,
        }
        what = order.pop("do")
        async with self._one_at_a_time:
            try:
                return {"ok": True, **await orders[what](**order)}
            except PublishError as exc:
                return {"ok": False, "kind": type(exc).__name__, "message": str(exc)}

    async def status(self) -> JSON:
        """Tell what is running, and on which private port."""
        host, port = self._public.getsockname()[:2]
        running = {each.revision: each.port for each in self._running.values() if not each.leaving}
        visited = [each.revision for each in self._running.values() if each.visited and not each.leaving]
        workers = {each.revision: [worker.pid for worker in each.workers] for each in self._running.values()}
        return {"host": host, "port": port, "running": running, "visited": visited, "workers": workers}

    async def start(self, revision: str, workers: int, host: str | None, port: int | None) -> JSON:
        """Start the servers of ``revision`` on a private port; on another address if one is given."""
        running = self._running.get(revision)
        if running is None:
            private = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
            running = Running(revision, workers, self._public_socket(host, port), private)
            self._running[revision] = running
            try:
                await self._start_workers(running)
            except StageError as exc:
                await self._end(running, at_once=True)
                raise StageError(f"{exc}. Its log ends with:\n{tail(self._state.log(revision))}") from exc
        return {"port": running.port}

    async def promote(self, revision: str) -> JSON:
        """Send the visitors to ``revision``."""
        running = self._running.get(revision)
        if running is None or not running.workers:
            raise TargetError(f"{revision!r} is not running")
        await self._hand_over(running)
        host, port = self._public.getsockname()[:2]
        return {"host": host, "port": port}

    async def stop(self, revision: str) -> JSON:
        """Stop a deployment that has no visitors."""
        running = self._running.get(revision)
        if running and running.visited:
            raise TargetError(f"{revision!r} is live: publish another, or unpublish")
        if running:
            await self._end(running, at_once=True)
        return {}

    async def quit(self) -> JSON:
        """Let everything drain, then end."""
        for running in list(self._running.values()):
            await self._stop_visits(running)
        self._public.close()
        await asyncio.gather(*(self._end(each) for each in list(self._running.values())))
        self._done.set()
        return {}

    def _public_socket(self, host: str | None, port: int | None) -> socket.socket:
        now_host, now_port = self._public.getsockname()[:2]
        if host in {None, now_host} and port in {None, now_port}:
            return self._public
        return listen(host or now_host, port or (now_port if host is None else 0))

    async def _start_workers(self, running: Running) -> None:
        started = [self._start_worker(running) for _ in range(running.wanted - len(running.workers))]
        for worker in started:
            await worker.expect("ready", START)

    def _start_worker(self, running: Running) -> Worker:
        worker = Worker.start(self._state, running.revision, running.private, running.public)
        running.workers.append(worker)
        self._watch(running, worker)
        return worker

    def _watch(self, running: Running, worker: Worker) -> None:
        self._spawn(self._watch_worker(running, worker, time.monotonic()))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch_worker(self, running: Running, worker: Worker, began: float) -> None:
        """Start a crashed server again; the public socket stays open, so that visitors wait instead of failing."""
        crashes = 0
        while True:
            await worker.gone.wait()
            running.workers.remove(worker)
            if running.leaving or not running.visited:
                return
            crashes = 0 if time.monotonic() - began > CALM else crashes + 1
            _log(f"{running.revision}: server {worker.pid} ended, starting another")
            await asyncio.sleep(PAUSES[min(crashes, len(PAUSES) - 1)])
            if running.leaving:
                return
            began, worker = (
                time.monotonic(),
                Worker.start(self._state, running.revision, running.private, running.public),
            )
            running.workers.append(worker)
            with contextlib.suppress(StageError):
                await worker.expect("ready", START)
                if running.visited:
                    await worker.say("accept", "accepting")

    async def _hand_over(self, new: Running) -> None:
        """Let the old servers stop, then the new ones begin; visitors wait in the socket's queue meanwhile."""
        old = [each for each in self._running.values() if each.visited and each is not new]
        before = self._state.address()
        for each in old:
            await self._stop_visits(each)
        host, port = new.public.getsockname()[:2]
        self._state.write_address(Address(host, port, new.revision))
        try:
            for worker in new.workers:
                await worker.say("accept", "accepting")
        except StageError:
            if before:
                self._state.write_address(before)
            await self._resume(old)
            raise
        new.visited = True
        if self._public is not new.public:
            self._public.close()
            self._public = new.public
        for each in old:
            self._spawn(self._end(each))

    async def _stop_visits(self, running: Running) -> None:
        for worker in running.workers:
            with contextlib.suppress(StageError):
                await worker.say("stop", "stopped")

    async def _resume(self, old: list[Running]) -> None:
        for each in old:
            for worker in each.workers:
                with contextlib.suppress(StageError):
                    await worker.say("accept", "accepting")

    async def _end(self, running: Running, *, at_once: bool = False) -> None:
        running.leaving = True
        if at_once:
            for worker in running.workers:
                worker.kill()
        await asyncio.gather(*(worker.leave(LEAVING) for worker in list(running.workers)))
        self._running.pop(running.revision, None)
        running.private.close()
        if not self._running:
            self._done.set()


START: Final = 60.0
"""Seconds a server may take to start."""


def listen(host: str, port: int) -> socket.socket:
    """Bind ``host`` and ``port``; raises TargetError naming both when that is not possible."""
    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except (OSError, OverflowError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise TargetError(
            f"port {port} of {host!r} cannot be listened on: {reason}; choose another with --port"
        ) from exc


def orphans(folder: Path) -> Iterator[tuple[Worker, socket.socket, socket.socket]]:
    """Yield the servers that a dead keeper left, with the public and the private socket that each hands over."""
    for path in sorted(folder.glob("*.worker")):
        channel = socket.socket(socket.AF_UNIX)
        channel.settimeout(2.0)
        try:
            channel.connect(str(path))
            _, fds, _, _ = socket.recv_fds(channel, 1, 2)
            greeting = channel.recv(256).decode().split()
        except OSError:
            channel.close()
            path.unlink(missing_ok=True)
            continue
        public, private = (socket.socket(fileno=fd) for fd in fds)
        yield Worker(greeting[1], channel, int(greeting[2])), public, private


async def main(folder: Path, host: str, port: int) -> None:
    """Take the public socket over from orphaned servers, or bind it, and keep it."""
    state = State(folder)
    left = list(orphans(state.run()))
    public = left[0][1] if left else await _bind(state, host, port)
    keeper = Keeper(state, public)
    await keeper.adopt((worker, private) for worker, _, private in left)
    await keeper.run()


async def _bind(state: State, host: str, port: int) -> socket.socket:
    address = state.address()
    return listen(address.host, address.port) if address and port == 0 and address.host == host else listen(host, port)


def _log(message: str) -> None:
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {message}", file=sys.stderr, flush=True)  # noqa: T201 - its log


if __name__ == "__main__":
    try:
        asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
    except PublishError as exc:
        _log(str(exc))
        raise SystemExit(1) from exc
