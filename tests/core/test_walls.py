"""Each wall holds alone: the others are taken down, and a stranger tries what it is for."""

import asyncio
import time
from contextlib import aclosing
from hashlib import sha256
from pathlib import Path

import pytest
from msgspec.structs import replace
from strange import Asked, answered, source_at, within

from baked_core.errors import BadRequest, OutOfMemory, QueryError, QueryTimeout
from baked_core.source import Source
from baked_core.strangers import desk, job
from baked_core.strangers.job import Job
from baked_core.walls import Walls

NONE = Walls(read_only=False, authorizer=False, progress=False, alarm=False, killer=False, memory=False, room=False)
DATA = """
create table t(a integer primary key, b text); insert into t values(1, 'one'), (2, 'two');
create virtual table docs using fts5(body); insert into docs values('apple pie'), ('banana');
"""
WRITES = (
    "insert into t values(9, 'x') returning a",
    "delete from t returning a",
    "update t set b = 'x' returning a",
    "create table u as select 1 as a",
    "drop table t",
    "vacuum",
    "vacuum into '{outside}/copy.db'",
    "attach '{outside}/new.db' as other",
    "attach 'file:{outside}/new.db?mode=rwc' as other",
    "pragma journal_mode = wal",
    "pragma user_version = 7",
    "reindex",
    "analyze",
    "insert into docs values('cherry') returning rowid",
    "create temp table u as select 1 as a",
)
NUMBERS = "with recursive n(i) as (select 1 union all select i + 1 from n"
ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
ONE_CALL = "with x(a) as (select hex(zeroblob(1000000))) select length(trim(a, replace(a, '0', '1') || '0')) from x"
"""One call of one function that takes hours, and never looks at the time."""


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return source_at(tmp_path / "data.db", DATA)


def walls(**standing: bool) -> Walls:
    return replace(NONE, **standing)


def refused(source: Source, sql: str, outside: Path, alone: Walls) -> None:
    """See that a statement fails, or says that it changed nothing, and that it left no trace."""
    before = sha256(Path(source.path).read_bytes()).hexdigest()
    outside.mkdir(exist_ok=True)
    try:
        rows = answered(source, sql.format(outside=outside), alone, seconds=5).rows
    except BadRequest:
        pass
    else:
        assert sql.startswith("pragma journal_mode"), rows
        assert rows != [["wal"]]
    assert sha256(Path(source.path).read_bytes()).hexdigest() == before
    assert not list(outside.iterdir())
    assert {each.name for each in Path(source.path).parent.iterdir()} <= {"data.db", "outside"}


def test_without_any_wall_a_stranger_writes(source: Source) -> None:
    """Else the tests below would prove nothing."""
    assert answered(source, WRITES[0], NONE).rows == [[9]]
    assert answered(source, "select count(*) from t").rows == [[3]]


@pytest.mark.parametrize("sql", WRITES)
def test_the_handle_alone(source: Source, tmp_path: Path, sql: str) -> None:
    refused(source, sql, tmp_path / "outside", walls(read_only=True))


@pytest.mark.parametrize("sql", [*WRITES, "select load_extension('x')", "pragma database_list", "begin"])
def test_the_authorizer_alone(source: Source, tmp_path: Path, sql: str) -> None:
    refused(source, sql, tmp_path / "outside", walls(authorizer=True))


@pytest.mark.parametrize("sql", [each for each in WRITES if "temp" not in each])
def test_the_locked_room_alone(source: Source, tmp_path: Path, sql: str) -> None:
    refused(source, sql, tmp_path / "outside", walls(room=True))


@pytest.mark.parametrize("clock", ["progress", "alarm", "killer"])
def test_each_clock_alone(source: Source, clock: str) -> None:
    began = time.monotonic()
    with pytest.raises(QueryTimeout):
        answered(source, ENDLESS, walls(**{clock: True}), seconds=0.3)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("clock", ["alarm", "killer"])
def test_a_clock_alone_ends_one_long_call_of_a_function(source: Source, clock: str) -> None:
    began = time.monotonic()
    with pytest.raises(QueryTimeout):
        answered(source, ONE_CALL, walls(**{clock: True}), seconds=0.3)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "sql",
    [
        f"{NUMBERS} limit 999) select randomblob(900000) from n",
        f"{NUMBERS} limit 999) select hex(randomblob(400000)) as x from n order by x",
        "select zeroblob(900000000)",
        "select replace(hex(zeroblob(400000)), '0', hex(zeroblob(400000)))",
        f"{NUMBERS} limit 99) select group_concat(hex(randomblob(50000))) from n",
    ],
)
@pytest.mark.parametrize("way", ["cells", "objects"])
def test_the_bounds_of_memory_alone(source: Source, sql: str, way: str) -> None:
    with pytest.raises(QueryError):
        answered(source, sql, walls(memory=True), way=way, seconds=30, max_rows=1000)


def test_what_gathers_rows_is_bounded_too(source: Source) -> None:
    wide = ", ".join(f"'{'x' * 400}' as c{i}" for i in range(150))
    sql = f"with recursive n(i) as (select 1 union all select i + 1 from n limit 100000) select {wide} from n"
    with pytest.raises(OutOfMemory):
        answered(source, sql, walls(memory=True), seconds=30)


def test_memory_comes_back(source: Source) -> None:
    async def work(asked: Asked) -> list[object]:
        for _ in range(3):
            with pytest.raises(QueryError):
                await asked.answer(
                    "select randomblob(900000) from json_each('[1,2,3,4,5,6,7,8,9,10,11,12]')", seconds=5
                )
        return [(await asked.answer("select 1")).rows]

    assert within(source, work) == [[[1]]]


LINES = f"{NUMBERS}) select i, hex(zeroblob(500)) from n"
"""CSV without an end, a kilobyte a line."""


@pytest.mark.parametrize(("pause", "ended"), [(1.0, True), (0.0, False)])
def test_who_asks_for_csv_and_takes_none_of_it_is_ended(
    source: Source, monkeypatch: pytest.MonkeyPatch, pause: float, *, ended: bool
) -> None:
    """It held a process for as long as it liked; who takes something is left alone until the query's own limit."""
    monkeypatch.setattr(desk, "STALLED", 0.2)
    pauses = [pause]

    async def work(asked: Asked) -> str:
        taken = 0
        try:
            async with aclosing(asked.pool.stream(Job("data", LINES, (), 0.05, None, job.LINES))) as found:
                async for rows in found:
                    taken += len(rows.written or b"")
                    if taken > desk.LEAST:
                        await asyncio.sleep(pauses.pop() if pauses else 0)
        except QueryTimeout:
            assert taken > 10 * desk.LEAST
            return "late"
        except QueryError:
            assert taken < 10 * desk.LEAST
            return "ended"
        return "whole"

    assert within(source, work) == ("ended" if ended else "late")
    assert answered(source, "select 1").rows == [[1]]
