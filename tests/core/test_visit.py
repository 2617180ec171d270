"""Connections that cost too much, over real sockets: large, slow, many, or never read; others are answered."""

import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from baked_core import limits

LIMIT = 20.0
HURRY = 0.6
STALL = 2.0
APP = """
import asyncio, socket, sys
from baked_core import limits
limits.HURRY, limits.STALL = map(float, sys.argv[2].split(","))
limits.FAREWELL = limits.HURRY / 2
limits.VISITS = int(sys.argv[3])
limits.UNSENT = int(sys.argv[4])
from baked_core.server import Server

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"] == "/slow":
        await asyncio.sleep(1.5)
    if scope["path"] == "/soon":
        await asyncio.sleep(0.02)
    if scope["path"] == "/wait":
        while (await receive())["type"] != "http.disconnect":
            pass
        print("it left", file=sys.stderr, flush=True)
    body = b"x" * (16 << 20) if scope["path"] == "/large" else b"one"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})

Server(app).run([socket.socket(fileno=int(sys.argv[1]))])
"""
GET = b"GET / HTTP/1.1\r\nhost: x\r\n"


@dataclass(frozen=True)
class Site:
    """A server in a process of its own."""

    port: int
    log: Path

    def connect(self, send: bytes = b"", *, source: str = "") -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.port), LIMIT, (source, 0))
        sock.sendall(send)
        return sock

    def get(self, path: bytes = b"/") -> bytes:
        with self.connect(b"GET %b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n" % path) as sock:
            return until_closed(sock)


Start = Callable[..., Site]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(*, visits: int = 1000, unsent: int = 1 << 40) -> Site:
            listener = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0), backlog=128)))
            words = [
                sys.executable,
                "-P",
                "-c",
                APP,
                *map(str, (listener.fileno(), f"{HURRY},{STALL}", visits, unsent)),
            ]
            log = stack.enter_context((tmp_path / "log").open("wb"))
            child = stack.enter_context(subprocess.Popen(words, pass_fds=[listener.fileno()], stderr=log))
            stack.callback(child.kill)
            site = Site(listener.getsockname()[1], tmp_path / "log")
            assert site.get().endswith(b"one")
            return site

        yield start


def until_closed(sock: socket.socket) -> bytes:
    """Return all that is sent until the other side closes, or breaks, the connection."""
    heard = b""
    try:
        while block := sock.recv(1 << 16):
            heard += block
    except ConnectionError:
        pass
    return heard


def status(heard: bytes) -> int:
    return int(heard.split(b" ", 2)[1])


def answer(sock: socket.socket) -> bytes:
    """Return one answer of ``one``."""
    heard = b""
    while not heard.endswith(b"one"):
        block = sock.recv(1 << 16)
        assert block, heard
        heard += block
    return heard


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        (b"GET /%b HTTP/1.1\r\nhost: x\r\n\r\n" % (b"a" * (limits.TARGET - 1)), 200),
        (b"GET /%b HTTP/1.1\r\nhost: x\r\n\r\n" % (b"a" * limits.TARGET), 414),
        (b"GET /" + b"a" * 500_000, 414),
        (GET + b"a: " + b"x" * 60_000 + b"\r\n\r\n", 200),
        (GET + b"a: " + b"x" * 66_000 + b"\r\n\r\n", 431),
        (GET + b"a: " + b"x" * 500_000, 431),
        (GET + b"x" * 500_000, 431),
        (GET + b"a: b\r\n" * 98 + b"\r\n", 200),
        (GET + b"a: b\r\n" * 101 + b"\r\n", 431),
        (GET + b"a: b\r\n" * 90_000, 431),
        (GET + b"content-length: 5\r\n\r\nhello", 200),
        (GET + b"content-length: 2000000\r\n\r\n" + b"x" * 2_000_000, 200),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400),
        (GET + b"transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\nabc", 400),
        (GET + b"upgrade: websocket\r\nconnection: upgrade\r\n\r\n", 200),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ],
)
def test_a_request_is_taken_or_refused_by_its_size(start: Start, request_: bytes, refusal: int) -> None:
    site = start()
    with site.connect() as sock:
        try:
            sock.sendall(request_)
        except ConnectionError:
            assert refusal != 200
        heard = sock.recv(1 << 16)
    assert status(heard) == refusal
    if refusal != 200:
        assert b"x-content-type-options: nosniff" in heard
        assert b"connection: close" in heard
    assert site.get().endswith(b"one")
    assert site.log.read_bytes() == b""


@pytest.mark.parametrize(
    ("first", "drop", "refusal"),
    [
        (b"", b"", b""),
        (b"", b"\r\n", b""),
        (b"GET /", b"a", b"HTTP/1.1 408 "),
        (GET, b"a: b\r\n", b"HTTP/1.1 408 "),
        (GET + b"a: ", b"b", b"HTTP/1.1 408 "),
        (GET + b"\r\n", b"\r\n", b"HTTP/1.1 200 "),
        (GET + b"\r\n" + GET, b"a: b\r\n", b"HTTP/1.1 200 "),
        (GET + b"transfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n", b"HTTP/1.1 200 "),
        (GET + b"content-length: 1000\r\n\r\n", b"x", b"HTTP/1.1 200 "),
    ],
)
def test_a_request_that_trickles_is_given_up(start: Start, first: bytes, drop: bytes, refusal: bytes) -> None:
    site = start()
    with site.connect(first) as sock:
        sock.settimeout(0.05)
        began, heard = time.monotonic(), b""
        while time.monotonic() < began + LIMIT:
            try:
                block = sock.recv(1 << 16)
                heard += block
                if not block:
                    break
            except TimeoutError:
                try:
                    sock.sendall(drop)
                except ConnectionError:
                    break
            except ConnectionError:
                break
        took = time.monotonic() - began
    assert heard.startswith(refusal) if refusal else not heard
    assert HURRY / 3 < took < HURRY + 2


def test_a_body_that_nobody_needs_leaves_the_connection_usable(start: Start) -> None:
    site = start()
    with site.connect() as sock:
        for request in (GET + b"content-length: 10\r\n\r\n0123456789", GET + b"content-length: 4\r\n\r\n"):
            sock.sendall(request)
            assert status(answer(sock)) == 200
        sock.sendall(b"late" + GET + b"\r\n" + GET + b"\r\n")
        heard = b""
        while heard.count(b"\r\n\r\none") < 2:
            heard += sock.recv(1 << 16)


def test_whoever_keeps_a_head_back_makes_room_for_others(start: Start) -> None:
    site = start(visits=8)
    with ExitStack() as stack:
        slow = [stack.enter_context(site.connect(b"GET / HT")) for _ in range(12)]
        for _ in range(4):
            assert status(site.get()) == 200
        assert until_closed(slow[0]) == b""


def test_when_all_are_busy_one_more_is_told_to_come_again(start: Start) -> None:
    site = start(visits=4)
    with ExitStack() as stack:
        busy = [stack.enter_context(site.connect(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")) for _ in range(4)]
        time.sleep(0.3)
        heard = site.get()
        assert status(heard) == 503
        assert b"retry-after: 1\r\n" in heard
        assert [status(answer(each)) for each in busy] == [200] * 4
        for each in busy:
            each.close()
    assert status(site.get()) == 200


def test_a_client_that_does_not_read_is_given_up(start: Start) -> None:
    site = start()
    with site.connect(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n") as sock:
        time.sleep(STALL * 2.5)
        assert len(until_closed(sock)) < 16 << 20
    assert len(site.get(b"/large")) > 16 << 20


def test_a_client_that_reads_slowly_gets_all(start: Start) -> None:
    site, heard = start(), 0
    with site.connect(b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n") as sock:
        while block := sock.recv(1 << 20):
            heard += len(block)
            time.sleep(STALL / 12)
    assert heard > 16 << 20


def test_what_waits_for_all_who_do_not_read_is_bounded(start: Start) -> None:
    site = start(unsent=40 << 20)
    with ExitStack() as stack:
        idle = [stack.enter_context(site.connect(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")) for _ in range(4)]
        time.sleep(HURRY / 2)
        assert len(until_closed(idle[0])) < 16 << 20


def test_who_reads_slowly_on_many_connections_makes_room_for_others(start: Start) -> None:
    """A thousand that took a thousand bytes a second each kept everybody else out for as long as they liked."""
    site, large = start(visits=8), b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    with ExitStack() as stack:
        one = stack.enter_context(site.connect(large, source="127.0.0.3"))
        many = [stack.enter_context(site.connect(large)) for _ in range(7)]
        time.sleep(0.3)
        late = stack.enter_context(site.connect(GET + b"\r\n", source="127.0.0.2"))
        assert status(answer(late)) == 200
        with ThreadPoolExecutor(8) as readers:
            heard = [len(body) for body in readers.map(until_closed, (one, *many))]
    assert sum(each < 16 << 20 for each in heard) == 1
    assert heard[0] > 16 << 20, "it had one connection"


def test_who_leaves_is_known_to_have_left_whatever_else_was_asked(start: Start) -> None:
    """Of several requests at once uvicorn tells it to the last one, and the others are worked for to their end."""
    site = start()
    with site.connect(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n" + GET + b"\r\n"):
        time.sleep(0.2)
    deadline = time.monotonic() + LIMIT
    while not site.log.read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert site.log.read_bytes() == b"it left\n"


def test_many_requests_of_who_leaves_at_once_are_no_news(start: Start) -> None:
    """Each wrote an error to the log, of a connection that is closed."""
    site = start()
    for _ in range(5):
        with site.connect(b"GET /soon HTTP/1.1\r\nhost: x\r\n\r\n" * 9) as sock:
            sock.recv(10)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    time.sleep(0.1)
    assert status(site.get()) == 200
    assert not site.log.read_bytes()


def test_open_files_bound_the_number_of_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource  # noqa: PLC0415 - not on Windows

    for files, visits in ((resource.RLIM_INFINITY, limits.VISITS), (1024, 724), (100, 16), (100_000, limits.VISITS)):
        monkeypatch.setattr(resource, "getrlimit", lambda _which, files=files: (files, files))
        assert limits.visits() == visits
