"""Bounds of one process that runs SQL: what it may use of memory, how large its answer may be, when it is replaced."""

from pathlib import Path
from typing import Final

import apsw
from msgspec import Struct

MB: Final = 1_000_000
_MORE_DATA: Final = 3
"""How much Python and what it gathers may have, for each megabyte that SQLite may."""
_MORE_SPACE: Final = 4
"""The same for addresses, which files in memory count for as well; some kernels bound nothing else."""


class Bounds(Struct, frozen=True):
    """The figures; each has its reason in docs/performance.md."""

    heap_mb: int = 64
    """What SQLite may have; past it a query fails cleanly."""
    answer_mb: int = 8
    """What an answer may weigh, as it is sent."""
    cells: int = 20_000
    """Cells of an answer that the app itself has to render: a page of them keeps everybody waiting for 20 ms."""
    largest_row: int = 0
    """Bytes of the largest row of all databases: an answer may always hold one."""

    @property
    def answer(self) -> int:
        """Bytes of an answer."""
        return max(self.answer_mb * MB, 3 * self.largest_row)

    @property
    def stale(self) -> int:
        """Resident bytes from which a process is not used again: what was freed does not go back to the kernel."""
        return self.heap_mb * MB

    def set_heap(self) -> None:
        """Bound SQLite's heap; before the first query."""
        apsw.hard_heap_limit(self.heap_mb * MB)

    def set_memory(self) -> None:
        """Bound what the process has beyond what it has now."""
        import resource  # noqa: PLC0415 - not on Windows

        pages, _, _, _, _, data, _ = map(int, Path("/proc/self/statm").read_text("ascii").split())
        page = resource.getpagesize()
        extra = self.heap_mb * MB + 2 * self.answer
        wanted = {
            resource.RLIMIT_DATA: data * page + _MORE_DATA * extra,
            resource.RLIMIT_AS: pages * page + _MORE_SPACE * extra,
        }
        for which, value in wanted.items():
            hard = resource.getrlimit(which)[1]
            lower = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(which, (lower, lower))
