"""The threads of the app's own SQL: clients take turns, and nobody waits for ever."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import ParamSpec

import pytest

from baked_core import threads, visitor
from baked_core.errors import Busy, Gone
from baked_core.http import HttpRequest
from baked_core.threads import Threads
from baked_core.visitor import Visitor

P = ParamSpec("P")


def in_a_loop(test: Callable[P, Coroutine[object, object, None]]) -> Callable[P, None]:
    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def comes_from(address: str) -> None:
    async def receive() -> dict[str, object]:
        raise NotImplementedError

    scope = {"type": "http", "client": (address, 1), "headers": []}
    visitor.CURRENT.set(Visitor(HttpRequest(scope, receive), person=True))


async def asked(line: Threads, address: str, work: Callable[[], object]) -> object:
    comes_from(address)
    return await line.run(work)


@in_a_loop
async def test_clients_take_turns_whoever_asked_for_how_much() -> None:
    line, gate, order = Threads(1, 0), threading.Event(), list[str]()
    first = asyncio.create_task(asked(line, "10.0.0.1", gate.wait))
    many = [asyncio.create_task(asked(line, "10.0.0.1", lambda: order.append("many"))) for _ in range(5)]
    one = asyncio.create_task(asked(line, "10.0.0.2", lambda: order.append("one")))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, one, *many)
    assert order == ["many", "one", "many", "many", "many", "many"]


@in_a_loop
async def test_as_many_run_at_once_as_there_are_threads() -> None:
    line, together = Threads(3, 0), threading.Barrier(3)
    for _ in range(3):
        await asyncio.wait_for(asyncio.gather(*(asked(line, "10.0.0.1", together.wait) for _ in range(3))), 10)


@in_a_loop
async def test_who_waits_too_long_is_told_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "PATIENCE", 0.05)
    line, gate = Threads(1, 0), threading.Event()
    first = asyncio.create_task(asked(line, "10.0.0.1", gate.wait))
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await asked(line, "10.0.0.2", int)
    gate.set()
    await first
    assert await asked(line, "10.0.0.2", int) == 0


@in_a_loop
async def test_who_leaves_takes_nobody_s_place() -> None:
    line, gate = Threads(1, 0), threading.Event()
    first = asyncio.create_task(asked(line, "10.0.0.1", gate.wait))
    gone = [asyncio.create_task(asked(line, "10.0.0.2", int)) for _ in range(3)]
    await asyncio.sleep(0)
    for each in gone:
        each.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    late = asyncio.create_task(asked(line, "10.0.0.3", int))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.wait_for(asyncio.gather(first, late), 10)


@in_a_loop
async def test_what_is_called_as_it_leaves_passes_its_turn_on() -> None:
    line, gate = Threads(1, 0), threading.Event()
    first = asyncio.create_task(asked(line, "10.0.0.1", gate.wait))
    leaving, late = (asyncio.create_task(asked(line, f"10.0.0.{number}", int)) for number in (2, 3))
    await asyncio.sleep(0)
    first.add_done_callback(lambda _: leaving.cancel())
    gate.set()
    await asyncio.wait_for(asyncio.gather(first, late), 10)


@in_a_loop
async def test_what_fails_gives_its_thread_back() -> None:
    line = Threads(1, 0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await asked(line, "10.0.0.1", lambda: 1 // 0)
    assert await asked(line, "10.0.0.1", int) == 0


@in_a_loop
async def test_nothing_is_begun_for_a_client_that_left() -> None:
    class Cycle:
        disconnected = True

        async def receive(self) -> dict[str, object]:
            raise NotImplementedError

    line = Threads(1, 0)
    visitor.CURRENT.set(
        Visitor(HttpRequest({"type": "http", "client": None, "headers": []}, Cycle().receive), person=False)
    )
    with pytest.raises(Gone):
        await line.run(int)
    visitor.CURRENT.set(None)
    assert await line.run(int) == 0


@in_a_loop
async def test_what_has_begun_is_not_refused_however_long_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "PATIENCE", 0.02)
    line, gate = Threads(1, 0), threading.Event()
    first = asyncio.create_task(asked(line, "10.0.0.1", gate.wait))
    goes_on = asyncio.create_task(line.run(int, begun=True))
    await asyncio.sleep(0.1)
    gate.set()
    assert await asyncio.wait_for(goes_on, 10) == 0
    await first


@in_a_loop
async def test_a_thread_that_still_works_is_not_free_when_nobody_waits_for_it_any_more() -> None:
    line, gate, began = Threads(1, 0), threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        gate.wait()

    left = asyncio.create_task(asked(line, "10.0.0.1", work))
    assert await asyncio.to_thread(began.wait, 10)
    left.cancel()
    await asyncio.wait([left])
    late = asyncio.create_task(asked(line, "10.0.0.2", int))
    await asyncio.sleep(0.05)
    assert line._free == 0
    assert sum(map(len, line._waiting.values())) == 1, "it waits for its turn, and not unseen in the pool"
    gate.set()
    assert await asyncio.wait_for(late, 10) == 0
    await asyncio.sleep(0)
    assert line._free == 1


@in_a_loop
async def test_what_is_ended_waits_for_nobody_s_turn() -> None:
    line, gate, ended = Threads(2, 0), threading.Event(), threading.Event()
    first, waits = (asyncio.create_task(asked(line, "10.0.0.1", gate.wait)) for _ in range(2))
    line.end(ended.set)
    gate.set()
    await asyncio.wait_for(asyncio.gather(first, waits), 10)
    assert await asyncio.to_thread(ended.wait, 10)
