"""The pool: where a stranger's SQL goes, in an app that can have processes for it."""

import asyncio
import os
import sys
import weakref
from collections.abc import AsyncGenerator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from baked_core.connection import Rows
from baked_core.strangers.job import Job
from baked_core.strangers.plan import Plan

if TYPE_CHECKING:
    from baked_core.strangers.desk import Desk

SOON: Final = 0.5
"""Seconds after its start at which the app has a runner made, if nobody has asked for one before."""


def possible() -> bool:
    """Tell whether processes can be had here at all."""
    return hasattr(os, "fork") and bool(sys.executable) and sys.platform not in {"emscripten", "wasi", "ios", "android"}


class Pool:
    """One app's, whatever event loop it is asked in."""

    def __init__(self, plan: Plan, site: Path | None, metadata: Mapping[str, Any]) -> None:
        self._plan, self._site, self._metadata = plan, site, metadata
        self._desks: dict[asyncio.AbstractEventLoop, Desk] = {}
        self._warming: asyncio.TimerHandle | None = None
        weakref.finalize(self, _close, self._desks)

    async def answer(self, job: Job) -> Rows:
        """See ``Desk.answer``."""
        return await self._desk().answer(job)

    def stream(self, job: Job) -> AsyncGenerator[Rows, None]:
        """See ``Desk.stream``."""
        return self._desk().stream(job)

    async def standing(self) -> dict[str, Any]:
        """Return how SQL runs here, and which locks are open, with the reason of each."""
        desk = self._desk()
        if desk.armed is None:
            await desk.prepare()
        locks = desk.armed or {"process": "no process can be had"}
        return {
            "mode": "processes",
            "processes": self._plan.width,
            "armed": sorted(name for name, reason in locks.items() if not reason),
            "not_armed": {name: reason for name, reason in locks.items() if reason},
        }

    def warm(self) -> None:
        """Have a runner made soon: the first answers of a new app are not kept waiting for it."""
        self._warming = asyncio.get_running_loop().call_later(SOON, lambda: self._desk().refill())

    def close(self) -> None:
        """End every runner."""
        if self._warming is not None:
            self._warming.cancel()
        _close(self._desks)

    def _desk(self) -> "Desk":
        from baked_core.strangers.desk import Desk  # noqa: PLC0415 - not before somebody writes SQL
        from baked_core.strangers.launch import zygote  # noqa: PLC0415

        loop = asyncio.get_running_loop()
        found = self._desks.get(loop)
        if found is None:
            for ended in [each for each in self._desks if each.is_closed()]:
                self._desks.pop(ended).close()
            found = self._desks[loop] = Desk(self._plan, partial(zygote, self._site, self._metadata))
        return found


def _close(desks: "dict[asyncio.AbstractEventLoop, Desk]") -> None:
    while desks:
        desks.popitem()[1].close()
