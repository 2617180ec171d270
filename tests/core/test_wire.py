"""What goes over the wire comes back as it was, and what is no frame is refused."""

import math
import struct

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from baked_core.permissions.policy import Policy
from baked_core.strangers import errand, wire
from baked_core.strangers.errand import Errand
from baked_core.strangers.job import Job
from baked_core.strangers.wire import Malformed, Said
from baked_core.values import BrokenText, ExactText, Value

VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.binary().map(BrokenText),
)
ROWS = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(VALUES, min_size=width, max_size=width)))


def same(one: Value, two: Value) -> bool:
    if type(one) is not type(two) or getattr(one, "raw", None) != getattr(two, "raw", None):
        return False
    if isinstance(one, float) and isinstance(two, float) and math.copysign(1, one) != math.copysign(1, two):
        return False
    return one == two


@example([[[-0.0]]])
@given(st.lists(ROWS, max_size=3))
def test_every_value_comes_back_as_it_was(batches: list[list[list[Value]]]) -> None:
    rows = [row for batch in batches for row in batch]
    found = wire.cells(wire.joined([wire.written(batch) for batch in batches], len(rows)))
    assert len(found) == len(rows)
    assert all(same(a, b) for mine, row in zip(found, rows, strict=True) for a, b in zip(mine, row, strict=True))


def test_thousands_of_rows_are_joined() -> None:
    batches = [[(number,)] * number for number in (1, 15, 16, 300, 70_000)]
    found = wire.cells(wire.joined([wire.written(each) for each in batches], 70_332))
    assert [row[0] for row in found] == [number for batch in batches for (number,) in batch]


def test_text_of_another_encoding_is_shown_as_it_was_read() -> None:
    text = BrokenText(b"\x00\xd8a\x00", "utf-16-le")
    (found,) = wire.cells(wire.written([[text]]))[0]
    assert (found, getattr(found, "raw", b"")) == (str(text), text.raw)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode({"a": 1}),
        msgspec.msgpack.encode([1]),
        msgspec.msgpack.encode([[1], [1, 2]]),
        msgspec.msgpack.encode([[[1]]]),
        msgspec.msgpack.encode([[{}]]),
        msgspec.msgpack.encode([[True]]),
        msgspec.msgpack.encode([[msgspec.msgpack.Ext(2, b"")]]),
        msgspec.msgpack.encode([[msgspec.msgpack.Ext(1, b"x")]]),
        b"\x91" * 100_000,
        b"\xdd\xff\xff\xff\xff",
    ],
)
def test_what_is_no_row_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        wire.cells(data, 1)


@pytest.mark.parametrize(
    "head",
    [b"", b"[]", b'{"pid":"x"}', b'{"columns":[1]}', b'{"__reduce__":1}', b'{"armed":' + b"[" * 10_000, b"\xff"],
)
def test_what_is_no_head_is_refused(head: bytes) -> None:
    with pytest.raises(Malformed):
        wire.unpacked((len(head), len(head)), memoryview(head), Said)


def test_lengths_that_contradict_each_other_are_refused() -> None:
    for lengths in ((1, 2), (5, 2), (2, 3)):
        with pytest.raises(Malformed):
            wire.unpacked(lengths, memoryview(b"{}"), Said)


@pytest.mark.parametrize("params", [(1, None, b"x", BrokenText(b"\xff")), {"a": ExactText("5"), "b": 2.5}, ()])
def test_a_job_arrives_as_it_was_sent(params: tuple[Value, ...] | dict[str, Value]) -> None:
    policy = Policy.of(["Secret"], {"People": ["Mail"]})
    job = Job("data", "select :a", params, 0.5, 10, "objects", policy)
    frame = errand.packed(job)
    both = struct.unpack("!II", frame[:8])
    found = errand.unpacked(*wire.unpacked(both, memoryview(frame[8:]), Errand))
    assert (found.source, found.sql, found.seconds, found.max_rows, found.way) == (
        "data",
        "select :a",
        0.5,
        10,
        "objects",
    )
    assert found.policy == policy
    assert (dict(found.params) if isinstance(params, dict) else tuple(found.params)) == params  # type: ignore[arg-type]
