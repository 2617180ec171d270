"""The server: uvicorn, taught to take a socket up, to lay it down again, and to hand its connections to a successor.

A connection that waits between two requests can be given to another process as an open file; what its client has
sent meanwhile lies in the kernel and is read there. So a hand-over closes no connection and loses no request, and
no client gets an old answer after a new one.
"""

import asyncio
import contextlib
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from uvicorn.server import ServerState

from baked_core.channel import ready, receive_files, send_files

if TYPE_CHECKING:
    from baked_core.connection_http import Connection

BACKLOG: Final = 4096
"""Connections that wait in the kernel while nobody accepts; Linux lowers it to net.core.somaxconn."""
GRACE: Final = 10.0
"""Seconds that a request under way gets when the server stops."""
LINGER: Final = 1.0
"""Seconds that an idle connection stays open without a successor, for a request that is on its way."""
LOG: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
