"""The server under real connections: it drains on SIGTERM, and hands its visits to another process."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from baked_core.manifest import Manifest

LIMIT = 20.0
APP = """
import asyncio, socket, sys
from baked_core.server import Server

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"] == "/slow":
        await asyncio.sleep(0.7)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": b"one"})

Server(app).run([socket.socket(fileno=int(sys.argv[1]))])
"""

TURNS = """
import asyncio, socket, sys, time
from baked_core.server import Server

turns = 0

async def turn():
    global turns
    while True:
        turns += 1
        time.sleep(0.005)
        await asyncio.sleep(0)

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        working = asyncio.create_task(turn())
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
    body = b"%9d" % turns
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
    await send({"type": "http.response.body", "body": body})

Server(app).run([socket.socket(fileno=int(sys.argv[1]))])
"""
"""An app whose event loop is busy, and which tells in which of its turns it answers."""


def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=128)


@contextmanager
def process(listener: socket.socket, app: str = APP) -> Iterator[subprocess.Popen[bytes]]:
    words = [sys.executable, "-P", "-c", app, str(listener.fileno())]
    with subprocess.Popen(words, pass_fds=[listener.fileno()]) as child:
        try:
            yield child
        finally:
            child.kill()


def get(connection: http.client.HTTPConnection, path: str = "/") -> tuple[bytes, str | None]:
    connection.request("GET", path)
    response = connection.getresponse()
    return response.read(), response.getheader("connection")


def connect(listener: socket.socket) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=LIMIT)


def test_sigterm_answers_what_is_under_way_and_ends_well() -> None:
    with listening() as listener, process(listener) as child:
        with closing(connect(listener)) as busy, closing(connect(listener)) as idle:
            assert get(idle) == (b"one", None)
            busy.request("GET", "/slow")
            time.sleep(0.2)
            child.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            assert get(idle) == (b"one", "close")
            assert busy.getresponse().read() == b"one"
        assert child.wait(LIMIT) == 0


def test_nobody_waits_a_turn_for_each_who_came_before() -> None:
    """One connection of a socket is accepted in a turn by uvloop: the last of a hundred waited for a hundred."""
    with listening() as listener, process(listener, TURNS), ExitStack() as stack:
        assert get(stack.enter_context(closing(connect(listener))))[0]
        many = [stack.enter_context(closing(connect(listener))) for _ in range(100)]
        for each in many:
            each.request("GET", "/")
        turns = [int(each.getresponse().read()) for each in many]
    assert max(turns) - min(turns) < 50


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    manifest = Manifest(generator="test", databases={})
    (tmp_path / "manifest.json").write_bytes(manifest.to_json())
    return tmp_path


def started(*args: object, **env: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-P", "-m", "baked_core", *map(str, args)]
    return subprocess.Popen(words, env={**os.environ, **env}, text=True, stderr=subprocess.PIPE)


@pytest.mark.parametrize("by_name", [True, False], ids=["BAKED_BUNDLE", "argument"])
def test_the_program_serves_a_bundle_at_its_port(bundle: Path, by_name: bool) -> None:  # noqa: FBT001
    with listening() as free:
        port = free.getsockname()[1]
    how = {"BAKED_BUNDLE": str(bundle)} if by_name else {}
    with started(*([] if by_name else [bundle]), PORT=str(port), **how) as child:
        try:
            assert json.loads(patiently(port, "/-/baked.json"))["format"] == 1
            child.send_signal(signal.SIGTERM)
            assert child.wait(LIMIT) == 0
        finally:
            child.kill()


def test_no_answer_needs_a_command_line(bundle: Path) -> None:
    """What a start imports is most of the time that it takes."""
    with listening() as free:
        port = free.getsockname()[1]
    with started(bundle, PORT=str(port), PYTHONPROFILEIMPORTTIME="1") as child:
        try:
            assert patiently(port, "/-/healthz") == b"ok"
            child.send_signal(signal.SIGTERM)
            _, said = child.communicate(timeout=LIMIT)
        finally:
            child.kill()
    loaded = {line.rpartition("|")[2].strip() for line in said.splitlines() if line.startswith("import time:")}
    assert "uvicorn.server" in loaded
    assert not {"click", "uvicorn.main"} & loaded


def test_what_a_start_leaves_out_is_loaded_before_somebody_waits_for_it(bundle: Path) -> None:
    with listening() as free:
        port = free.getsockname()[1]
    with started(bundle, PORT=str(port), PYTHONPROFILEIMPORTTIME="1") as child:
        late = threading.Timer(LIMIT, child.kill)
        late.start()
        try:
            assert patiently(port, "/-/healthz") == b"ok"
            awaited = {"jinja2", "baked_core.routes"}
            assert child.stderr is not None
            while awaited:  # nobody asks for anything
                line = child.stderr.readline()
                assert line, f"{awaited} never came"
                awaited.discard(line.rpartition("|")[2].strip())
        finally:
            late.cancel()
            child.kill()


def patiently(port: int, path: str) -> bytes:
    deadline = time.monotonic() + LIMIT
    while True:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)) as connection:
            try:
                return get(connection, path)[0]
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.02)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"BAKED_BUNDLE": "/nowhere"}, "'/nowhere/manifest.json' cannot be read"),
        ({"PORT": "web"}, "PORT is 'web': a number up to 65535 is needed"),
        ({"PORT": "70000"}, "PORT is '70000': a number up to 65535 is needed"),
        ({"HOST": "192.0.2.1"}, "192.0.2.1:8001 cannot be listened on"),
    ],
)
def test_the_program_ends_with_a_sentence(bundle: Path, env: dict[str, str], message: str) -> None:
    with started(**{"BAKED_BUNDLE": str(bundle), **env}) as child:
        try:
            _, said = child.communicate(timeout=LIMIT)
        finally:
            child.kill()
    assert child.returncode == 1
    assert said.startswith("baked_core: ")
    assert message in said
    assert "Traceback" not in said


def test_the_program_without_a_bundle_says_what_to_name() -> None:
    with started() as child:
        _, said = child.communicate(timeout=LIMIT)
    assert child.returncode == 1
    assert "name its folder" in said
