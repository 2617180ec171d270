"""A Visit: one client's connection, bounded in time and size, which can change its process between two requests."""

import asyncio
import os
from http import HTTPStatus
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from baked_core import limits
from baked_core.http import HttpRequest
from baked_core.shared import Shared
from baked_core.visitor import Visitor

_TARGET: Final = HTTPStatus.REQUEST_URI_TOO_LONG
_FIELDS: Final = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
_REFUSALS: Final = {
    HTTPStatus.BAD_REQUEST: "this is no request of HTTP/1.1",
    HTTPStatus.REQUEST_TIMEOUT: f"a request must be here within {limits.HURRY:.0f} seconds",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"nothing can be written here: a body may have {limits.BODY} bytes at most",
    _TARGET: f"an address may have {limits.TARGET} bytes at most: ask for less at once",
    _FIELDS: f"a request may have {limits.FIELDS} header fields, and {limits.HEADERS} bytes of them",
    HTTPStatus.SERVICE_UNAVAILABLE: "too many ask at once: come again in a moment",
}


class TooMuch(Exception):
    """A request is larger than it may be; the Visit knows which refusal it earned."""


class Visit(HttpToolsProtocol):
    """uvicorn's connection, watched from the first byte of a request to the last of its response."""

    public = False
    """Whether it came by the stable URL, and so may be handed to a successor."""

    def __init__(self, config: Config, server_state: Shared, app_state: dict[str, Any], _loop: Any = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._shared = server_state
        self._host = server_state.host
        self._halfway = False
        self._heading = False
        self._unread = self._body = 0
        """Bytes that came since the last head was whole, and of a body."""
        self._refusal: HTTPStatus | None = None
        self._answering: Any = None
        """The request that is answered; ``cycle`` is the last one that came, of several at once."""
        self._clock: asyncio.TimerHandle | None = None
        """Runs while something of a request is awaited."""
        self._patience: asyncio.TimerHandle | None = None
        """Runs while the client does not read."""

    @property
    def idle(self) -> bool:
        """Whether nothing of a request has been read, and nothing of a response is left to be sent."""
        cycle: Any = self.cycle  # None until the first request
        answered = cycle is None or cycle.response_complete
        return answered and not self._halfway and self.transport.get_write_buffer_size() == 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin, if there is room; if a successor took over meanwhile, this client is already its own."""
        super().connection_made(transport)
        if not self._shared.make_room():
            self._refusal = HTTPStatus.SERVICE_UNAVAILABLE  # said when its request is here: it would be lost before
        self._shared.waiting[self] = None
        self._start_clock(limits.HURRY)
        self.loop.call_soon(self._host.pause, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it everywhere, and let nothing more be done for it."""
        self._forget()
        self._abandon()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came, but no more of a head than it may have, and not for ever."""
        self._unread += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._heading and self._unread > limits.TARGET + limits.HEADERS:
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if self.headers else HTTPStatus.REQUEST_URI_TOO_LONG
            )
        elif self._clock is None and not self._under_way:
            self._start_clock(limits.HURRY)

    def on_message_begin(self) -> None:
        """Note the first byte of a request."""
        self._halfway = self._heading = True
        self._body = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Answer, if the head is not too large; tell the client to come back if this process is about to leave."""
        self._check_head()
        self._heading, self._unread = False, 0
        self._stop_clock()
        self._shared.waiting.pop(self, None)
        super().on_headers_complete()
        if self._host.leaving:
            self.close_after_response()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._unread = 0
        self._body += len(body)
        if self._body > limits.BODY:
            self._too_much(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note the last byte of a request."""
        super().on_message_complete()
        self._halfway = False
        if not self._under_way:  # a body that ended after its answer
            self._stop_clock()

    def on_response_complete(self) -> None:
        """Wait for the next request; go to the successor, if there is one, once this turn of the event loop is over."""
        super().on_response_complete()
        if not self._under_way and not self.transport.is_closing():
            self._shared.waiting[self] = None
            if self._halfway and not self._heading:  # the rest of a body that nobody needs
                self._start_clock(limits.FAREWELL)
        self.loop.call_soon(self._host.pause, self)

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read as fast as it is answered."""
        super().pause_writing()
        self._shared.stalled[self] = self._client()
        self._shared.relieve()
        self._expect_progress()

    def resume_writing(self) -> None:
        """End to wait: the client has read most of what was sent."""
        super().resume_writing()
        self._stop_patience()

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

    def give_up(self) -> None:
        """Break the connection at once, whatever waits in it."""
        self._forget()
        self._abandon()
        self.transport.abort()

    def leave(self) -> None:
        """Close the connection as soon as all is sent."""
        self._stop_clock()
        self._shared.waiting.pop(self, None)
        self.transport.close()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words
        """Refuse what could not be read, or was too much."""
        self._refuse(self._refusal or HTTPStatus.BAD_REQUEST)

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing to the log: anybody could fill it."""

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Begin to answer a request, whether it just came or waited for the one before it."""
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _abandon(self) -> None:
        """Tell all who work for this client that it is gone; uvicorn tells it of the request that came last."""
        for cycle in (self._answering, *[waiting for waiting, _ in self.pipeline]):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()

    @property
    def _under_way(self) -> bool:
        """Whether a request waits for its answer."""
        cycle: Any = self.cycle  # None until the first request
        return cycle is not None and not cycle.response_complete

    def _check_head(self) -> None:
        """Refuse a head that is too large, or whoever came when there was no room."""
        if len(self.url) > limits.TARGET:
            self._too_much(_TARGET)
        size = self._unread if self._unread < limits.HEADERS else sum(len(n) + len(v) + 4 for n, v in self.headers)
        if len(self.headers) > limits.FIELDS or size > limits.HEADERS:
            self._too_much(_FIELDS)
        if self._refusal is not None:
            self._too_much(self._refusal)

    def _client(self) -> str:
        """Return who asked for what is answered, as turns tell clients apart."""
        if self._answering is None:
            return ""
        http = HttpRequest(self._answering.scope, self._answering.receive)
        return Visitor(http, person=False).address(self._shared.proxies)

    def _too_much(self, status: HTTPStatus) -> None:
        self._refusal = status
        raise TooMuch  # the parser stops, and uvicorn asks for the refusal

    def _too_slow(self) -> None:
        self._clock = None
        if self._heading:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.leave()

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer in the server's own words, unless another answer is on its way, and close."""
        cycle: Any = self.cycle
        mine = self._under_way and not (self._heading or self.pipeline or cycle.response_started)
        if mine:
            cycle.disconnected = True  # what the app makes of it goes nowhere
            cycle.message_event.set()
        if mine or not self._under_way:
            self.transport.write(_refusal(status))
        self.leave()

    def _start_clock(self, seconds: float) -> None:
        self._stop_clock()
        self._clock = self.loop.call_later(seconds, self._too_slow)

    def _expect_progress(self, before: int | None = None) -> None:
        """Give up a client that took less than CRAWL since there were ``before`` bytes to send, or look again."""
        unsent = self.transport.get_write_buffer_size()
        if before is not None and before - unsent < limits.CRAWL:
            self.give_up()
        else:
            self._patience = self.loop.call_later(limits.STALL, self._expect_progress, unsent)

    def _forget(self) -> None:
        self._shared.waiting.pop(self, None)
        self._stop_clock()
        self._stop_patience()

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _stop_patience(self) -> None:
        self._shared.stalled.pop(self, None)
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def _refusal(status: HTTPStatus) -> bytes:
    body = _REFUSALS[status]
    retry = "retry-after: 1\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
    return (
        f"HTTP/1.1 {status} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"x-content-type-options: nosniff\r\ncache-control: no-store\r\n{retry}"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n{body}"
    ).encode()
