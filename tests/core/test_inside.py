"""Where no second process can be had, threads answer the same, with less promised."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from strange import answered, source_at

from baked_core.errors import BadRequest, OutOfMemory, QueryError, QueryTimeout
from baked_core.permissions.policy import EVERYTHING, Policy
from baked_core.source import Source
from baked_core.strangers.bounds import Bounds
from baked_core.strangers.inside import Inside
from baked_core.strangers.job import CELLS, LINES, Job
from baked_core.strangers.lanes import Lanes

DATA = """
create table t(a, b); insert into t values(1, 'one'), (-1e999, cast(x'ff41' as text)), (9223372036854775807, x'00ff');
create table secret(pw); insert into secret values('hush');
create virtual table docs using fts5(body); insert into docs values('apple pie');
"""
NUMBERS = "with recursive n(i) as (select 1 union all select i + 1 from n"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return source_at(tmp_path / "data.db", DATA)


@pytest.fixture
def inside(source: Source) -> Iterator[Inside]:
    found = Inside({"data": source}, None, Lanes(2, 8), Bounds())
    yield found
    found.close()


def job(sql: str, way: str = CELLS, seconds: float = 5.0, policy: Policy = EVERYTHING) -> Job:
    return Job("data", sql, (), seconds, None if way == LINES else 1000, way, policy)


@pytest.mark.parametrize(
    "sql",
    [
        "select * from t",
        "select a as x, b as x from t order by a",
        f"{NUMBERS} limit 3000) select i, i * 0.5 from n",
        "select body from docs where docs match 'apple'",
        "select trim(b), replace(b, 'n', 'm'), instr(b, 'e') from t where a = 1",
    ],
)
def test_both_ways_answer_the_same(inside: Inside, source: Source, sql: str) -> None:
    for way in ("cells", "objects", "arrays"):
        one = asyncio.run(inside.answer(job(sql, way)))
        two = answered(source, sql, way=way, seconds=5, max_rows=1000)
        assert (one.columns, one.truncated, one.written) == (two.columns, two.truncated, two.written)
        assert list(map(list, one.rows)) == list(map(list, two.rows))
        raw = [[getattr(cell, "raw", None) for cell in row] for row in one.rows]
        assert raw == [[getattr(cell, "raw", None) for cell in row] for row in two.rows]


def test_csv_comes_bit_by_bit(inside: Inside) -> None:
    async def read() -> bytes:
        async with aclosing(inside.stream(job(f"{NUMBERS} limit 3000) select i from n", LINES))) as found:
            return b"".join([each.written or b"" async for each in found])

    assert asyncio.run(read()) == b"".join(b"%d\r\n" % number for number in range(1, 3001))


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        (f"{NUMBERS}) select count(*) from n", QueryTimeout),
        ("delete from t returning a", QueryError),
        ("select json_pretty('[1]')", QueryError),
        ("select json_patch('{}', '{}')", QueryError),
        (f"{NUMBERS} limit 99) select randomblob(900000) from n", OutOfMemory),
    ],
)
def test_what_is_too_much_is_refused(inside: Inside, sql: str, error: type[BadRequest]) -> None:
    with pytest.raises(error):
        asyncio.run(inside.answer(job(sql, seconds=0.5)))


def test_a_policy_holds_here_too(inside: Inside) -> None:
    policy = Policy.of(["secret"])
    for sql in ("select pw from secret", "select count(*) from secret", "select * from sqlite_schema"):
        with pytest.raises(QueryError) as told:
            asyncio.run(inside.answer(job(sql, policy=policy)))
        assert "secret" not in str(told.value)
        assert asyncio.run(inside.answer(job(sql))).rows


def test_it_says_what_it_cannot_promise(inside: Inside) -> None:
    standing = asyncio.run(inside.standing())
    assert standing["mode"] == "threads"
    assert "process" in standing["not_armed"]
