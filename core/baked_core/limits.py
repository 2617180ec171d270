"""Limits: what one client's connection may cost, and how many there may be."""

import contextlib
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
VISITS: Final = 1000
"""Connections at once; beyond that, the one that has waited longest for its next request makes room."""
_OTHER_FILES: Final = 300
"""Open files that are no connections: databases, once for each thread, static files, a keeper's sockets."""


def visits() -> int:
    """Return how many connections there may be at once: VISITS, or what the limit of open files leaves."""
    with contextlib.suppress(ImportError):  # Windows has no such limit
        import resource  # noqa: PLC0415

        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return VISITS if files == resource.RLIM_INFINITY else min(VISITS, max(16, files - _OTHER_FILES))
    return VISITS
