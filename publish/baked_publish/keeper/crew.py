"""A Crew: the app processes of one deployment, kept at their number."""

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import Final

from baked_publish.keeper.hand import Hand, Start, open_log

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 10.0
"""Seconds before a process that ended is started again: each time twice as long, up to this."""
STEADY: Final = 10.0
"""Seconds after which a process that ended counts as the first one again."""


class Crew:
    """The processes that share the private socket of one deployment, and the public one while it is live."""

    def __init__(self, start: Start, private: socket.socket, workers: int, adopted: Sequence[Hand] = ()) -> None:
        self.start, self.private, self.workers = start, private, workers
        self.listener: socket.socket | None = None
        """The public socket, while visitors are to come here."""
        self.failures = 0
        """Processes that ended without having been told to."""
        self._hands = list(adopted)
        self._change = asyncio.Condition()
        self._leaving = False
        first: list[Hand | None] = [*adopted, *[None] * (workers - len(adopted))]
        self._places = [asyncio.create_task(self._fill(hand)) for hand in first]

    @property
    def port(self) -> int:
        """The port of the deployment's own address on 127.0.0.1."""
        port: int = self.private.getsockname()[1]
        return port

    @property
    def pids(self) -> list[int]:
        """The process ids of those that answer."""
        return [hand.pid for hand in self._hands]

    async def up(self, within: float) -> bool:
        """Wait until all answer; False if one failed to, or at the end of ``within`` seconds."""
        failures = self.failures

        def decided() -> bool:
            return len(self._hands) >= self.workers or self.failures > failures or self._leaving

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within), self._change:
                await self._change.wait_for(decided)
        return len(self._hands) >= self.workers

    async def take_up(self, listener: socket.socket, predecessors: Sequence[socket.socket] = ()) -> bool:
        """Let all accept visitors at ``listener``; False if none is there to do so."""
        self.listener = listener
        told = [hand.tell("take up", [listener, *predecessors]) for hand in self._hands]
        return any(await asyncio.gather(*told))

    async def lay_down(self) -> list[socket.socket]:
        """Let none accept visitors; return where each will leave its visits."""
        self.listener = None
        return list(await asyncio.gather(*[self._lay_down(hand) for hand in self._hands]))

    async def _lay_down(self, hand: Hand) -> socket.socket:
        theirs, ours = socket.socketpair()
        with theirs:
            await hand.tell("lay down", [theirs])
        return ours

    async def dismiss(self) -> None:
        """Let all answer what is under way and leave, and wait until they have."""
        self._stop_filling()
        self.private.close()
        await self._changed()
        await asyncio.gather(*[hand.dismiss() for hand in self._hands])
        await asyncio.wait(self._places)

    async def abandon(self) -> None:
        """Let go of all: they serve on without a keeper."""
        self._stop_filling()
        await asyncio.wait(self._places)
        self.private.close()
        await asyncio.gather(*[hand.abandon() for hand in self._hands])

    def _stop_filling(self) -> None:
        self._leaving = True
        for place in self._places:
            place.cancel()

    async def _fill(self, hand: Hand | None) -> None:
        """Keep one place filled for ever."""
        pause, clock = FIRST_PAUSE, asyncio.get_running_loop().time
        while not self._leaving:
            began = clock()
            try:
                await self._serve(hand)
            except OSError as exc:
                with open_log(self.start.log) as log:
                    log.write(f"the app could not be started: {exc}\n".encode())
            hand = None
            await self._changed(failures=1)
            pause = FIRST_PAUSE if clock() - began > STEADY else min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _serve(self, hand: Hand | None) -> None:
        """Start a process, unless there is one, and stay with it until it ends."""
        if hand is None:
            hand = await Hand.start(self.start, self.private)
            try:
                if not await hand.up():
                    return
            except asyncio.CancelledError:
                hand.kill()
                await hand.gone.wait()
                raise
            if (listener := self.listener) is not None:
                await hand.tell("take up", [listener])
                if self.listener is not listener:  # changed meanwhile, which this one was not told
                    hand.kill()
            self._hands.append(hand)
            await self._changed()
        await hand.gone.wait()
        self._hands.remove(hand)

    async def _changed(self, failures: int = 0) -> None:
        self.failures += failures
        async with self._change:
            self._change.notify_all()
