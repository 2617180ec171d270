"""A worker: the app as a process of ``publish local``, under a keeper that owns the sockets.

The keeper says ``serve`` (with the private socket), ``take up`` (with the public one), ``lay down`` and ``leave``.
If the keeper dies, the worker goes on serving and waits, on a Unix socket in the folder it was told, for another
keeper to adopt it.
"""

import asyncio
import os
import socket
from pathlib import Path
from typing import Any, Final

from baked_core.channel import Channel, Closed, Message, ready
from baked_core.server import Server

ORPHAN: Final = "orphan-{}.sock"
"""The name of the socket at which a worker without a keeper waits, by its process id."""


class Worker:
    """One app process and its keeper."""

    def __init__(self, app: Any, keeper: socket.socket, proxies: int = 0) -> None:
        self._server = Server(app, linger=0, proxies=proxies)
        self._channel = Channel(keeper)
        self._revision = ""
        self._folder = Path()

    def run(self) -> None:
        """Serve until the keeper says ``leave``, or SIGTERM."""
        with asyncio.Runner(loop_factory=self._server.config.get_loop_factory()) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        try:
            message, files = await self._channel.receive()
        except Closed:  # the keeper died before a word was said
            return
        self._folder, self._revision = Path(message["folder"]), message["revision"]
        private = socket.socket(fileno=files[0])
        obeying = asyncio.create_task(self._obey(private))
        await self._server.serve([private.dup()])
        obeying.cancel()
        await asyncio.wait([obeying])
        self._channel.close()

    async def _obey(self, private: socket.socket) -> None:
        await self._server.up.wait()
        word: Message = {"said": "up"}
        while not self._server.should_exit:
            try:
                await self._channel.send(word)
                message, files = await self._channel.receive()
            except Closed:
                await self._find_keeper(private)
                word = {"said": "adopted"}
            else:
                await self._do(message["do"], [socket.socket(fileno=file) for file in files])
                word = {"said": message["do"]}

    async def _do(self, what: str, sockets: list[socket.socket]) -> None:
        match what:
            case "take up":
                await self._server.take_up(sockets[0], sockets[1:])
            case "lay down":
                self._server.lay_down(sockets[0])
            case "leave":
                self._server.should_exit = True
            case _:  # a word of a newer keeper that this version does without
                pass

    async def _find_keeper(self, private: socket.socket) -> None:
        """Serve without a keeper until another one comes, and show it the sockets; or leave."""
        self._channel.close()
        listener = self._server.listener
        if listener is not None and not self._server.accepting:  # the keeper died in the middle of a hand-over
            if await self._server.succeeded():
                self._server.should_exit = True
                return
            await self._server.take_up(listener)
        try:
            self._channel = Channel(await self._adopted())
        except OSError:  # the folder was removed: nothing of this is wanted any more
            self._server.should_exit = True
            return
        sockets = [private, listener] if listener is not None else [private]
        hello: Message = {"said": "hello", "pid": os.getpid(), "revision": self._revision}
        await self._channel.send(hello, [each.fileno() for each in sockets])

    async def _adopted(self) -> socket.socket:
        path = self._folder / ORPHAN.format(os.getpid())
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.setblocking(False)
            waiting.bind(str(path))
            try:
                waiting.listen()
                await ready(waiting, writing=False)
                return waiting.accept()[0]
            finally:
                path.unlink(missing_ok=True)
