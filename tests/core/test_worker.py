"""A worker as its keeper drives it: sockets come and go, visits change their process, and no request is lost."""
# ruff: noqa: ASYNC110, ASYNC220, ASYNC240 - a scenario has the loop for itself

import asyncio
import http.client
import socket
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

from baked_core.channel import Channel, Closed

LIMIT = 20.0
APP = """
import asyncio, os, socket, sys
from baked_core.worker import Worker

NAME = sys.argv[1].encode()

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    path = scope["path"]
    if path == "/slow":
        await asyncio.sleep(0.5)
    length = str(len(NAME) + 4 * (path == "/stream")).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    if path == "/stream":
        await send({"type": "http.response.body", "body": b"....", "more_body": True})
        await asyncio.sleep(0.5)
    await send({"type": "http.response.body", "body": NAME})

Worker(app, socket.socket(fileno=int(sys.argv[2]))).run()
"""


class Kept:
    """A worker, and the keeper's end of its channel."""

    def __init__(self, child: subprocess.Popen[bytes], channel: Channel, private: socket.socket) -> None:
        self.child, self.channel, self.private = child, channel, private

    async def tell(self, what: str, *sockets: socket.socket) -> None:
        await self.channel.send({"do": what}, [each.fileno() for each in sockets])
        assert (await self.channel.receive())[0] == {"said": what}


@asynccontextmanager
async def worker(name: str, folder: Path) -> AsyncIterator[Kept]:
    ours, theirs = socket.socketpair()
    private = socket.create_server(("127.0.0.1", 0))
    words = [sys.executable, "-P", "-c", textwrap.dedent(APP), name, str(theirs.fileno())]
    with subprocess.Popen(words, pass_fds=[theirs.fileno()]) as child, private:
        try:
            theirs.close()
            kept = Kept(child, Channel(ours), private)
            await kept.channel.send({"do": "serve", "folder": str(folder), "revision": name}, [private.fileno()])
            assert (await kept.channel.receive())[0] == {"said": "up"}
            yield kept
        finally:
            kept.channel.close()
            child.kill()


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(LIMIT):
            await scenario()

    asyncio.run(bounded())


class Visitor:
    """One client with one connection."""

    def __init__(self, listener: socket.socket) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=LIMIT)
        self.closed = False

    async def ask(self, path: str = "/") -> str:
        return await asyncio.to_thread(self._ask, path)

    def _ask(self, path: str) -> str:
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        self.closed = response.getheader("connection") == "close"
        return response.read().decode()


@contextmanager
def visitors(listener: socket.socket, number: int) -> Iterator[list[Visitor]]:
    with ExitStack() as opened:
        made = [Visitor(listener) for _ in range(number)]
        for each in made:
            opened.callback(each.connection.close)
        yield made


def test_every_kept_alive_connection_moves_to_the_successor(tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=128) as public:
            async with worker("old", tmp_path) as old, worker("new", tmp_path) as new:
                await old.tell("take up", public)
                with visitors(public, 300) as many:
                    assert {await each.ask() for each in many} == {"old"}
                    ports = [each.connection.sock.getsockname() for each in many]
                    writing, reading = socket.socketpair()
                    await old.tell("lay down", writing)
                    late = asyncio.create_task(many[0].ask())
                    await new.tell("take up", public, reading)
                    writing.close()
                    reading.close()
                    await old.channel.send({"do": "leave"})
                    assert await late == "new"
                    assert {await each.ask() for each in many} == {"new"}
                    assert [each.connection.sock.getsockname() for each in many] == ports
                    assert await asyncio.to_thread(old.child.wait, LIMIT) == 0

    run(scenario)


def test_requests_under_way_end_where_they_began(tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=128) as public:
            async with worker("old", tmp_path) as old, worker("new", tmp_path) as new:
                await old.tell("take up", public)
                with visitors(public, 2) as [slow, stream]:
                    asked = [asyncio.create_task(slow.ask("/slow")), asyncio.create_task(stream.ask("/stream"))]
                    await asyncio.sleep(0.2)
                    writing, reading = socket.socketpair()
                    await old.tell("lay down", writing)
                    await new.tell("take up", public, reading)
                    await old.channel.send({"do": "leave"})
                    writing.close()
                    reading.close()
                    assert await asyncio.gather(*asked) == ["old", "....old"]
                    assert slow.closed
                    assert not stream.closed
                    assert [await slow.ask(), await stream.ask()] == ["new", "new"]

    run(scenario)


def test_a_successor_that_dies_gives_all_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=128) as public:
            async with worker("old", tmp_path) as old:
                await old.tell("take up", public)
                with visitors(public, 20) as many:
                    assert {await each.ask() for each in many} == {"old"}
                    writing, reading = socket.socketpair()
                    await old.tell("lay down", writing)
                    reading.close()
                    writing.close()
                    await old.tell("take up", public)
                    assert {await each.ask() for each in many} == {"old"}

    run(scenario)


async def adopt(folder: Path, pid: int) -> tuple[dict[str, Any], list[int], Channel]:
    path = folder / f"orphan-{pid}.sock"
    while not path.exists():
        await asyncio.sleep(0.01)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    channel = Channel(connection)
    return *await channel.receive(), channel


def test_an_orphan_serves_on_and_gives_its_sockets_to_another_keeper(tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=128) as public:
            async with worker("old", tmp_path) as old:
                await old.tell("take up", public)
                with visitors(public, 1) as [visitor]:
                    old.channel.close()
                    public.close()
                    assert await visitor.ask() == "old"
                    hello, files, channel = await adopt(tmp_path, old.child.pid)
                    assert hello == {"said": "hello", "pid": old.child.pid, "revision": "old"}
                    private, again = (socket.socket(fileno=file) for file in files)
                    assert private.getsockname() == old.private.getsockname()
                    with again, private, closing(channel):
                        with visitors(again, 1) as [other]:
                            assert await other.ask() == "old"
                        await channel.send({"do": "leave"})
                        assert await asyncio.to_thread(old.child.wait, LIMIT) == 0
        assert not list(tmp_path.iterdir())

    run(scenario)


def test_a_keeper_that_dies_before_the_successor_accepts_leaves_the_old_one_serving(tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=128) as public:
            async with worker("old", tmp_path) as old:
                await old.tell("take up", public)
                with visitors(public, 2) as [kept, fresh]:
                    assert await kept.ask() == "old"
                    writing, reading = socket.socketpair()
                    await old.tell("lay down", writing)
                    for each in (writing, reading, old.channel):
                        each.close()
                    assert [await kept.ask(), await fresh.ask()] == ["old", "old"]

    run(scenario)


def test_a_keeper_that_dies_after_the_successor_accepts_leaves_only_the_new_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=128) as public:
            async with worker("old", tmp_path) as old, worker("new", tmp_path) as new:
                await old.tell("take up", public)
                with visitors(public, 1) as [kept]:
                    assert await kept.ask() == "old"
                    writing, reading = socket.socketpair()
                    await old.tell("lay down", writing)
                    await new.channel.send({"do": "take up"}, [public.fileno(), reading.fileno()])
                    for each in (writing, reading, old.channel, new.channel):
                        each.close()
                    assert await kept.ask() == "new"
                    assert await asyncio.to_thread(old.child.wait, LIMIT) == 0

    run(scenario)


def test_a_worker_whose_folder_is_gone_leaves(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with worker("old", tmp_path / "gone") as old:
            old.channel.close()
            assert await asyncio.to_thread(old.child.wait, LIMIT) == 0

    run(scenario)


def test_a_channel_tells_its_end() -> None:
    async def scenario() -> None:
        ours, theirs = socket.socketpair()
        channel = Channel(ours)
        theirs.close()
        try:
            await channel.receive()
        except Closed:
            channel.close()
            return
        raise AssertionError

    run(scenario)
