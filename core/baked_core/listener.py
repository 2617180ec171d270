"""The listening socket of a server that was given HOST and PORT."""

import errno
import logging
import socket
import time
from typing import Final

from baked_core.errors import CoreError

BACKLOG: Final = 4096
"""Connections that wait in the kernel while nobody accepts; Linux lowers it to net.core.somaxconn."""
DOORS: Final = 8
"""Connections that are accepted in one turn of the event loop at most."""
HIGHEST: Final = 65535
PATIENCE: Final = "BAKED_PORT_PATIENCE"
"""The environment name of the seconds to wait for a port that another process still has."""
WAITING: Final = "waiting for the port that another process has"
"""What is logged then; whoever stops the other one may go by it."""
POLL: Final = 0.002
"""Seconds between two tries to get a port that is taken: so long it is closed at most."""


def listen(host: str, port: str, patience: str = "0") -> socket.socket:
    """Return a socket that listens at ``host`` and ``port``, which may be taken for ``patience`` seconds.

    Raises CoreError naming what cannot be had.
    """
    number, deadline, told = _number("PORT", port, HIGHEST), time.monotonic() + _number(PATIENCE, patience), False
    while True:
        try:
            return _listen(host, number)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                raise CoreError(f"{host}:{port} cannot be listened on ({exc.strerror}): set HOST and PORT") from exc
        if not told:
            logging.getLogger(__name__).warning("%s: %s:%s", WAITING, host, port)
            told = True
        time.sleep(POLL)


def doors(listener: socket.socket) -> list[socket.socket]:
    """Return ``listener`` and copies of it, to be listened at all together.

    In a turn uvloop accepts one connection of each socket, so that with one of them whoever comes last would wait for
    as many turns as there are others: 100 pages of heavy rows kept the health page waiting for four seconds.
    """
    return [listener, *(listener.dup() for _ in range(DOORS - 1))]


def _number(name: str, text: str, highest: int = HIGHEST) -> int:
    if not text.isdecimal() or int(text) > highest:
        raise CoreError(f"{name} is {text!r}: a number up to {highest} is needed")
    return int(text)


def _listen(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(address[:2], family=family, backlog=BACKLOG)
