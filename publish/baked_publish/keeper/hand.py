"""A Hand: one app process as its keeper sees it."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from baked_core.channel import Channel, Closed

ANSWER: Final = 10.0
"""Seconds that a Hand gets to obey; one that does not is killed."""
LARGEST: Final = 16 << 20
"""Bytes of a log; at the next start of a process a larger one is put aside, in place of the one before."""
LEAVE: Final = 14.0
"""Seconds until a Hand that was told to leave is killed; its requests under way get ten of them."""


@dataclass(frozen=True, slots=True)
class Start:
    """How an app process is started."""

    bundle: Path
    log: Path
    run: Path
    """Where it waits for another keeper if this one dies."""
    revision: str
    token: str
    environment: Mapping[str, str]

    def surroundings(self, keeper: int) -> dict[str, str]:
        """Return the environment: each deployment runs its own copy of the serving app."""
        app = str(self.bundle / "app")
        path = [app, self.environment["PYTHONPATH"]] if self.environment.get("PYTHONPATH") else [app]
        return {
            **self.environment,
            "PYTHONPATH": os.pathsep.join(path),
            "BAKED_BUNDLE": str(self.bundle),
            "BAKED_KEEPER": str(keeper),
            "BAKED_VERIFY_TOKEN": self.token,
        }


class Hand:
    """One app process, and the channel to it."""

    def __init__(self, channel: Channel, pid: int, child: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self.gone = asyncio.Event()
        """Set when the process has ended."""
        self._channel, self._child = channel, child
        self._said: asyncio.Queue[str | None] = asyncio.Queue()
        self._one_at_a_time = asyncio.Lock()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, start: Start, private: socket.socket) -> "Hand":
        """Start a process that serves at ``private``; raise OSError if that cannot be done."""
        ours, theirs = socket.socketpair()
        with theirs, open_log(start.log) as log:
            child = subprocess.Popen(  # noqa: ASYNC220, S603 - it returns as soon as the process exists; our own interpreter
                [sys.executable, "-P", "-m", "baked_core", str(start.bundle)],
                env=start.surroundings(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        hand = cls(Channel(ours), child.pid, child)
        word = {"do": "serve", "folder": str(start.run), "revision": start.revision}
        with contextlib.suppress(Closed):  # then it is gone, which shows
            await hand._channel.send(word, [private.fileno()])
        return hand

    async def up(self) -> bool:
        """Wait until its application answers; False if it ended instead."""
        return await self._said.get() is not None

    async def tell(self, what: str, sockets: Sequence[socket.socket] = ()) -> bool:
        """Say ``what``, with sockets, and wait until it is done; False if the process ended instead."""
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(ANSWER):
                    await self._channel.send({"do": what}, [each.fileno() for each in sockets])
                    while (said := await self._said.get()) not in {what, None}:
                        pass
                    return said is not None
            except Closed:
                return False
            except TimeoutError:
                self.kill()
                return False

    async def dismiss(self) -> None:
        """Let it answer what is under way, and wait until it has ended."""
        with contextlib.suppress(Closed):
            await self._channel.send({"do": "leave"})
        try:
            async with asyncio.timeout(LEAVE):
                await self.gone.wait()
        except TimeoutError:
            self.kill()
            await self.gone.wait()

    async def abandon(self) -> None:
        """Let go of it: it serves on, and waits for another keeper."""
        self._listening.cancel()
        await asyncio.wait([self._listening])
        self._channel.close()
        if self._child is not None:
            self._child.returncode = 0  # not ours to wait for any more

    def kill(self) -> None:
        """End it at once; its open channel says that the process id is still its own."""
        if not self.gone.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def _listen(self) -> None:
        with contextlib.suppress(Closed):
            while True:
                message, _ = await self._channel.receive()
                self._said.put_nowait(message["said"])
        self._channel.close()
        if self._child is not None:
            await self._reap(self._child)
        self.gone.set()
        self._said.put_nowait(None)

    async def _reap(self, child: subprocess.Popen[bytes]) -> None:
        """Wait for a process whose channel is closed; it may not stay for long."""
        for _ in range(100):
            if child.poll() is not None:
                return
            await asyncio.sleep(0.02)
        child.kill()
        child.wait()


def open_log(path: Path) -> BinaryIO:
    """Open a log to add to it; its owner only may read it, and it does not grow for ever."""
    if path.exists() and path.stat().st_size > LARGEST:
        path.replace(path.with_suffix(".log.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")
