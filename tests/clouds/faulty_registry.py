"""A registry with faults: a reverse proxy in front of a real one, which goes wrong where a test says."""

import http.client
import os
import re
import signal
import socket
import struct
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

BLOCK = 1 << 16
PATIENCE = 30.0
"""Seconds that the real registry gets for an answer."""
ALWAYS = 1 << 30
OURS = frozenset({"connection", "transfer-encoding", "content-length", "date", "server"})
"""Headers of an answer that the proxy writes itself."""


@dataclass(frozen=True)
class Seen:
    """A request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""


@dataclass(frozen=True)
class Answer:
    """What the real registry said."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Exchange(BaseHTTPRequestHandler):
    """One request: answered by a fault that fits it, or by the real registry."""

    protocol_version = "HTTP/1.1"
    faulty: ClassVar["FaultyRegistry"]

    def _any(self) -> None:
        seen = Seen(self.command, self.path, {key.lower(): value for key, value in self.headers.items()})
        fault = self.faulty.meet(seen)
        try:
            if fault is None:
                self.answer(self.forward())
            else:
                fault(self)
        except OSError:  # either side went away, as some tests want
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 - the base class's names

    def body(self, most: int = ALWAYS) -> Iterator[bytes]:
        """Yield at most ``most`` bytes of what the client sends."""
        left = min(int(self.headers.get("content-length") or 0), most)
        while left and (block := self.rfile.read1(min(BLOCK, left))):
            left -= len(block)
            yield block

    def forward(self, most: int = ALWAYS) -> Answer:
        """Hand the request to the real registry; with ``most``, only as many bytes of its body."""
        host, _, port = self.faulty.upstream.partition(":")
        upstream = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
        try:
            path = self.faulty.moved.get(self.path, self.path)
            upstream.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
            for key, value in self.headers.items():
                if key.lower() not in {"authorization", "connection", "content-length"}:
                    upstream.putheader(key, value)
            if length := self.headers.get("content-length"):
                upstream.putheader("Content-Length", str(min(int(length), most)))
            upstream.endheaders()
            for block in self.body(most):
                upstream.send(block)
            response = upstream.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            upstream.close()

    def answer(self, answer: Answer, most: int = ALWAYS) -> None:
        """Write an answer; with ``most``, break off after as many bytes of its body."""
        self.send_response(answer.status)
        length = {key.lower(): value for key, value in answer.headers}.get("content-length")
        for key, value in answer.headers:
            if key.lower() not in OURS:
                self.send_header(key, value)
        self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[:most])
        if most < len(answer.body):
            self.close_connection = True

    def refuse(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        """Answer without asking the real registry; the rest of the request is read and dropped."""
        for _ in self.body():
            pass
        self.answer(Answer(status, list((headers or {}).items()), body))

    def reset(self) -> None:
        """Break the connection, so that the client sees a reset."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RD)
        self.close_connection = True
        with suppress(OSError):
            self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


Fault = Callable[[Exchange], None]


@dataclass
class FaultyRegistry:
    """The proxy, and what went through it."""

    upstream: str
    """``HOST:PORT`` of the real registry; may be changed."""
    host: str = ""
    seen: list[Seen] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    """Paths that stand for others."""
    gate: Callable[[Seen], Fault | None] | None = None
    """Asked first: who may pass."""
    _faults: list[tuple[str, re.Pattern[str], int, list[int], Fault]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def breaks(self, method: str, path: str, fault: Fault, *, times: int = 1, after: int = 0, size: int = 0) -> None:
        """Let requests of ``method`` to a path that holds the pattern fail ``times``, the first ``after`` go well.

        Requests with a body of less than ``size`` bytes do not count.
        """
        self._faults.append((method, re.compile(path), size, [after, times], fault))

    def reset(self) -> None:
        """Forget what was seen and what was to go wrong."""
        with self._lock:
            self.seen.clear()
            self._faults.clear()
            self.moved.clear()

    def meet(self, seen: Seen) -> Fault | None:
        """Note a request and return the fault it meets."""
        with self._lock:
            self.seen.append(seen)
            if self.gate and (refusal := self.gate(seen)):
                return refusal
            length = int(seen.headers.get("content-length", "0"))
            for method, path, size, counts, fault in self._faults:
                if method == seen.method and path.search(seen.path) and length >= size:
                    if counts[0]:
                        counts[0] -= 1
                    elif counts[1]:
                        counts[1] -= 1
                        return fault
            return None

    def count(self, method: str, path: str = "") -> int:
        """Return how many requests of ``method`` came to a path that holds the pattern."""
        return sum(each.method == method and re.search(path, each.path) is not None for each in self.seen)


def says(status: int, code: str = "", message: str = "", **headers: str) -> Fault:
    """Answer with an error as the distribution specification writes it."""
    body = f'{{"errors":[{{"code":"{code}","message":"{message}"}}]}}'.encode() if code else b""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return lambda exchange: exchange.refuse(status, named, body)


def breaks_off_request(size: int) -> Fault:
    """Take ``size`` bytes of an upload, then reset the connection; asked where the upload lies, it tells of them.

    So does every registry that keeps the part of a request that broke; docker-registry 2.8 stores it, but then
    answers 404, since its state is in the address and says something else.
    """

    def fault(exchange: Exchange) -> None:
        place = urlsplit(dict(exchange.forward(size).headers)["Location"])
        exchange.faulty.moved[exchange.path] = f"{place.path}?{place.query}"
        exchange.reset()

    return fault


def loses_request(size: int) -> Fault:
    """Take ``size`` bytes of an upload, then reset the connection, as docker-registry 2.8 would."""

    def fault(exchange: Exchange) -> None:
        exchange.forward(size)
        exchange.reset()

    return fault


def kills(pid: int) -> Fault:
    """End the real registry at once, and with it the request."""

    def fault(exchange: Exchange) -> None:
        os.kill(pid, signal.SIGKILL)
        exchange.reset()

    return fault


def breaks_off_answer(size: int) -> Fault:
    """Send ``size`` bytes of the answer's body, then end the connection."""
    return lambda exchange: exchange.answer(exchange.forward(), size)


def changes(change: Callable[[Answer], Answer]) -> Fault:
    """Let the real registry answer, and change what it said."""
    return lambda exchange: exchange.answer(change(exchange.forward()))


def redirects(status: int, target: Callable[[str], str]) -> Fault:
    """Send the client to where ``target`` says for its path."""
    return lambda exchange: exchange.refuse(status, {"Location": target(exchange.path)})


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of connections that a test breaks."""


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Generator[str, None, None]:
    """Serve on a free loopback port until the end; yields ``127.0.0.1:PORT``."""
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)


@contextmanager
def in_front_of(upstream: str) -> Generator[FaultyRegistry, None, None]:
    """Run the proxy in front of the registry ``upstream``, a ``HOST:PORT``."""
    faulty = FaultyRegistry(upstream)
    with listening(type("FaultyExchange", (Exchange,), {"faulty": faulty})) as host:
        faulty.host = host
        yield faulty
