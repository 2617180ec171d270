"""A Stream: all rows of one statement of the app's own as CSV, on a connection of its own, a batch at a time."""

from collections.abc import Callable, Iterator
from threading import Lock

from baked_core.connection import Connection, Rows
from baked_core.written import lines


class Stream:
    """Read by one thread after another; whoever reads it last may have left while a thread still works."""

    def __init__(self, connect: Callable[[], Connection], read: Callable[[Connection], Iterator[Rows]]) -> None:
        """Take what opens the connection, and what runs the statement on it."""
        self._connect, self._read = connect, read
        self._connection: Connection | None = None
        self._batches: Iterator[Rows] | None = None
        self._left = False
        self._lock = Lock()
        """Held by the thread that is at work."""

    def next(self) -> Rows | None:
        """Return the next batch, written here, for nobody waits for that; None after the last one. Blocks."""
        with self._lock:
            if self._left:
                return None
            if self._batches is None:
                self._connection = self._connect()
                self._batches = self._read(self._connection)
            batch = next(self._batches, None)
            return None if batch is None else Rows(batch.columns, (), written=lines(batch.rows))

    def leave(self) -> None:
        """Want no more of it: what a thread does for it is broken off."""
        self._left = True
        if self._connection is not None:
            self._connection.interrupt()

    def close(self) -> None:
        """Close the connection, once no thread is at work; blocks until then."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
