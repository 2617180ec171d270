"""A stranger's SQL, run as the app runs it, with the walls that a test wants."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any, TypeVar

import apsw

from baked_core.connection import Rows
from baked_core.settings import Settings
from baked_core.source import Source
from baked_core.strangers.job import CELLS, LINES, Job
from baked_core.strangers.plan import Plan
from baked_core.strangers.pool import Pool
from baked_core.values import Value
from baked_core.walls import STANDING, Walls

T = TypeVar("T")


def source_at(path: Path, sql: str, **told: Any) -> Source:
    """Make a database of ``sql`` and say how it is opened."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(sql).fetchall()
        virtual = {
            name: text.split("using", 1)[1].split("(")[0].strip()
            for name, text in connection.execute("select name, sql from sqlite_schema where sql like 'create virtual%'")
        }

    return Source(**{"name": "data", "path": str(path), "immutable": True, "virtual": virtual, **told})


class Asked:
    """A pool over one database, within one event loop."""

    def __init__(self, source: Source, walls: Walls, settings: Mapping[str, Any]) -> None:
        plan = Plan.of(Settings(**settings), [source], walls)
        self.source, self.pool = source, Pool(plan, None, {})

    async def answer(self, sql: str, params: Sequence[Value] = (), *, seconds: float = 1.0, **more: Any) -> Rows:
        """Run one statement."""
        return await self.pool.answer(Job(self.source.name, sql, params, seconds, **more))

    async def lines(self, sql: str, *, seconds: float = 1.0) -> bytes:
        """Run one statement and return all of its CSV."""
        async with aclosing(self.pool.stream(Job(self.source.name, sql, (), seconds, None, LINES))) as found:
            return b"".join([batch.written or b"" async for batch in found])


def within(
    source: Source,
    work: Callable[[Asked], Coroutine[Any, Any, T]],
    walls: Walls = STANDING,
    **settings: Any,
) -> T:
    """Do ``work`` with a pool, in an event loop of its own."""

    async def run() -> T:
        asked = Asked(source, walls, settings)
        try:
            return await work(asked)
        finally:
            asked.pool.close()

    return asyncio.run(run())


def answered(source: Source, sql: str, walls: Walls = STANDING, *, way: str = CELLS, **more: Any) -> Rows:
    """Run one statement, alone."""
    return within(source, lambda asked: asked.answer(sql, way=way, **more), walls)
