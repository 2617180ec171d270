"""Control: how a keeper process leads a server that shares its public socket.

The channel is a Unix stream socket; each message is one line. The keeper says ``accept``, ``stop`` or ``drain``; the
server answers ``ready`` once it can serve, then ``accepting``, ``stopped``. When the channel ends, the keeper has died:
a server that visitors had been sent to goes on serving them, and offers its public socket to the next keeper at the
path in ``BAKED_ADOPT`` (SCM_RIGHTS); one that never had visitors leaves.
"""

import asyncio
import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvicorn


if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTROL, PRIVATE, PUBLIC, ADOPT, REVISION = (
    "BAKED_CONTROL_FD",
    "BAKED_PRIVATE_FD",
    "BAKED_PUBLIC_FD",
    "BAKED_ADOPT",
    "BAKED_REVISION",
)
_LINE: Final = 64
BACKLOG: Final = 2048
LINGER: Final = 1.0
DRAIN: Final = 10
_TICK: Final = 0.02


class Server(uvicorn.Server):
    """A uvicorn server whose listeners come and go, and that tells its clients when it is about to go."""

    def __init__(self, app: "ASGIApp") -> None:
        super().__init__(
            uvicorn.Config(
                Draining(app, self),
                log_level="warning",
                access_log=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=DRAIN,
                server_header=False,
            )
        )
        self.draining = False

    async def listen(self, bound: socket.socket) -> asyncio.Server:
        """Take connections from ``bound``, on a descriptor of our own: closing it leaves ``bound`` open."""
        loop = asyncio.get_running_loop()
        own = socket.socket(fileno=os.dup(bound.fileno()))
        server = await loop.create_server(self._protocol, sock=own, backlog=BACKLOG)
        self.servers.append(server)
        return server

    def forget(self, server: asyncio.Server) -> None:
        """Take no more connections by ``server``; those that wait stay in the socket's queue for others."""
        self.servers.remove(server)
        server.close()

    def _protocol(self) -> asyncio.Protocol:
        kind: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = kind(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, let connections end by themselves for a moment, then finish what is under way."""
        self.draining = True
        for server in self.servers:
            server.close()
        deadline = asyncio.get_running_loop().time() + LINGER
        while self.server_state.connections and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_TICK)
        await super().shutdown(sockets)


class Draining:
    """Answers with ``Connection: close`` while its server drains, so that clients come back by a new connection."""

    def __init__(self, app: "ASGIApp", server: Server) -> None:
        self._app, self._server = app, server

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_on(message: "Message") -> None:
            if self._server.draining and message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, send_on)


class Led:
    """A server led by a keeper."""

    def __init__(self, app: "ASGIApp") -> None:
        self._server = Server(app)
        self._private = socket.socket(fileno=int(os.environ[PRIVATE]))
        self._public = socket.socket(fileno=int(os.environ[PUBLIC]))
        self._adopt = Path(os.environ[ADOPT])
        self._revision = os.environ[REVISION]
        self._listening: asyncio.Server | None = None
        self._had_visitors = False

    async def run(self) -> None:
        """Serve until told to drain."""
        channel = socket.socket(fileno=int(os.environ[CONTROL]))
        own = socket.socket(fileno=os.dup(self._private.fileno()))
        serving = asyncio.create_task(self._server.serve(sockets=[own]))
        while not (self._server.started or serving.done()):  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        led = asyncio.create_task(self._obey_keepers(channel))
        await serving
        led.cancel()
        self._adopt.unlink(missing_ok=True)

    async def _obey_keepers(self, channel: socket.socket) -> None:
        """Obey one keeper after the other."""
        greeting = "ready"
        while not self._server.should_exit:
            with contextlib.suppress(OSError):
                await self._obey(channel, greeting)
            channel.close()
            if not self._had_visitors or self._server.should_exit:
                self._server.should_exit = True
                return
            await self._accept()  # whatever the keeper was about: visitors come first
            channel = await self._be_adopted()
            greeting = f"adopted {self._revision} {os.getpid()}"

    async def _obey(self, channel: socket.socket, greeting: str) -> None:
        loop = asyncio.get_running_loop()
        channel.setblocking(False)
        await loop.sock_sendall(channel, f"{greeting}\n".encode())
        pending = b""
        while data := await loop.sock_recv(channel, _LINE):
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                answer = await self._do(line.decode())
                await loop.sock_sendall(channel, f"{answer}\n".encode())

    async def _do(self, word: str) -> str:
        match word:
            case "accept":
                await self._accept()
                return "accepting"
            case "stop":
                self._stop()
                return "stopped"
            case "drain":
                self._stop()
                self._server.should_exit = True
                return "draining"
            case _:
                return f"unknown {word}"

    async def _accept(self) -> None:
        self._had_visitors, self._server.draining = True, False
        if self._listening is None:
            self._listening = await self._server.listen(self._public)

    def _stop(self) -> None:
        if self._listening is not None:
            self._server.draining = True
            self._server.forget(self._listening)
            self._listening = None

    async def _be_adopted(self) -> socket.socket:
        """Wait for the next keeper, and hand it the public socket."""
        loop = asyncio.get_running_loop()
        self._adopt.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as offered:
            offered.bind(str(self._adopt))
            offered.listen(1)
            offered.setblocking(False)
            channel, _ = await loop.sock_accept(offered)
        self._adopt.unlink(missing_ok=True)
        channel.setblocking(True)
        socket.send_fds(channel, [b"\n"], [self._public.fileno(), self._private.fileno()])
        return channel


def main() -> None:
    """Serve a Bundle, led by a keeper."""
    from baked_core.app import create_app
    from baked_core.bundle import Baked

    app = create_app(Baked.open(Path(os.environ["BAKED_BUNDLE"])), verify_token=os.environ.pop("BAKED_VERIFY_TOKEN"))
    asyncio.run(Led(app).run())


if __name__ == "__main__":
    main()
