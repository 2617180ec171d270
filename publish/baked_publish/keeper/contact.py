"""The Contact: how a command finds the keeper of a name, starts it, and asks it."""

import json
import os
import select
import socket
import subprocess
import sys
import time
from typing import Any, Final

from baked_publish import errors
from baked_publish.errors import PublishError, TargetError
from baked_publish.keeper.folder import Folder, tail

ANSWER: Final = 60.0
"""Seconds that a keeper gets to answer: it may wait for requests under way."""
BEGIN: Final = 20.0
"""Seconds that a keeper gets to begin."""


class Absent(Exception):
    """There is no keeper."""


class Contact:
    """The way to the keeper of one name."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def ask(self, what: str, *, patience: float = ANSWER, **arguments: Any) -> Any:
        """Ask the keeper and return its answer; raise Absent if there is none, and whatever error it tells."""
        question = json.dumps({"ask": what, **arguments}).encode() + b"\n"
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(patience)
            try:
                connection.connect(str(self._folder.control))
            except (FileNotFoundError, ConnectionRefusedError) as exc:
                raise Absent from exc
            try:
                line = _answer(connection, question)
            except TimeoutError:
                raise TargetError(
                    f"the keeper of {self._folder.name!r} did not answer {what!r} in {patience:g} seconds: "
                    f"see {str(self._folder.keeper_log)!r}"
                ) from None
        if not line:
            raise TargetError(f"the keeper of {self._folder.name!r} died; what was live stays live: try again")
        return _unpack(json.loads(line))

    def status(self) -> dict[str, Any] | None:
        """Tell what runs, None if nothing does; app processes without a keeper get one."""
        try:
            return self._status()
        except Absent:
            if not self._orphans():
                return None
        self.ensure()
        return self._status()

    def ensure(self) -> None:
        """Start the keeper if there is none, or one of another version; raise TargetError if it does not begin."""
        from baked_publish.keeper.desk import identity  # noqa: PLC0415 - only commands that change something

        wanted, deadline = identity(), time.monotonic() + BEGIN
        while time.monotonic() < deadline:
            try:
                if self.ask("hello") == wanted:
                    return
                self.ask("retire")
            except Absent:
                self._start()
        raise TargetError(
            f"the keeper of {self._folder.name!r} did not begin; its last words in "
            f"{str(self._folder.keeper_log)!r}:{tail(self._folder.keeper_log, 5) or ' none'}"
        )

    def gone(self) -> bool:
        """Wait until the keeper has ended; False if it does not."""
        deadline = time.monotonic() + BEGIN
        while time.monotonic() < deadline:
            try:
                self.ask("hello")
            except (Absent, TargetError):
                return True
            time.sleep(0.02)
        return False

    def _status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.ask("status")
        return status

    def _orphans(self) -> bool:
        pids = [path.stem.removeprefix("orphan-") for path in self._folder.run.glob("orphan-*.sock")]
        return any(_alive(int(pid)) for pid in pids if pid.isdigit())

    def _start(self) -> None:
        """Start a keeper and wait until it answers or ends."""
        self._folder.make()
        reading, writing = os.pipe()
        try:
            log = os.open(self._folder.keeper_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                subprocess.run(  # noqa: S603 - our own interpreter
                    [sys.executable, "-P", "-m", "baked_publish.keeper", str(self._folder.path), str(writing)],
                    pass_fds=[writing],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    start_new_session=True,
                    check=True,
                    timeout=BEGIN,
                )
            finally:
                os.close(log)
                os.close(writing)
            select.select([reading], [], [], BEGIN)
        except (OSError, subprocess.SubprocessError) as exc:
            raise TargetError(f"the keeper of {self._folder.name!r} could not be started: {exc}") from exc
        finally:
            os.close(reading)


def _answer(connection: socket.socket, question: bytes) -> bytes:
    """Return one line, empty if the keeper died meanwhile."""
    try:
        connection.sendall(question)
        with connection.makefile("rb") as answers:
            return answers.readline()
    except ConnectionError:
        return b""


def _unpack(answer: dict[str, Any]) -> Any:
    if "error" not in answer:
        return answer["answer"]
    kind: type[PublishError] = getattr(errors, answer["error"], TargetError)
    raise kind(answer["message"])


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
