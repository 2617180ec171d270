"""Inside: ask the server in a machine that no visitor reaches, by a command that the API runs there.

A command may take a minute, and how much it may print Fly does not say; 64 KB are assumed. So what is asked goes on in
the machine by itself, and the answer is fetched compressed, in parts of 32,000 characters.
"""

import json
import time
import zlib
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final, Self

from baked_publish.errors import TargetError
from baked_publish.machines.lease import Leases
from baked_publish.vendors.fly import JSON, Fly

COMMAND: Final = ("python3", "-m", "baked_core.inside")
TIMEOUT: Final = 50
"""Seconds for one command; the program in the machine answers earlier."""
WITHIN: Final = 1800.0
"""Seconds for a whole answer: a verification hashes all there is."""
WORDS: Final = 300


@dataclass(frozen=True, slots=True)
class Told:
    """What the program in the machine printed: how the server answered, and one part of it."""

    number: str
    status: int | None
    """None while the server has not answered."""
    size: int
    part: bytes
    error: str

    @classmethod
    def read(cls, raw: JSON) -> Self:
        """Read it; raise KeyError, TypeError or ValueError if it is something else."""
        status, size = raw["status"], raw.get("size", 0)
        if not isinstance(size, int) or not isinstance(status, int | None):
            raise TypeError("a status and a size")
        part = b64decode(str(raw.get("part") or ""))
        return cls(str(raw["id"]), status, size, part, str(raw.get("error", "")))


@dataclass(frozen=True, slots=True)
class Inside:
    """One machine, asked from within."""

    fly: Fly
    app: str
    machine: str
    leases: Leases | None = None
    """Those that this process holds, while it has the lock."""

    def get(self, path: str, headers: Mapping[str, str]) -> bytes:
        """GET ``path``; raise TargetError unless the answer is 200 or 206."""
        answer, data = self._run("ask", path, stdin=json.dumps(dict(headers))), bytearray()
        deadline = time.monotonic() + WITHIN
        while True:
            data += answer.part
            if answer.status is not None and len(data) >= answer.size:
                break
            if time.monotonic() > deadline:
                raise TargetError(f"machine {self.machine} did not answer {path} within {WITHIN:.0f} s")
            answer = self._run("more", answer.number, str(len(data)))
        if answer.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            told = f"answered {answer.status}" if answer.status else f"did not answer ({answer.error})"
            raise TargetError(f"the server in machine {self.machine} of {self.app!r} {told} to {path}")
        try:
            return zlib.decompress(data)
        except zlib.error as exc:
            raise TargetError(f"what machine {self.machine} answered to {path} came damaged: publish again") from exc

    def _run(self, *words: str, stdin: str = "") -> Told:
        run = partial(self.fly.run, self.app, self.machine, [*COMMAND, *words], stdin, TIMEOUT)
        told = self.leases.running(self.machine, run) if self.leases else run()
        said, code = str(told.get("stdout") or ""), told.get("exit_code") or 0
        try:
            found = None if code else Told.read(json.loads(said))
        except (ValueError, KeyError, TypeError, RecursionError):
            found = None
        if found is None:
            words_of_it = " ".join(str(told.get("stderr") or said).split())[-WORDS:] or "nothing"
            raise TargetError(
                f"`{' '.join(COMMAND)}` in machine {self.machine} of {self.app!r} ended with {code} and said "
                f"{words_of_it!r}; the image needs the app of this version of baked-data"
            )
        return found
