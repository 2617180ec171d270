"""The threads that run the app's own SQL: while all are at work, clients take turns, whoever asked for how much."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from baked_core.errors import Busy, Gone
from baked_core.visitor import CURRENT

PATIENCE: Final = 10.0
"""Seconds that a statement waits at most to begin."""

T = TypeVar("T")


class Threads:
    """A few threads, and the line before them."""

    def __init__(self, count: int, proxies: int) -> None:
        """Take how many there are, and how many proxies tell clients apart."""
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="sql")
        self._free, self._proxies = count, proxies
        self._waiting = OrderedDict[str, deque[asyncio.Future[None]]]()
        """By client, the one whose turn is next first."""

    async def run(self, work: Callable[[], T], *, begun: bool = False) -> T:
        """Return what ``work`` returns in one of the threads.

        Raises Gone if the client left, for a page may take a hundred statements, and Busy if its turn does not come
        in time, but never for what goes on with something that has ``begun`` to be answered. A thread whose result
        nobody awaits any more is free when it is done, and not before.
        """
        visitor = CURRENT.get()
        if self._free > 0:
            self._free -= 1
        else:
            await self._turn("" if visitor is None else visitor.address(self._proxies), None if begun else PATIENCE)
        if visitor is not None and visitor.left:
            self._next()
            raise Gone("the client left")
        done = asyncio.get_running_loop().run_in_executor(self._pool, work)
        done.add_done_callback(self._next)
        return await asyncio.shield(done)

    def end(self, work: Callable[[], object]) -> None:
        """Have ``work`` done soon, which only takes a moment: nobody waits for it, and it waits for nobody's turn."""
        self._pool.submit(work)

    async def _turn(self, client: str, patience: float | None) -> None:
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(called)
        try:
            async with asyncio.timeout(patience):
                await called
        except BaseException as exc:
            if called.done() and not called.cancelled():  # it was called just now: the next one's turn
                self._next()
            if isinstance(exc, TimeoutError):
                raise Busy("too much is under way: ask again in a while", after=int(PATIENCE)) from exc
            raise

    def _next(self, _done: object = None) -> None:
        """Call whoever is next; of those who gave up nothing is left but their place."""
        while self._waiting:
            client, line = self._waiting.popitem(last=False)
            called = line.popleft()
            if line:
                self._waiting[client] = line
            if not called.done():
                called.set_result(None)
                return
        self._free += 1
