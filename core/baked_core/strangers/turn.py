"""A Turn: one query's way through the queue and back, which ends at once when its client leaves."""

import asyncio
from types import TracebackType
from typing import Final, Protocol, Self

from baked_core.errors import Busy, Gone
from baked_core.strangers.lanes import Lanes, Ticket
from baked_core.visitor import Visitor

PATIENCE: Final = 10.0
"""Seconds that a query waits at most."""
SOON: Final = 0.05
"""Seconds after which somebody looks whether the client is still there: most queries are done by then."""


class Killable(Protocol):
    """What runs a query."""

    def kill(self) -> None:
        """End it at once."""
        ...


class Turn:
    """A context in which it is this query's turn."""

    def __init__(self, lanes: Lanes, visitor: Visitor | None, proxies: int) -> None:
        self._lanes, self._visitor = lanes, visitor
        self._client = "" if visitor is None else visitor.address(proxies)
        self._person = visitor is None or visitor.person
        self._loop = asyncio.get_running_loop()
        self._called: asyncio.Future[None] = self._loop.create_future()
        self._ticket: Ticket | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._soon: asyncio.TimerHandle | None = None
        self.gone = False
        """Whether the client left."""
        self.process: Killable | None = None
        """What runs the query, to be killed when the client leaves."""

    async def __aenter__(self) -> Self:
        """Queue up; raises Busy, TooMany, Gone."""
        self._ticket = self._lanes.enter(self._client, person=self._person, wake=self._wake)
        if self._visitor is not None:
            self._soon = self._loop.call_later(SOON, self._watch)
        try:
            self._lanes.call()
            if not self._called.done():
                async with asyncio.timeout(PATIENCE):
                    await self._called
        except TimeoutError as exc:
            self._end()
            raise Busy("too many queries are under way: ask again in a while", after=int(PATIENCE)) from exc
        except BaseException:
            self._end()
            raise
        if self.gone:
            self._end()
            raise Gone("the client left")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the next one begin."""
        self._end()

    def _wake(self) -> None:
        if not self._called.done():
            self._called.set_result(None)

    def _watch(self) -> None:
        self._watcher = self._loop.create_task(self._await_end())

    async def _await_end(self) -> None:
        if self._visitor is not None:
            await self._visitor.gone()
            self.gone = True
            self._wake()
            if self.process is not None:
                self.process.kill()

    def _end(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        if self._ticket is not None:
            self._lanes.leave(self._ticket)
            self._ticket = None
