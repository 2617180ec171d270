"""A Visit: one client's connection, which knows when it waits between two requests and can then change its process."""

import asyncio
import os
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from baked_core.shared import Shared


class Visit(HttpToolsProtocol):
    """uvicorn's connection, watched from the first byte of a request to the last of its response."""

    public = False
    """Whether it came by the stable URL, and so may be handed to a successor."""

    def __init__(self, config: Config, server_state: Shared, app_state: dict[str, Any], _loop: Any = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._host = server_state.host
        self._halfway = False

    @property
    def idle(self) -> bool:
        """Whether nothing of a request has been read, and nothing of a response is left to be sent."""
        cycle: Any = self.cycle  # None until the first request
        answered = cycle is None or cycle.response_complete
        return answered and not self._halfway and self.transport.get_write_buffer_size() == 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin; if a successor took over meanwhile, this client is already its own."""
        super().connection_made(transport)
        self.loop.call_soon(self._host.pause, self)

    def on_message_begin(self) -> None:
        """Note the first byte of a request."""
        self._halfway = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Tell the client to come back by another connection if this process is about to leave."""
        super().on_headers_complete()
        if self._host.leaving:
            self.close_after_response()

    def on_message_complete(self) -> None:
        """Note the last byte of a request."""
        super().on_message_complete()
        self._halfway = False

    def on_response_complete(self) -> None:
        """Go to the successor, if there is one, once this turn of the event loop is over."""
        super().on_response_complete()
        self.loop.call_soon(self._host.pause, self)

    def close_after_response(self) -> None:
        """Answer what is under way with ``connection: close``, unless its headers are already sent."""
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_started:
            cycle.keep_alive = False

    def take(self) -> int:
        """Return the open connection as a file and forget it: what its client sends now waits in the kernel."""
        self.transport.pause_reading()
        file = os.dup(self.transport.get_extra_info("socket").fileno())
        self.transport.close()
        return file
