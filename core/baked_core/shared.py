"""What the Visits of one server share."""

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

    def __init__(self, host: Host) -> None:
        super().__init__()
        self.host = host
        self.most = limits.visits()
        """How many connections there may be."""
        self.unsent = limits.share(limits.UNSENT)
        """How many bytes may wait for all who read too slowly."""
        self.waiting: dict[Any, None] = {}
        """Visits from which the head of a request is awaited, the longest first."""
        self.stalled: dict[Any, None] = {}
        """Visits that do not read as fast as they are answered, the longest first."""

    def make_room(self) -> bool:
        """Close the visit that has waited longest if there are too many; tell whether there is room now."""
        if len(self.connections) <= self.most:
            return True
        done = (visit for visit in self.waiting if not visit.transport.get_write_buffer_size())
        longest: Any = next(done, None)
        if longest is None:
            return False
        longest.leave()
        return True

    def relieve(self) -> None:
        """Give up the visits that have stalled longest while too many bytes wait for all of them."""
        unsent = {visit: visit.transport.get_write_buffer_size() for visit in self.stalled}
        total = sum(unsent.values())
        for visit, size in unsent.items():
            if total <= self.unsent:
                return
            visit.give_up()
            total -= size
