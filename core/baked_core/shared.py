"""What the Visits of one server share."""

from collections import Counter
from typing import Any, Protocol

from uvicorn.server import ServerState

from baked_core import limits


class Host(Protocol):
    """What a Visit asks of its server."""

    @property
    def leaving(self) -> bool:
        """Whether this process answers what is under way and nothing more."""
        ...

    def pause(self, visit: Any) -> None:
        """Take ``visit`` away if it belongs to a successor by now."""
        ...


class Shared(ServerState):
    """uvicorn's own record of connections, the way from each back to its server, and who waits for whom."""

    def __init__(self, host: Host, proxies: int = 0) -> None:
        super().__init__()
        self.host, self.proxies = host, proxies
        self.most = limits.visits()
        """How many connections there may be."""
        self.unsent = limits.share(limits.UNSENT)
        """How many bytes may wait for all who read too slowly."""
        self.waiting: dict[Any, None] = {}
        """Visits from which the head of a request is awaited, the longest first."""
        self.stalled: dict[Any, str] = {}
        """Visits that do not read as fast as they are answered, the longest first, and whose they are."""

    def make_room(self) -> bool:
        """End a visit if there are too many; tell whether there is room now.

        It is the one that has waited longest for its next request. If all are answered, it is the one that has
        stalled longest of those of one client, if that has more of them than its share.
        """
        if len(self.connections) <= self.most:
            return True
        done = (visit for visit in self.waiting if not visit.transport.get_write_buffer_size())
        if (longest := next(done, None)) is not None:
            longest.leave()
        elif (slowest := self._crowding()) is not None:
            slowest.give_up()
        else:
            return False
        return True

    def _crowding(self) -> Any:
        """Return the visit that has stalled longest of the client with most of such; None if nobody has many."""
        client, count = next(iter(Counter(self.stalled.values()).most_common(1)), ("", 0))
        if count <= self.most // limits.CROWD:
            return None
        return next(visit for visit, whose in self.stalled.items() if whose == client)

    def relieve(self) -> None:
        """Give up the visits that have stalled longest while too many bytes wait for all of them."""
        unsent = {visit: visit.transport.get_write_buffer_size() for visit in self.stalled}
        total = sum(unsent.values())
        for visit, size in unsent.items():
            if total <= self.unsent:
                return
            visit.give_up()
            total -= size
