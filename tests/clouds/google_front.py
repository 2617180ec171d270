"""Fronts of Cloud Run's stand-in: each URL is a port of this machine, which hands requests to a revision's container.

Who may visit is decided here, as docs.cloud.google.com/run/docs/authenticating/service-to-service says: by an identity
token in ``X-Serverless-Authorization``, or else in ``Authorization``, unless everybody may.
"""

import http.client
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

PATIENCE = 60.0
HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "x-serverless-authorization"})
FORBIDDEN = (
    "<html><title>403 Forbidden</title><h1>Error: Forbidden</h1>"
    "<h2>Your client does not have permission to get URL from this server.</h2></html>"
)


@dataclass
class Front:
    """One URL: where its requests go, and who may send them."""

    pick: Callable[[], int | None]
    """Returns the port of a container, None if none is up."""
    allows: Callable[[str], bool]
    """Tells by an Authorization header whether somebody may visit."""
    port: int = 0
    refused: int = 0
    """Requests that nobody may send."""
    _server: ThreadingHTTPServer | None = None
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        """Listen on a port that stays until the end."""
        self._server = _Server(("127.0.0.1", self.port), type("Visit", (Visit,), {"front": self}))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of visitors who go away."""


class Visit(BaseHTTPRequestHandler):
    """The requests of one connection."""

    protocol_version = "HTTP/1.1"
    front: ClassVar[Front]

    def _any(self) -> None:
        said = self.headers.get("x-serverless-authorization") or self.headers.get("authorization") or ""
        if not self.front.allows(said):
            self.front.refused += 1
            self._say(403, FORBIDDEN)
            return
        port = self.front.pick()
        if port is None:
            self._say(503, "Service Unavailable")
            return
        try:
            self._forward(port)
        except (OSError, http.client.HTTPException) as exc:
            self._say(502, f"upstream: {exc!r}")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = _any  # noqa: N815 - the base class's names

    def _forward(self, port: int) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            headers = {key: value for key, value in self.headers.items() if key.lower() not in HOP}
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            data = answer.read()
        finally:
            upstream.close()
        self.send_response(answer.status)
        for key, value in answer.getheaders():
            if key.lower() not in HOP | {"date", "server"}:
                self.send_header(key, value)
        length = answer.getheader("content-length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(data)

    def _say(self, status: int, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""
