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
from typing import TYPE_CHECKING, Final

from baked_core.server import Server

if TYPE_CHECKING:
    from starlette.types import ASGIApp

CONTROL, PRIVATE, PUBLIC, ADOPT, REVISION = (
    "BAKED_CONTROL_FD",
    "BAKED_PRIVATE_FD",
    "BAKED_PUBLIC_FD",
    "BAKED_ADOPT",
    "BAKED_REVISION",
)
_LINE: Final = 64


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
            greeting = f"adopted {self._revision}"

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
