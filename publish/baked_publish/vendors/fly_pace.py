"""The pace: as many requests as Fly takes, so that it has nothing to refuse.

One request a second for each kind of action on each machine or app, three at once; five and ten for a look at one
machine (https://fly.io/docs/machines/api/working-with-machines-api/#rate-limits).
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

RATE: Final = 1.0
"""Requests a second of one kind on one machine or app."""
BURST: Final = 3
LOOKING: Final = "get machine"
"""The one kind that may come more often: five times the rate, and a burst of ten."""
LOOKS: Final = 5
LOOK_BURST: Final = 10


@dataclass
class Bucket:
    """What is left of a burst, at a time."""

    left: float
    at: float


@dataclass
class Pace:
    """Waits before a request that would come too early; used by threads side by side."""

    rate: float = RATE
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict[tuple[str, str], Bucket])
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, action: str, about: str) -> None:
        """Wait until ``action`` may be asked for ``about`` again."""
        rate, burst = (self.rate * LOOKS, LOOK_BURST) if action == LOOKING else (self.rate, BURST)
        with self._guard:
            now = self.clock()
            bucket = self._buckets.setdefault((action, about), Bucket(burst, now))
            bucket.left = min(burst, bucket.left + (now - bucket.at) * rate) - 1
            bucket.at = now
            late = -bucket.left / rate
        if late > 0:
            self.sleep(late)
