"""A Channel: JSON messages, a line each, over a Unix socket, with open files beside them.

The keeper of ``publish local`` and the app processes that it starts speak through it. The two may be of different
versions, so the words only ever grow: an unknown key is ignored.
"""

import asyncio
import json
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

CHUNK: Final = 1 << 16
MAX_FILES: Final = 64
"""Open files that one message may carry."""

Message = dict[str, Any]


class Closed(Exception):
    """The other side is gone."""


class Channel:
    """One end of a Unix stream socket, read and written from an event loop."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._data = bytearray()
        self._files: deque[int] = deque()

    async def send(self, message: Message, files: Sequence[int] = ()) -> None:
        """Send one message and duplicates of ``files``; raise Closed if nobody is there to read it."""
        data = memoryview(json.dumps({**message, "files": len(files)}).encode() + b"\n")
        try:
            sent = await self._patiently(lambda: send_files(self._socket, data, files), writing=True)
            while sent < len(data):
                rest = data[sent:]
                sent += await self._patiently(lambda: self._socket.send(rest), writing=True)  # noqa: B023 - awaited here
        except OSError as exc:
            raise Closed from exc

    async def receive(self) -> tuple[Message, list[int]]:
        """Return the next message and its open files, now the caller's; raise Closed at the end."""
        while b"\n" not in self._data:
            await self._read()
        line, _, rest = bytes(self._data).partition(b"\n")
        self._data[:] = rest
        message: Message = json.loads(line)
        return message, [self._files.popleft() for _ in range(message.pop("files", 0))]

    async def _read(self) -> None:
        try:
            data, files = await self._patiently(lambda: receive_files(self._socket, CHUNK), writing=False)
        except OSError as exc:
            raise Closed from exc
        self._files.extend(files)
        if not data:
            raise Closed
        self._data += data

    async def _patiently(self, step: Callable[[], Any], *, writing: bool) -> Any:
        while True:
            try:
                return step()
            except BlockingIOError:
                await ready(self._socket, writing=writing)

    def close(self) -> None:
        """Close this end and every open file that nobody took."""
        self._socket.close()
        while self._files:
            os.close(self._files.popleft())


async def ready(sock: socket.socket, *, writing: bool) -> None:
    """Wait until ``sock`` can be read, or written."""
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)

    def wake() -> None:
        if not waiter.done():
            waiter.set_result(None)

    add(sock, wake)
    try:
        await waiter
    finally:
        remove(sock)


def send_files(sock: socket.socket, data: bytes | memoryview, files: Sequence[int]) -> int:
    """Send the first bytes of ``data`` with duplicates of ``files``; return how many bytes went."""
    return socket.send_fds(sock, [data], files) if files else sock.send(data)


def receive_files(sock: socket.socket, size: int) -> tuple[bytes, list[int]]:
    """Receive up to ``size`` bytes and the open files that came with them, closed on exec."""
    data, files, _flags, _address = socket.recv_fds(sock, size, MAX_FILES)
    for file in files:
        os.set_inheritable(file, False)
    return data, files
