"""A worker: one server process of a deployment, as the keeper sees it through its control channel."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final, Self

from baked_core.control import ADOPT, CONTROL, PRIVATE, PUBLIC, REVISION
from baked_publish.errors import StageError
from baked_publish.keeper.state import State

ANSWER: Final = 15.0
"""Seconds a worker may take to answer a word; draining takes its own time."""


class Worker:
    """One server process; alive for as long as its channel is open."""

    def __init__(
        self, revision: str, channel: socket.socket, pid: int, process: "subprocess.Popen[bytes] | None" = None
    ) -> None:
        self.revision, self.pid = revision, pid
        self._channel, self._process = channel, process
        self._channel.setblocking(False)
        self._answers: asyncio.Queue[str | None] = asyncio.Queue()
        self.gone = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    def start(cls, state: State, revision: str, private: socket.socket, public: socket.socket) -> Self:
        """Start a server of ``revision`` that shares both sockets; it runs the code that its Bundle holds."""
        ours, theirs = socket.socketpair()
        fds = {CONTROL: theirs.fileno(), PRIVATE: private.fileno(), PUBLIC: public.fileno()}
        bundle = state.bundle(revision)
        surroundings = {
            **os.environ,
            **{name: str(fd) for name, fd in fds.items()},
            ADOPT: str(state.run() / f"{os.getpid()}-{ours.fileno()}.worker"),
            REVISION: revision,
            "BAKED_BUNDLE": str(bundle),
            "BAKED_VERIFY_TOKEN": state.token(revision),
            "PYTHONPATH": str(bundle / "app"),
            "PYTHONPYCACHEPREFIX": str(state.folder / "pycache"),
        }
        with state.log(revision).open("ab") as log, theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "baked_core.control"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=bundle,
                env=surroundings,
                pass_fds=tuple(fds.values()),
            )
        return cls(revision, ours, process.pid, process)

    async def expect(self, word: str, within: float = ANSWER) -> None:
        """Wait for ``word``; raises StageError when the worker dies or is too slow."""
        try:
            answer = await asyncio.wait_for(self._answers.get(), within)
        except TimeoutError:
            raise StageError(f"the server of {self.revision} did not say {word!r} within {within:g} seconds") from None
        if answer is None:
            self._answers.put_nowait(None)
            raise StageError(f"the server of {self.revision} ended before it was {word}")
        if answer.split()[0] != word:
            raise StageError(f"the server of {self.revision} said {answer!r} instead of {word!r}")

    async def say(self, word: str, answer: str) -> None:
        """Say ``word`` and wait for ``answer``."""
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_sendall(self._channel, f"{word}\n".encode())
        await self.expect(answer)

    async def leave(self, within: float) -> None:
        """Let it drain, and kill it when that takes longer than ``within`` seconds."""
        with contextlib.suppress(StageError):
            await self.say("drain", "draining")
        try:
            await asyncio.wait_for(self.gone.wait(), within)
        except TimeoutError:
            self.kill()
            await self.gone.wait()

    def kill(self) -> None:
        """End the process at once."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    async def _listen(self) -> None:
        loop, pending = asyncio.get_running_loop(), b""
        with contextlib.suppress(OSError):
            while data := await loop.sock_recv(self._channel, 256):
                *lines, pending = (pending + data).split(b"\n")
                for line in filter(None, lines):
                    self._answers.put_nowait(line.decode())
        self._channel.close()
        if self._process:
            await asyncio.to_thread(self._process.wait)
        self._answers.put_nowait(None)
        self.gone.set()


def tail(path: Path, lines: int = 8) -> str:
    """Return the last lines of a log."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
