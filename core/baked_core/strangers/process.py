"""A runner as the app sees it: asked over a socket, killed when it must be."""

import asyncio
import contextlib
import os
import signal
import socket
from typing import Final

from baked_core.strangers import wire
from baked_core.strangers.launch import Zygote
from baked_core.strangers.room import Armed
from baked_core.strangers.wire import Malformed, Said

CHUNK: Final = 1 << 16
BIRTH: Final = 10.0
"""Seconds that a runner has to open the databases."""


class Ended(Exception):
    """The runner is no more."""


class Process:
    """One runner."""

    def __init__(self, zygote: Zygote, connection: socket.socket, largest: int) -> None:
        connection.setblocking(False)
        self._zygote, self._socket, self._largest = zygote, connection, largest
        self._data = bytearray()
        self._number: int | None = None
        self.armed: Armed = {}
        """Its locks, and why some are open."""
        self.ended = False

    async def begin(self, spec: bytes) -> None:
        """Tell it what to open, and wait until it is locked in; raises Ended."""
        try:
            async with asyncio.timeout(BIRTH):
                await self.send(spec)
                said, _ = await self.receive()
        except TimeoutError as exc:
            raise Ended from exc
        if said.pid <= 1:
            raise Ended
        self._number, self.armed = said.pid, said.armed

    @property
    def alive(self) -> bool:
        """Whether it waits to be asked; one that the kernel ended meanwhile does not."""
        if self.ended:
            return False
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False  # it is gone, or says what nobody asked for

    async def send(self, frame: bytes) -> None:
        """Send a frame; raises Ended."""
        try:
            await asyncio.get_running_loop().sock_sendall(self._socket, frame)
        except OSError as exc:
            raise Ended from exc

    async def receive(self) -> tuple[Said, memoryview]:
        """Return the next frame; raises Ended, or Malformed for what cannot be one."""
        while len(self._data) < wire.LENGTHS.size:
            self._data += await self._more()
        both = wire.LENGTHS.unpack_from(self._data)
        if both[0] > self._largest:
            raise Malformed("a frame is larger than an answer may be")
        data, have = bytearray(both[0]), self._data[wire.LENGTHS.size : wire.LENGTHS.size + both[0]]
        data[: len(have)] = have
        del self._data[: wire.LENGTHS.size + len(have)]
        view, done = memoryview(data), len(have)
        while done < both[0]:
            done += await self._more_into(view[done:])
        return wire.unpacked(both, view, Said)

    def kill(self) -> None:
        """End it at once, whatever it does; the kernel frees what it had."""
        if self.ended:
            return
        self.ended = True
        if self._number is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._number, signal.SIGKILL)
            self._zygote.forget(self._number)
        with contextlib.suppress(OSError):  # wakes whoever waits for it
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Be done with it."""
        self.kill()
        self._socket.close()

    async def _more(self) -> bytes:
        try:
            data = await asyncio.get_running_loop().sock_recv(self._socket, CHUNK)
        except OSError as exc:
            raise Ended from exc
        if not data:
            raise Ended
        return data

    async def _more_into(self, view: memoryview) -> int:
        try:
            count = await asyncio.get_running_loop().sock_recv_into(self._socket, view)
        except OSError as exc:
            raise Ended from exc
        if not count:
            raise Ended
        return count
