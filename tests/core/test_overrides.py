"""What Python does in place of SQLite is what SQLite does, and takes no time."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baked_core.strangers import overrides

TEXTS = st.text(alphabet="aAbé 0.💥", max_size=6)
VALUES = st.one_of(
    st.none(), TEXTS, TEXTS.map(str.encode), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)
)
CALLS = ("trim(?1)", "ltrim(?1)", "rtrim(?1)", "trim(?1, ?2)", "ltrim(?1, ?2)", "rtrim(?1, ?2)", "instr(?1, ?2)")


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Any, Any]]:
    """Open one connection as SQLite made it, and one with what replaces its functions."""
    with closing(apsw.Connection(":memory:")) as plain, closing(apsw.Connection(":memory:")) as changed:
        assert overrides.install(changed) == overrides.DENIED
        yield plain, changed


def asked(sqlite: Any, call: str, values: tuple[Any, ...]) -> Any:
    return sqlite.execute(f"select typeof({call}), {call}", values).fetchall()


@settings(deadline=None)
@given(one=VALUES, two=VALUES)
def test_it_answers_as_sqlite_does(both: tuple[Any, Any], one: Any, two: Any) -> None:
    for call in CALLS:
        values = (one, two) if "?2" in call else (one,)
        assert asked(both[1], call, values) == asked(both[0], call, values), call


@settings(deadline=None)
@given(one=VALUES, two=VALUES, three=VALUES)
def test_it_replaces_as_sqlite_does(both: tuple[Any, Any], one: Any, two: Any, three: Any) -> None:
    call = "replace(?1, ?2, ?3)"
    assert asked(both[1], call, (one, two, three)) == asked(both[0], call, (one, two, three))


@pytest.mark.parametrize(
    "sql",
    [
        "with x(a) as (select hex(zeroblob(500000))) select length(trim(a, replace(a, '0', '1') || '0')) from x",
        "with x(a) as (select hex(zeroblob(500000))) select instr(a, a || '1') from x",
        "with x(a) as (select hex(zeroblob(500000))) select length(replace(a, substr(a, 2) || '1', '')) from x",
    ],
)
def test_what_takes_sqlite_minutes_takes_a_moment(both: tuple[Any, Any], sql: str) -> None:
    began = time.process_time()
    both[1].execute(sql).fetchall()
    assert time.process_time() - began < 10


def test_thousands_of_signs_take_no_longer(both: tuple[Any, Any]) -> None:
    signs = "".join(map(chr, range(0x4E00, 0x9E00)))
    began = time.process_time()
    assert both[1].execute("select trim(?, ?)", (signs * 20, signs)).fetchall() == [("",)]
    assert time.process_time() - began < 10


def test_what_would_grow_beyond_the_limit_is_refused(both: tuple[Any, Any]) -> None:
    both[1].limit(apsw.SQLITE_LIMIT_LENGTH, 1_000_000)
    with pytest.raises(apsw.TooBigError):
        both[1].execute("select replace(hex(zeroblob(50000)), '0', hex(zeroblob(50000)))").fetchall()
