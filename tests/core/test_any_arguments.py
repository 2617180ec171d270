"""Whatever a URL asks, the answer is of its maker's words: never a failure of the server, never a driver's message."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from baking import baked_of
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from baked_core.app import create_app
from baked_core.filters import OPERATORS
from baked_core.table_query import ARGUMENTS

DATA = """
create table t(id integer primary key, a, name text, far integer references far(id), tags text);
insert into t values(1, x'00', 'one', 1, '["x"]'), (2, 9e999, null, 9, '{}'), (3, cast(x'ff' as text), '', null, '[');
create table far(id integer primary key, name text); insert into far values(1, 'Far');
create table pair(a, b, primary key(a, b)); insert into pair values(null, 1), ('x', x'01');
create view v as select a, name from t;
create virtual table docs using fts5(body); insert into docs values('apple');
"""
paths = st.sampled_from(
    [
        *("/", "/data", "/data/t", "/data/v", "/data/pair", "/data/docs", "/data/nope", "/data/-", "/-/schema", "/-/x"),
        *("/data/t/1", "/data/t/~FF", "/data/t/:x", "/data/t/:n", "/data/pair/:n,1", "/data/pair/x,:x01", "/data/t/-"),
        *("/data/-/query", "/data/-/schema", "/data/t/-/schema", "/data/t/~00", "/data/t/" + "9" * 30),
    ]
)
suffixes = st.sampled_from(["", ".json", ".json", ".csv", ".blob", ".md", ".db"])
names = st.one_of(
    st.sampled_from([*sorted(ARGUMENTS), "sql", "_search_body", "_search_nope", "_filter_column", "_sort_by_desc"]),
    st.sampled_from([f"{column}__{operator}" for column in ("id", "a", "tags") for operator in OPERATORS]),
    st.text(max_size=4),
)
words = st.one_of(
    st.sampled_from(
        ["", "0", "1", "-1", "max", "on", "off", "x", "a", "name", "far", "tags", "9" * 40, "9e999", "nan"]
    ),
    st.sampled_from(
        ["[]", "{}", "[null]", '["a", 1, {}]', '{"table": "t", "column": "id", "value": 1}', "%", "1) or (1"]
    ),
    st.sampled_from(
        [
            "select :x as x",
            "select ?",
            "select @a",
            "select ?1, :a, ?",
            "select 1\0",
            "[" * 300 + "]" * 300,
            "select 1; select 2",
            "apple",
            "AND",
            "NEAR(",
            '"',
            "*",
        ]
    ),
    st.sampled_from(["objects", "array", "object", "count,facet_results", "suggested_facets", "raw", "docs", "string"]),
    st.text(max_size=6),
    st.binary(max_size=4),
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Serve one database for all examples; an exception of the app fails the test."""
    baked = baked_of(tmp_path_factory.mktemp("any"), data=DATA, settings={"sql_time_limit_ms": 300})
    with TestClient(create_app(baked), follow_redirects=False) as client:
        yield client


@settings(max_examples=600, deadline=None)
@given(path=paths, suffix=suffixes, arguments=st.lists(st.tuples(names, words), max_size=3))
def test_any_arguments(client: TestClient, path: str, suffix: str, arguments: list[tuple[str, str | bytes]]) -> None:
    query = "&".join(f"{quote(name, errors='replace')}={quote(value)}" for name, value in arguments)
    response = client.get(f"{path}{suffix}?{query}")
    assert response.status_code in {200, 301, 302, 400, 403, 404, 405}
    strangers = {"sql", "_where"}.intersection(name for name, _ in arguments)
    if response.status_code >= 400 and not strangers:
        assert "SQLite refused" not in response.text
