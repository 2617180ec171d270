"""The sockets that visitors reach: bound once, held for ever."""

import errno
import socket
from typing import Final
from zlib import crc32

from baked_publish.errors import TargetError
from baked_publish.keeper.ledger import LOCALHOST, Address

BACKLOG: Final = 4096
FIRST: Final = 20000
"""Ports from here on are below those that systems give to outgoing connections, so they stay free over a restart."""
NUMBER: Final = 10000
HIGHEST: Final = 65535


def listen(address: Address, name: str) -> socket.socket:
    """Return a socket that listens at ``address``; without a port, at the first free one from where ``name`` points.

    Raises TargetError naming the port and what to do.
    """
    if address.port is not None:
        return _listen(address.host, address.port)
    start = crc32(name.encode()) % NUMBER
    for step in range(NUMBER):
        try:
            return _listen(address.host, FIRST + (start + step) % NUMBER)
        except PortInUse:
            continue
    raise TargetError(f"no port from {FIRST} to {FIRST + NUMBER} is free on {address.host}: choose one with --port")


class PortInUse(TargetError):
    """Somebody else listens there."""


def private(port: int | None) -> socket.socket:
    """Return a socket that listens on this machine only, at ``port`` if it is free."""
    try:
        return _listen(LOCALHOST, port or 0)
    except PortInUse:
        return _listen(LOCALHOST, 0)


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= HIGHEST:
        raise TargetError(f"{host}:{port} cannot be listened on: a port is a number up to {HIGHEST}")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server((address[0], port), family=family, backlog=BACKLOG)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"port {port} on {host} is in use by another program: stop it, or choose a port with --port"
            ) from exc
        raise TargetError(f"{host}:{port} cannot be listened on: {exc.strerror}; choose --host and --port") from exc
