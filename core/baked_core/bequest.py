"""A Bequest: open connections on their way from one app process to the next.

The two hold the ends of a socket pair. Nothing is sent before the successor has said that it accepts visitors: until
then all can be taken back, and if the successor dies it is.
"""

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import AsyncGenerator
from typing import Final

from baked_core.channel import ready, receive_files, send_files

ACCEPTING: Final = b"A"
"""What a successor says."""


class Bequest:
    """What one process leaves to its successor."""

    def __init__(self, successor: socket.socket) -> None:
        successor.setblocking(False)
        self._successor = successor
        self._waiting: deque[int] = deque()
        self._more = asyncio.Event()
        self._heard = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run())

    def leave(self, connection: int) -> None:
        """Add an open connection."""
        self._waiting.append(connection)
        self._more.set()

    @property
    def empty(self) -> bool:
        """Whether everything left so far is handed over."""
        return not self._waiting

    async def accepted(self) -> bool:
        """Wait until the successor accepts visitors, or is gone without having done so."""
        heard: bool = await asyncio.shield(self._heard)
        return heard

    async def revoke(self) -> list[int]:
        """End this and return what was not handed over."""
        self._task.cancel()
        await asyncio.wait([self._task])
        self._successor.close()
        return list(self._waiting)

    async def _run(self) -> None:
        with contextlib.suppress(OSError):
            await ready(self._successor, writing=False)
            self._heard.set_result(self._successor.recv(1) == ACCEPTING)
        if not (self._heard.done() or self._heard.cancelled()):
            self._heard.set_result(False)
        while self._heard.result():
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                await self._hand_over(self._waiting[0])
                os.close(self._waiting.popleft())

    async def _hand_over(self, connection: int) -> None:
        """Send one connection; if the successor is gone by now, its visits are lost as in any crash."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while True:
                try:
                    send_files(self._successor, b"V", [connection])
                except BlockingIOError:
                    await ready(self._successor, writing=True)
                else:
                    return


async def inherit(predecessor: socket.socket) -> AsyncGenerator[int, None]:
    """Tell ``predecessor`` that this process accepts visitors, and yield each open connection that it leaves."""
    predecessor.setblocking(False)
    with predecessor, contextlib.suppress(OSError):
        predecessor.send(ACCEPTING)
        while True:
            await ready(predecessor, writing=False)
            try:
                data, connections = receive_files(predecessor, 1)
            except BlockingIOError:  # another process of the same deployment was faster
                continue
            if not data:
                return
            for connection in connections:
                yield connection
