"""Limits: what one client's connection may cost, and how many there may be."""

import contextlib
import os
from pathlib import Path
from typing import Final

TARGET: Final = 65_535
"""Bytes of the address in a request line; httptools cannot read a longer one."""
HEADERS: Final = 65_536
"""Bytes of all header fields together."""
FIELDS: Final = 100
"""Header fields of one request."""
BODY: Final = 1 << 20
"""Bytes of a request's body, of which nothing is ever made."""
HURRY: Final = 10.0
"""Seconds from a connection's beginning, or a request's first byte, to the end of its headers."""
FAREWELL: Final = 2.0
"""Seconds that the rest of a body gets when its request is already answered."""
STALL: Final = 15.0
"""Seconds in which a client must take some of its answer."""
CRAWL: Final = 15_000
"""Bytes of an answer that a client must take in that time."""
UNSENT: Final = 256 << 20
"""Bytes that wait for all clients who read too slowly; beyond that, the slowest is given up."""
SORTED: Final = 256 << 20
"""Bytes that SQLite may have for the app's own SQL, where it has to sort in memory."""
SHARE: Final = 4
"""Each of these is no more than one part in so many of the memory that there is."""
VISITS: Final = 1000
"""Connections at once; beyond that, the one that has waited longest for its next request makes room."""
CROWD: Final = 8
"""One part in so many of the connections that there may be is what one client may have that read slowly, if others
find no room."""
_OTHER_FILES: Final = 300
"""Open files that are no connections: databases, once for each thread, static files, a keeper's sockets."""

_BOUNDS: Final = tuple(map(Path, ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")))
"""Where a container is told how many bytes of memory it may have; ``max`` for as many as there are."""


def share(most: int) -> int:
    """Return ``most`` bytes, or a part of the memory of a small machine or container."""
    return min([most, *(found // SHARE for found in _memory())])


def _memory() -> list[int]:
    """Return what is known of how much memory there is: the machine's, and what the container may have of it."""
    found = list[int]()
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not every system tells
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in _BOUNDS:
        with contextlib.suppress(ValueError, OSError):
            found.append(int(path.read_text("ascii")))
    return [each for each in found if each > 0]


def visits() -> int:
    """Return how many connections there may be at once: VISITS, or what the limit of open files leaves."""
    with contextlib.suppress(ImportError):  # Windows has no such limit
        import resource  # noqa: PLC0415

        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return VISITS if files == resource.RLIM_INFINITY else min(VISITS, max(16, files - _OTHER_FILES))
    return VISITS
