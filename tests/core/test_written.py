"""Rows are written as every renderer would write them."""

import csv
import time
from io import StringIO

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baked_core.values import BrokenText, Row, Value
from baked_core.written import SHAPES, distinct, elements, lines


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("a", "b"), ("a", "b")),
        (("a", "a", "a"), ("a", "a_2", "a_3")),
        (("a", "a_2", "a"), ("a", "a_2", "a_3")),
        (("a", "a", "a_2", "a_2"), ("a", "a_3", "a_2", "a_2_2")),
        ((), ()),
    ],
)
def test_no_column_is_lost_to_another_of_its_name(names: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert distinct(names) == found


def test_thousands_of_columns_of_one_name_take_no_time() -> None:
    began = time.process_time()
    assert len(set(distinct(("a",) * 20_000))) == 20_000
    assert time.process_time() - began < 5


def test_elements_are_those_of_an_array_in_each_shape() -> None:
    columns = ("a", "b")
    rows: list[Row] = [(1, b"\xff"), (None, float("inf"))]
    blob = {"$base64": True, "encoded": "/w=="}
    assert orjson.loads(b"[%b]" % elements("arrays", columns, rows)) == [[1, blob], [None, None]]
    assert orjson.loads(b"[%b]" % elements("arrayfirst", columns, rows)) == [1, None]
    for shape in ("objects", "array"):
        assert orjson.loads(b"[%b]" % elements(shape, columns, rows)) == [{"a": 1, "b": blob}, {"a": None, "b": None}]
    assert all(elements(shape, columns, []) == b"" for shape in SHAPES)


def pythons(rows: list[Row]) -> bytes:
    """Return ``rows`` as Python's own writer writes them, which knows no BLOB."""
    out = StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def test_lines_are_read_back_as_they_were() -> None:
    rows = [(1, "a,b", 'say "x"\n', None, b"\xff", -0.5)]
    assert list(csv.reader(StringIO(lines(rows).decode(), newline=""))) == [
        ["1", "a,b", 'say "x"\n', "", "/w==", "-0.5"]
    ]


def cells() -> st.SearchStrategy[Value]:
    text = st.text(st.sampled_from("a,\"\r\n '\t;\x00é💥"), max_size=5)
    broken = text.map(lambda each: BrokenText(each.encode() + b"\xff"))
    return st.none() | st.integers() | st.floats() | text | st.text() | broken


@given(st.lists(st.lists(cells(), max_size=4)))
def test_lines_are_those_of_pythons_own_writer(rows: list[Row]) -> None:
    assert lines(rows) == pythons(rows)


def test_long_text_is_not_looked_at_by_the_character() -> None:
    rows: list[Row] = [(number, "x" * 1_000_000, None) for number in range(10)]
    seconds = list[float]()
    for write in (lines, pythons):
        began = time.process_time()
        write(rows)
        seconds.append(time.process_time() - began)
    assert seconds[0] < seconds[1] / 3
