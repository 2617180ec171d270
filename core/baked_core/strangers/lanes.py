"""Lanes: who is next when more queries wait than can run. Pure: time is asked of a function, nothing is awaited.

Clients take turns, whoever asked for how much, and no client has all places. One that used more than half a second is
slow for a minute: slow clients share all places but one. People, who wait for a page, go before machines, which wait
for data. What finds the queue full is refused at once.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from math import ceil
from typing import Final

from msgspec import Struct, field

from baked_core.errors import Busy, TooMany

ALLOWANCE: Final = 0.5
"""Seconds that a client may use before it is slow."""
MINUTE: Final = 60.0
"""Seconds for which what a client used is remembered."""
REMEMBERED: Final = 4096
"""Clients whose use is remembered; of more, those that were longest silent are forgotten."""


class Ticket(Struct, eq=False):
    """One query that waits or runs."""

    client: str
    person: bool
    wake: Callable[[], None]
    """Called when it is its turn."""
    began: float | None = None
    slow: bool = False
    """Whether it runs in the slow lane."""


class _Use(Struct):
    """What a client used of late."""

    since: float
    seconds: float = 0.0


class Lanes(Struct, eq=False):
    """The queue before ``width`` places."""

    width: int
    most: int
    """Queries that may wait."""
    typical: float = 1.0
    """Seconds that a query takes at most: what ``Retry-After`` is reckoned by."""
    lasting: bool = False
    """Whether a place is held for as long as its client likes: nobody gets more of them than are still free."""
    now: Callable[[], float] = time.monotonic
    waiting: OrderedDict[str, list[Ticket]] = field(default_factory=OrderedDict[str, list[Ticket]])
    """By client, the one whose turn is next first."""
    running: set[Ticket] = field(default_factory=set[Ticket])
    _used: OrderedDict[str, _Use] = field(default_factory=OrderedDict[str, _Use])

    def enter(self, client: str, *, person: bool, wake: Callable[[], None]) -> Ticket:
        """Queue up; raise Busy if the queue is full, TooMany if half of it, or a quarter for data, is this client's."""
        count = sum(map(len, self.waiting.values()))
        after = min(30, max(1, ceil(count * self.typical / self.width)))
        if count >= self.most:
            raise Busy("{count} queries wait already: ask again in a while", count=count, after=after)
        own = len(self.waiting.get(client, ()))
        if not person and own >= max(1, self.most // 4):
            raise TooMany("{own} queries of yours wait already: ask one after another", own=own, after=after)
        if own >= max(1, self.most // 2):
            raise Busy("{own} queries from your address wait already: ask again in a while", own=own, after=after)
        ticket = Ticket(client, person, wake)
        self.waiting.setdefault(client, []).append(ticket)
        return ticket

    def call(self) -> None:
        """Wake whoever can begin now."""
        while (ticket := self._next()) is not None:
            self._remove(ticket)
            if ticket.client in self.waiting:
                self.waiting.move_to_end(ticket.client)
            ticket.began, ticket.slow = self.now(), self._is_slow(ticket.client)
            self.running.add(ticket)
            ticket.wake()

    def leave(self, ticket: Ticket) -> None:
        """Take back a ticket, whether it waits, runs or is done with."""
        if ticket in self.running:
            self.running.discard(ticket)
            self._use(ticket.client).seconds += self.now() - (ticket.began or 0.0)
            if ticket.client in self.waiting:  # it had its turn
                self.waiting.move_to_end(ticket.client)
        else:
            self._remove(ticket)
        self.call()

    def _next(self) -> Ticket | None:
        if len(self.running) >= self.width or not self.waiting:
            return None
        most = max(1, self.width - 1)
        share = self.width - len(self.running) if self.lasting else most
        at_work = Counter(ticket.client for ticket in self.running)
        slow_lane_full = sum(ticket.slow for ticket in self.running) >= most
        best: tuple[tuple[bool, bool], Ticket] | None = None
        for client, tickets in self.waiting.items():
            slow = self._is_slow(client)
            if at_work[client] >= share or (slow and slow_lane_full):
                continue
            first = next((ticket for ticket in tickets if ticket.person), tickets[0])
            rank = (slow, not first.person)
            if best is None or rank < best[0]:
                best = rank, first
        return None if best is None else best[1]

    def _remove(self, ticket: Ticket) -> None:
        tickets = self.waiting.get(ticket.client, [])
        if ticket in tickets:
            tickets.remove(ticket)
            if not tickets:
                del self.waiting[ticket.client]

    def _is_slow(self, client: str) -> bool:
        under_way = sum(self.now() - (each.began or 0.0) for each in self.running if each.client == client)
        return self._use(client).seconds + under_way > ALLOWANCE

    def _use(self, client: str) -> _Use:
        now = self.now()
        use = self._used.get(client)
        if use is None or now - use.since > MINUTE:
            use = self._used[client] = _Use(now)
        self._used.move_to_end(client)
        while len(self._used) > REMEMBERED:
            self._used.popitem(last=False)
        return use
