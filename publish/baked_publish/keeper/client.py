"""Client: asks the keeper of one name, and starts one when a command needs it."""

import json
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Final

from baked_publish import errors
from baked_publish.errors import TargetError
from baked_publish.keeper.process import SOCKET
from baked_publish.keeper.state import State
from baked_publish.keeper.worker import tail

STARTING: Final = 90.0
"""Seconds a keeper may take until it answers: it brings up what should be live first."""
ANSWERING: Final = 120.0

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeeperClient:
    """The keeper of one name."""

    state: State

    def status(self) -> JSON | None:
        """Return what runs, or None when there is no keeper."""
        try:
            return self.ask("status")
        except ConnectionError:
            return None

    def ask(self, what: str, **values: Any) -> JSON:
        """Give an order and return its answer.

        Raises ConnectionError when there is no keeper, and the error that the keeper answered.
        """
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(ANSWERING)
            try:
                channel.connect(str(self.state.run() / SOCKET))
            except FileNotFoundError:
                raise ConnectionRefusedError from None
            channel.sendall(json.dumps({"do": what, **values}).encode() + b"\n")
            with channel.makefile("rb") as answers:
                line = answers.readline()
        if not line:
            raise ConnectionResetError
        return _checked(json.loads(line))

    def ensure(self, host: str, port: int | None) -> None:
        """Start a keeper unless there is one; raises TargetError with its own words if it cannot begin."""
        if self.status() is not None:
            return
        log = self.state.folder / "keeper.log"
        words = [sys.executable, "-m", "baked_publish.keeper.process", str(self.state.folder), host, str(port or 0)]
        with log.open("ab") as written:
            child = subprocess.Popen(  # noqa: S603 - our own interpreter
                words, stdin=subprocess.DEVNULL, stdout=written, stderr=written, start_new_session=True, cwd="/"
            )
        deadline = time.monotonic() + STARTING
        while self.status() is None:
            if child.poll() is not None:
                raise TargetError(tail(log, 1).partition(" ")[2] or f"the keeper did not start: see {str(log)!r}")
            if time.monotonic() > deadline:
                child.kill()
                raise TargetError(f"the keeper did not answer within {STARTING:g} seconds: see {str(log)!r}")
            time.sleep(0.01)


def _checked(answer: JSON) -> JSON:
    if answer.pop("ok"):
        return answer
    kind: type[errors.PublishError] = getattr(errors, answer["kind"], TargetError)
    raise kind(answer["message"])
