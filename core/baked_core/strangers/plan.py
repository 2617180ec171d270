"""A Plan: how many processes run SQL here, on which databases, and within which bounds."""

import os
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Final

from msgspec import Struct

from baked_core.settings import PROXIES, Settings
from baked_core.source import Source
from baked_core.strangers.bounds import Bounds
from baked_core.walls import STANDING, Walls

LEAST: Final = 2
"""With one place alone, one client could keep all others waiting."""
MOST: Final = 8
"""Places that are taken for cores unasked; more are a setting."""
_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")


class Spec(Struct, frozen=True):
    """What a new runner is told."""

    sources: tuple[Source, ...]
    bounds: Bounds
    walls: Walls


class Plan(Struct, frozen=True):
    """What does not change while the app runs."""

    width: int
    """Queries that run at the same time."""
    spare: int
    """Runners that stand ready beyond those that are at work."""
    queue: int
    """Queries that may wait."""
    seconds: float
    """The time limit of the settings."""
    proxies: int
    """Proxies before the app that tell the client's address."""
    spec: Spec

    @classmethod
    def of(cls, settings: Settings, sources: Sequence[Source], walls: Walls = STANDING) -> "Plan":
        """Make one of the settings."""
        largest = max((each.largest_row for each in sources), default=0)
        bounds = Bounds(heap_mb=settings.sql_memory_mb, answer_mb=settings.max_answer_mb, largest_row=largest)
        return cls(
            width=settings.num_sql_processes or min(MOST, max(LEAST, cores())),
            spare=settings.num_spare_processes,
            queue=settings.sql_queue,
            seconds=settings.sql_time_limit_ms / 1000,
            proxies=proxies(settings),
            spec=Spec(tuple(sources), bounds, walls),
        )

    @property
    def largest(self) -> int:
        """Bytes of the largest frame that a runner may send."""
        return 2 * self.spec.bounds.answer + (1 << 20) if self.spec.walls.memory else 1 << 31


def proxies(settings: Settings) -> int:
    """Return how many proxies the settings or the target told of; none for what is no number."""
    if settings.trusted_proxies:
        return settings.trusted_proxies
    told = os.environ.get(PROXIES, "")
    return int(told) if told.isascii() and told.isdigit() else 0


def cores() -> int:
    """Return how many cores this process may use, those that its container was given counted."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _QUOTA.read_text("ascii").split()
        return there if quota == "max" else max(1, min(there, ceil(int(quota) / int(period))))
    except (OSError, ValueError):
        return there
