"""Launching: the zygote's life as the app sees it. One serves all apps of this process that load the same plugins."""

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from baked_core.strangers import wire
from baked_core.strangers.orders import FORGET, MAKE, MESSAGE, Hello

_CODE: Final = "import sys; sys.path[:] = {path!r}; from baked_core.strangers.zygote import main; main({number})"
_KEPT: Final = ("TZ", "LD_LIBRARY_PATH", "SYSTEMROOT")
"""What of the environment a zygote gets: no secret is in the memory that a stranger's SQL runs in."""
PATIENCE: Final = 2.0
"""Seconds that a zygote has to end once its socket is closed."""


class Zygote:
    """The process that makes runners."""

    def __init__(self, site: Path | None, metadata: Mapping[str, Any]) -> None:
        """Start it; it gets ready by itself while the app does other things."""
        self._socket, theirs = socket.socketpair()
        self._owner = os.getpid()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own code
                _command(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=dict(os.environ) if site else {name: os.environ[name] for name in _KEPT if name in os.environ},
            )
        hello = Hello(str(site.absolute()), dict(metadata)) if site else Hello()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # seen by whoever asks for a runner
            self._socket.sendall(wire.packed(hello))

    @property
    def alive(self) -> bool:
        """Whether it can be asked, by this very process."""
        return self._owner == os.getpid() and self._process.poll() is None

    def make(self) -> socket.socket:
        """Ask for a runner; return the app's end of its socket. Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._socket, [MESSAGE.pack(MAKE, 0)], [theirs.fileno()])
            except OSError:
                ours.close()
                raise
        return ours

    def forget(self, process: int) -> None:
        """Say that a runner was killed: nothing is sent to its number any more."""
        with contextlib.suppress(OSError):
            self._socket.sendall(MESSAGE.pack(FORGET, process))

    def end(self) -> None:
        """End it, and with it its runners."""
        self._socket.close()
        if self._owner != os.getpid():
            return
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_LOCK: Final = threading.Lock()
_STARTED: Final[dict[Path | None, Zygote]] = {}


def zygote(site: Path | None, metadata: Mapping[str, Any]) -> Zygote:
    """Return the zygote for the plugins in ``site``, started now if it is not there; blocks while it is started."""
    with _LOCK:
        found = _STARTED.get(site)
        if found is None or not found.alive:
            if found is not None:
                found.end()
            found = _STARTED[site] = Zygote(site, metadata)
        return found


@atexit.register
def _end_all() -> None:
    while _STARTED:
        _STARTED.popitem()[1].end()


def _command(number: int) -> list[str]:
    code = _CODE.format(path=[os.path.abspath(each) for each in sys.path], number=number)  # noqa: PTH100 - texts
    quiet = ["-B"] if sys.dont_write_bytecode else []
    return [sys.executable, "-I", "-S", "-X", "utf8", *quiet, "-c", code]
