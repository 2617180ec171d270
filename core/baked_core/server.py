"""The server: uvicorn, taught to take a socket up, to lay it down again, and to hand its visits to a successor.

A connection that waits between two requests is given to another process as an open file; what its client has sent
meanwhile lies in the kernel and is read there. So a hand-over closes no connection, loses no request, and no client
gets an old answer after a new one.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Generator, Iterable, Sequence
from importlib.util import find_spec
from typing import Any, Final

from baked_core.bequest import Bequest, inherit
from baked_core.errors import BrokenOff
from baked_core.lean import lean
from baked_core.listener import BACKLOG, doors

lean("uvicorn", Config="uvicorn.config")

from uvicorn.config import Config  # noqa: E402 - after what makes it lean
from uvicorn.server import Server as UvicornServer  # noqa: E402

from baked_core.shared import Shared  # noqa: E402

GRACE: Final = 10
"""Seconds that a request under way gets when the server stops."""
LINGER: Final = 1.0
"""Seconds that an idle connection stays open when the server stops, for a request that is on its way."""
SOON: Final = 0.02
"""Seconds between two looks at connections that are to end."""


class Worthwhile(logging.Filter):
    """Keeps out of the log what strangers can have happen as often as they like."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether ``record`` is for the log."""
        return not (record.exc_info and isinstance(record.exc_info[1], BrokenOff))


LOG: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "filters": {"worthwhile": {"()": Worthwhile}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["worthwhile"]}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}


class Server(UvicornServer):
    """Serves an ASGI application on listening sockets, one of which may come from, and go to, another process."""

    def __init__(self, app: Any, *, root_path: str = "", linger: float = LINGER, proxies: int = 0) -> None:
        """Take the application, and how many proxies before it tell clients apart."""
        config = Config(
            app,
            http="baked_core.visit:Visit" if find_spec("httptools") else "h11",
            ws="none",
            lifespan="on",
            log_config=LOG,
            log_level="error",  # not what strangers send: anybody could fill the log
            access_log=False,
            backlog=BACKLOG,
            root_path=root_path,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
        )
        super().__init__(config)
        self.server_state = Shared(self, proxies)
        self.up = asyncio.Event()
        """Set as soon as the application answers."""
        self.listener: socket.socket | None = None
        """The public listening socket, if this process ever had it."""
        self._linger = linger
        self._stopping = False
        self._accepting: list[asyncio.AbstractServer] = []
        self._bequest: Bequest | None = None
        self._inheriting: set[asyncio.Task[None]] = set()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on listening ``sockets`` until SIGTERM or SIGINT, then answer what is under way."""
        with asyncio.Runner(loop_factory=self.config.get_loop_factory()) as runner:
            runner.run(self.serve(sockets))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application and listen; leave the process if the application fails."""
        await super().startup([door for each in sockets for door in doors(each)] if sockets else sockets)
        self.up.set()

    @property
    def leaving(self) -> bool:
        """Whether this process answers what is under way and nothing more."""
        return self._stopping or self._bequest is not None

    @property
    def accepting(self) -> bool:
        """Whether visitors get in by the public socket."""
        return bool(self._accepting)

    async def take_up(self, listener: socket.socket, predecessors: Iterable[socket.socket] = ()) -> None:
        """Accept visitors at ``listener``, and the visits that each of ``predecessors`` leaves."""
        if self.listener is not None and self.listener is not listener:
            self.listener.close()
        self.listener = listener
        if not self._accepting:
            make = asyncio.get_running_loop().create_server
            self._accepting = [await make(self._visit, sock=each, backlog=BACKLOG) for each in doors(listener.dup())]
            await self._revoke()
        for predecessor in predecessors:
            task = asyncio.create_task(self._inherit(predecessor))
            self._inheriting.add(task)
            task.add_done_callback(self._inheriting.discard)

    def lay_down(self, successor: socket.socket) -> None:
        """Accept nobody any more; leave every visit that waits to ``successor``, as soon as it accepts."""
        self._stop_accepting()
        self._bequest = Bequest(successor)
        for visit in list(self.server_state.connections):
            self.pause(visit)

    def pause(self, visit: Any) -> None:
        """Stop reading from ``visit`` if it waits between two requests and a successor is to have it."""
        if self._bequest is None or not getattr(visit, "public", False) or visit.transport.is_closing():
            return
        if not hasattr(visit, "take"):  # uvicorn's own, where httptools is not there: closed, not handed over
            visit.shutdown()
        elif visit.idle:
            self._bequest.leave(visit.take())
        else:
            visit.close_after_response()
            asyncio.get_running_loop().call_later(SOON, self.pause, visit)

    async def succeeded(self) -> bool:
        """Wait until the successor accepts, or is gone without having done so."""
        return self._bequest is not None and await self._bequest.accepted()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nobody, answer what is under way for at most GRACE seconds, and close."""
        self._stopping = True
        self._stop_accepting()
        for server in self.servers:
            server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE if self._bequest else self._linger):
                while self._open():  # noqa: ASYNC110 - uvicorn has no event for it
                    await asyncio.sleep(SOON)
        await super().shutdown(sockets)
        for task in list(self._inheriting):
            task.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave in peace on SIGTERM and SIGINT: a drained server ends with exit code 0."""
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _visit(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        visit = make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
        visit.public = True
        made: asyncio.Protocol = visit
        return made

    def _open(self) -> bool:
        """Tell whether anything is left to wait for: with a successor only what it is to have."""
        if self._bequest is None:
            return bool(self.server_state.connections)
        visits: Sequence[Any] = list(self.server_state.connections)
        return not self._bequest.empty or any(getattr(visit, "public", False) for visit in visits)

    def _stop_accepting(self) -> None:
        for each in self._accepting:
            each.close()
        self._accepting = []

    async def _revoke(self) -> None:
        """Take back what was left to a successor that never came."""
        if self._bequest is not None:
            bequest, self._bequest = self._bequest, None
            for connection in await bequest.revoke():
                await self._adopt(connection)

    async def _inherit(self, predecessor: socket.socket) -> None:
        async for connection in inherit(predecessor):
            await self._adopt(connection)

    async def _adopt(self, connection: int) -> None:
        sock = socket.socket(fileno=connection)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._visit, sock)
        except OSError:  # the client is gone
            sock.close()
