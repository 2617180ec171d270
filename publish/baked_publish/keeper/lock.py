"""Locks between processes, which the kernel releases when their holder dies, however it dies."""

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

from baked_publish.errors import LockedError
from baked_publish.keeper.files import told


@contextlib.contextmanager
def locked(path: Path, what: str) -> Generator[None, None, None]:
    """Hold the lock at ``path``; raise LockedError at once, naming the other's process id, if somebody else does."""
    import fcntl  # noqa: PLC0415 - not on Windows

    with told(f"the lock {str(path)!r} cannot be used", "set BAKED_STATE_HOME to a folder of yours"):
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(number, 20, 0).decode().strip() or "unknown"
            raise LockedError(f"{what} is under way in process {holder}: wait until it is done") from None
        os.ftruncate(number, 0)
        os.pwrite(number, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(number)
