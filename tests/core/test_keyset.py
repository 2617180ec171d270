"""Keyset pagination visits every row once, in order, whatever the keys and values."""

import struct
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import pytest
from baking import baked_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from baked_core import keyset
from baked_core.app import create_app
from baked_core.errors import BadRequest
from baked_core.keyset import After, AfterKey, Offset
from baked_core.manifest import Column, Table
from baked_core.sql import Term
from baked_core.values import BrokenText

Serve = Callable[..., TestClient]

BROKEN = [b"\xff", b"a\xffb", b"\xc3\x28", b""]
"""Bytes that are stored as text."""

texts = st.one_of(
    st.sampled_from(["", "a", "A", "b", "B", "5", "a\x00b", "é"]), st.text(max_size=4).filter(str.isprintable)
)
values = st.one_of(
    st.none(),
    st.sampled_from([0, 1, -(2**63), 2**63 - 1, 2**53 + 1]),
    st.integers(-3, 3),
    st.sampled_from([float("inf"), float("-inf"), 0.5, -0.0, 1e300, 2.0**53]),
    texts,
    st.sampled_from([b"", b"\x00", b"\xff", b"a"]),
    st.sampled_from(BROKEN).map(lambda raw: ("broken", raw)),
)
schemas = st.sampled_from(
    [
        "create table t(a, b, c)",
        "create table t(a integer primary key, b, c)",
        "create table t(a text primary key, b, c)",
        "create table t(a, b, c, primary key(a, b))",
        "create table t(a text collate nocase primary key, b, c)",
        "create table t(a text collate nocase, b, c, primary key(a collate binary)) without rowid",
        "create table t(a, b text collate rtrim, c, primary key(b, a)) without rowid",
        "create table t(rowid, _rowid_, c)",
        "create table t(rowid, _rowid_, oid)",
        "create table t(a real, b numeric, c integer)",
        "create table s(a, b, c); create view t as select a, b, c from s where 1",
        "create table s(a, b, c); create view t as select c, b, a from s order by b",
        "create table t(a, b, c); create index i on t(b desc)",
    ]
)


def fill(connection: apsw.Connection, schema: str, rows: Sequence[Sequence[Any]]) -> None:
    connection.execute(schema)
    table = "s" if "create table s" in schema else "t"
    for row in rows:
        marks = ", ".join("cast(? as text)" if isinstance(value, tuple) else "?" for value in row)
        bound = [value[1] if isinstance(value, tuple) else value for value in row]
        connection.execute(f"insert or ignore into {table} values({marks})", bound) if _fits(schema, row) else None


def _fits(schema: str, row: Sequence[Any]) -> bool:
    return "integer primary key" not in schema or row[0] is None or type(row[0]) is int


def pages(client: TestClient, path: str) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for _ in range(100):
        body = client.get(path).json()
        assert body["ok"], body
        rows += body["rows"]
        if body["next_url"] is None:
            return rows
        path = body["next_url"]
    raise AssertionError("the pages never end")


@example(
    "create table t(a text collate nocase, b, c, primary key(a collate binary)) without rowid",
    [("a", 1, 1), ("A", 2, 2), ("b", 3, 3)],
    "",
    1,
)
@example("create table t(a, b, c, primary key(a, b))", [(None, 1, 1), (None, 1, 2), (None, 1, 3)], "", 1)
@example("create table t(a, b, c)", [(1, ("broken", b"\xff"), 0), (2, ("broken", b"\xfe"), 0)], "_sort=1&", 1)
@settings(max_examples=100, deadline=None)
@given(
    schemas,
    st.lists(st.tuples(values, values, values), max_size=14),
    st.sampled_from(["", "_sort=0&", "_sort_desc=0&", "_sort=1&", "_sort_desc=1&", "_sort_desc=2&"]),
    st.integers(1, 4),
)
def test_pages_hold_every_row_once_and_in_order(schema: str, rows: list[Any], sort: str, size: int) -> None:
    with TemporaryDirectory() as folder:
        baked = baked_of(Path(folder), data=lambda connection: fill(connection, schema, rows))
        data = baked.manifest.databases["data"]
        relation = data.tables.get("t") or data.views["t"]
        for number, column in enumerate(relation.columns):
            sort = sort.replace(f"={number}&", f"={column.name}&")
        with TestClient(create_app(baked)) as client:
            whole = pages(client, f"/data/t.json?_shape=arrays&{sort}_size=1000")
            paged = pages(client, f"/data/t.json?_shape=arrays&{sort}_size={size}")
            streamed = client.get(f"/data/t.csv?_stream=on&{sort}_header=off").text
            single = client.get(f"/data/t.csv?_size=1000&{sort}_header=off").text
    assert streamed == single
    assert paged == whole
    expected = "s" if "create table s" in schema else "t"
    connection = apsw.Connection(":memory:")
    fill(connection, schema, rows)
    assert len(whole) == connection.execute(f"select count(*) from {expected}").get


@pytest.mark.parametrize(
    "place",
    [
        After((None, 2**63 - 1, -(2**63), float("-inf"), 0.1, "é\x00", b"\xff", BrokenText(b"\xff"))),
        AfterKey((-5,)),
        AfterKey(("é", b"\xff")),
        Offset(300),
    ],
)
def test_a_token_carries_its_place_exactly(place: keyset.Place) -> None:
    terms = [Term("a")] * 8
    key = [f"k{number}" for number in range(len(place.key))] if isinstance(place, AfterKey) else []
    found = keyset.decode(keyset.encode(place, "here"), "here", terms, key)
    assert found == place
    if isinstance(found, After):
        assert found.values[-1].raw == b"\xff"  # type: ignore[union-attr]  # the test says what it is
        assert struct.pack("d", found.values[4]) == struct.pack("d", 0.1)
        assert [type(v) for v in found.values] == [type(v) for v in place.values]  # type: ignore[union-attr]  # as above


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-2], lambda t: "x" + t[1:], lambda _t: "", lambda _t: "100", lambda t: t + "é"]
)
def test_a_tampered_token_is_refused(spoil: Callable[[str], str]) -> None:
    token = keyset.encode(After((1,)), "here")
    with pytest.raises(BadRequest, match="_next"):
        keyset.decode(spoil(token), "here", [Term("a")])


def test_a_token_of_another_table_or_order_is_refused(serve: Serve) -> None:
    client = serve(
        data="create table t(a); insert into t values(1), (2), (3); create table u(a); insert into u select a from t"
    )
    token = client.get("/data/t.json?_size=1").json()["next"]
    assert client.get(f"/data/t.json?_next={token}").status_code == 200
    assert client.get(f"/data/u.json?_next={token}").status_code == 400
    assert client.get(f"/data/t.json?_sort=a&_next={token}").status_code == 400


@pytest.mark.parametrize(
    "columns",
    [
        "(id, j, a)",
        "(id integer primary key, j, a)",
        "(id text collate nocase primary key, j, a)",
        "(id blob primary key, j, a) without rowid",
        "(id, j, a, primary key (id, j)) without rowid",
    ],
)
def test_long_values_do_not_make_long_urls(serve: Serve, columns: str) -> None:
    client = serve(
        data=f"""create table t{columns};
        insert into t select value, 5 - value, printf('%.*c', 5000, 'x') || value from json_each('[3,1,2]')"""
    )
    path: str | None = "/data/t.json?_sort=a&_size=1&_shape=arrays"
    found = []
    while path is not None:
        assert len(path) < 2000
        body = client.get(path).json()
        found += [row[-1][-1] for row in body["rows"]]
        path = body["next_url"]
    assert found == ["1", "2", "3"]


@pytest.mark.parametrize(
    "payload",
    [
        *('["r",18446744073709551615]', '["k",18446744073709551615]', '["k",-9223372036854775809]', '["o",1e3]'),
        *('["k",true]', '["r",true]', '["o",true]', '["o",-1]', '["o",1,2]', '["r"]', '["r",1,2]', "[]", '["k"]'),
        *('["k",{"f":"0x1p+99999"}]', '["k",{"f":1}]', '["k",{"b":1}]', '["k",[1]]', '{"k":1}'),
    ],
)
def test_a_token_that_somebody_made_up_is_refused(serve: Serve, payload: str) -> None:
    client = serve(data="create table t(id integer primary key); insert into t values(1)")
    scope = f"data/t/{keyset.order(Table('t', (Column('id', 'integer', primary_key=1),), 1, ('id',), 'rowid'), None)}"
    check = sha256(scope.encode() + b"\0" + payload.encode()).digest()[:6]
    token = urlsafe_b64encode(check + payload.encode()).rstrip(b"=").decode()
    answer = client.get("/data/t.json", params={"_next": token})
    assert (answer.status_code, "_next is not a token" in answer.text) == (400, True)
    assert client.get("/data/t.json", params={"_next": keyset.encode(After((0,)), scope)}).json()["rows"] == [{"id": 1}]
