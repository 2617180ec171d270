"""A stream goes on once it has begun, and leaves nothing behind when its reader leaves."""

import asyncio
import csv
import threading
import time
from contextlib import aclosing
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from baking import baked_of

from baked_core import threads
from baked_core.connection import Connection
from baked_core.database import Database, Opening, source_of
from baked_core.errors import Busy, QueryTimeout
from baked_core.settings import Settings
from baked_core.strangers.lanes import Lanes
from baked_core.stream import Stream
from baked_core.threads import Threads

NUMBERS = "with recursive n(n) as (select 1 union all select n + 1 from n {}) select n from n"
ENDLESS = "with recursive n(n) as (select 1 union all select n + 1 from n) select count(*) from n"
CONTENT = "create table t(n integer primary key)"


@pytest.fixture
def opening(tmp_path: Path) -> Opening:
    baked, settings = baked_of(tmp_path, data=CONTENT), Settings(sql_time_limit_ms=60_000)
    entry = baked.manifest.databases["data"]
    return Opening(entry, source_of(entry, baked.paths["data"], settings, immutable=True), settings, None)


def stream_of(opening: Opening, sql: str) -> Stream:
    return Stream(opening.connect, lambda found: found.batches(sql, (), seconds=3600))


def test_all_rows_come_by_the_batch(opening: Opening) -> None:
    stream, text = stream_of(opening, NUMBERS.format("limit 1234")), b""
    while (rows := stream.next()) is not None:
        text += rows.written or b""
    assert [int(row[0]) for row in csv.reader(StringIO(text.decode()))] == list(range(1, 1235))
    stream.close()


def test_what_a_thread_does_for_who_left_is_broken_off(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    closed, told = threading.Event(), list[Exception]()
    monkeypatch.setattr(Connection, "close", lambda _: closed.set())
    stream = stream_of(opening, ENDLESS)

    def read() -> None:
        try:
            stream.next()
        except QueryTimeout as exc:
            told.append(exc)

    reading = threading.Thread(target=read)
    reading.start()
    time.sleep(0.2)
    stream.leave()
    stream.close()
    reading.join(30)
    assert told
    assert closed.is_set()
    assert stream.next() is None


def test_who_leaves_before_anything_is_open_leaves_nothing(opening: Opening) -> None:
    stream = stream_of(opening, NUMBERS.format("limit 3"))
    stream.leave()
    assert stream.next() is None
    stream.close()


def database_of(opening: Opening, line: Threads) -> Database:
    return Database(opening, line, cast("Any", None), Lanes(2, 8, lasting=True))


def test_one_that_has_begun_is_never_refused(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was broken off in the middle of its rows when pages kept all threads at work for ten seconds."""
    monkeypatch.setattr(threads, "PATIENCE", 0.05)

    async def run() -> None:
        line, gate, text = Threads(1, 0), threading.Event(), b""
        database = database_of(opening, line)
        async with aclosing(database.stream(NUMBERS.format("limit 2000"), ())) as found:
            first = await anext(found)
            busy = asyncio.create_task(line.run(gate.wait))
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_later(0.3, gate.set)
            with pytest.raises(Busy):  # who wants to begin is
                await anext(database.stream(NUMBERS.format("limit 2000"), ()))
            text = (first.written or b"") + b"".join([rows.written or b"" async for rows in found])
        await busy
        assert text.count(b"\r\n") == 2000

    asyncio.run(run())


def test_it_leaves_its_place_its_thread_and_no_connection(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = threading.Event()
    monkeypatch.setattr(Connection, "close", lambda _: closed.set())

    async def run() -> None:
        line = Threads(1, 0)
        database = database_of(opening, line)
        reading = asyncio.create_task(anext(database.stream(ENDLESS, ())))
        await asyncio.sleep(0.1)
        reading.cancel()
        await asyncio.wait([reading])
        assert await asyncio.to_thread(closed.wait, 30), "what it did was not broken off"
        assert await line.run(int) == 0
        assert not database._streams.running

    asyncio.run(run())
