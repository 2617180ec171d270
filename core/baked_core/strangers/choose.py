"""Where a stranger's SQL goes in this app: into processes, or where none can be had into threads."""

from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from baked_core.connection import Rows
from baked_core.settings import Settings
from baked_core.source import Source
from baked_core.strangers.job import Job
from baked_core.strangers.lanes import Lanes
from baked_core.strangers.plan import Plan
from baked_core.strangers.pool import Pool, possible

Prepare = Callable[[object, str], None]


class Strangers(Protocol):
    """What runs the SQL of strangers."""

    async def answer(self, job: Job) -> Rows:
        """Run a query and return what it gave."""
        ...

    def stream(self, job: Job) -> AsyncGenerator[Rows, None]:
        """Run a query and yield its rows as CSV."""
        ...

    async def standing(self) -> dict[str, Any]:
        """Return how SQL runs here, and what is not held."""
        ...

    def warm(self) -> None:
        """Get ready soon."""
        ...

    def close(self) -> None:
        """End."""
        ...


def choose(
    settings: Settings,
    sources: Mapping[str, Source],
    prepare: Prepare | None,
    site: Path | None,
    metadata: Mapping[str, Any],
) -> Strangers:
    """Return what this app has; ``site`` is where plugins lie, if there are any."""
    plan = Plan.of(settings, list(sources.values()))
    if possible():
        return Pool(plan, site, metadata)
    from baked_core.strangers.inside import Inside  # noqa: PLC0415 - hardly ever needed

    lanes = Lanes(settings.num_sql_threads, plan.queue, plan.seconds)
    return Inside(sources, prepare, lanes, plan.spec.bounds)
