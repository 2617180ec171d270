"""What the Visits of one server share."""

from typing import Any, Protocol

from uvicorn.server import ServerState


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
    """uvicorn's own record of connections, and the way from each back to its server."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self.host = host
