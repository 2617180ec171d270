"""The lock holder: a child process that holds SQLite's read lock on one file until its standard input ends.

POSIX locks belong to a process and are dropped when it closes any descriptor of the file
(https://sqlite.org/howtocorrupt.html, section 2.2). So the lock lives in a process of its own, and the parent may open,
hash and copy the file as it likes. Standard input ends when the parent dies, however it dies.

Run as ``python -m baked_publish.locker URI PATH SECONDS``; answers one line: ``locked`` and the inode that is locked,
or the name and text of the error.
"""

import os
import sys
import time
from collections.abc import Callable

import apsw

PAUSE = 0.001
"""Seconds between two tries: SQLite's own waits of 100 ms miss the gaps of a writer that hardly rests."""


def patient(wait: float) -> Callable[[int], bool]:
    """Return a busy handler that tries again every millisecond, for ``wait`` seconds."""
    deadline = time.monotonic() + wait

    def again(_tries: int) -> bool:
        time.sleep(PAUSE)
        return time.monotonic() < deadline

    return again


def hold(uri: str, path: str, wait: float) -> None:
    """Take the shared lock, say so, and hold it until standard input ends."""
    flags = apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_READONLY
    inode = os.stat(path).st_ino  # noqa: PTH116 - a few milliseconds of pathlib less
    try:
        connection = apsw.Connection(uri, flags=flags)
        connection.set_busy_handler(patient(wait))
        connection.execute("begin")
        connection.execute("select count(*) from sqlite_schema").fetchall()  # the lock is taken by the first read
    except apsw.Error as exc:
        print(f"{type(exc).__name__} {exc}", flush=True)  # noqa: T201 - the protocol with the parent
        return
    if os.stat(path).st_ino != inode:  # noqa: PTH116 - replaced: the lock may be on either file
        print("Replaced", flush=True)  # noqa: T201
        return
    print(f"locked {inode}", flush=True)  # noqa: T201
    sys.stdin.buffer.read()
    connection.close()


if __name__ == "__main__":
    hold(sys.argv[1], sys.argv[2], float(sys.argv[3]))
