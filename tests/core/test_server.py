"""The server under real connections: it drains on SIGTERM, and hands its visits to another process."""

import asyncio
import http.client
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from baked_core.__main__ import listen
from baked_core.errors import CoreError

LIMIT = 20.0
APP = '''
import asyncio, os, socket, sys
from baked_core.server import Server
from baked_core.worker import Worker

NAME = sys.argv[1].encode()

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    path, body = scope["path"], NAME
    size = [(b"content-length", str(len(body) + (4 if path == "/stream" else 0)).encode())]
    if path == "/slow":
        await asyncio.sleep(0.7)
    if path == "/crash":
        os._exit(9)
    await send({"type": "http.response.start", "status": 200, "headers": size})
    if path == "/stream":
        await send({"type": "http.response.body", "body": b"....", "more_body": True})
        await asyncio.sleep(0.7)
    await send({"type": "http.response.body", "body": body})

if len(sys.argv) > 3:
    Worker(app, socket.socket(fileno=int(sys.argv[3]))).run()
else:
    Server(app).run([socket.socket(fileno=int(sys.argv[2]))])
'''


def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=128)


@contextmanager
def process(*args: object, files: list[int]) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-P", "-c", textwrap.dedent(APP), *map(str, args)]
    with subprocess.Popen(words, pass_fds=files, text=True, stderr=subprocess.PIPE) as child:
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
    with listening() as listener, process("one", listener.fileno(), files=[listener.fileno()]) as child:
        with closing(connect(listener)) as busy, closing(connect(listener)) as idle:
            assert get(idle) == (b"one", None)
            busy.request("GET", "/slow")
            time.sleep(0.2)
            child.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            assert get(idle) == (b"one", "close")
            assert busy.getresponse().read() == b"one"
        assert child.wait(LIMIT) == 0
