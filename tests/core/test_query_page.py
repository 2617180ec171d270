"""A stranger's SQL can read, within a time, and nothing else."""

import time
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

Serve = Callable[..., TestClient]

DATA = """
create table t(a integer primary key, b); insert into t values(1, 'one'), (2, 'two');
create virtual table docs using fts5(body); insert into docs values('apple pie'), ('banana');
create virtual table boxes using rtree(id, low, high); insert into boxes values(1, 0, 10);
create view v as select a from t;
"""
ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(data=DATA, settings={"sql_time_limit_ms": 300})


def ask(client: TestClient, sql: str, **params: str) -> dict[str, object]:
    body: dict[str, object] = client.get("/data/-/query.json", params={"sql": sql, **params}).json()
    return body


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("select a, b from t where a = :a", [{"a": 2, "b": "two"}]),
        ("select a from t limit :a;  -- a comment after it", [{"a": 1}, {"a": 2}]),
        ("with x as (select 1 as n) select n, n from x /* unclosed", [{"n": 1, "n_2": 1}]),
        ("select 1 as n, 2 as n_2, 3 as n", [{"n": 1, "n_2": 2, "n_3": 3}]),
        ("values (1)", [{"column1": 1}]),
        ("select body from docs where docs match 'apple'", [{"body": "apple pie"}]),
        ("select id from boxes where low < 5", [{"id": 1}]),
        ("select name from pragma_table_info('t')", [{"name": "a"}, {"name": "b"}]),
        ("select value from json_each('[9007199254740993]')", [{"value": 9007199254740993}]),
        ("select a from v", [{"a": 1}, {"a": 2}]),
        ("select ';' as c", [{"c": ";"}]),
    ],
)
def test_what_a_stranger_may_ask(client: TestClient, sql: str, rows: object) -> None:
    params = {"a": "2"} if ":a" in sql else {}
    for _ in range(2):
        assert ask(client, sql, **params) == {"ok": True, "rows": rows, "truncated": False}


@pytest.mark.parametrize(
    "sql",
    [
        "insert into t values(9, 'x')",
        "delete from t",
        "create table u(a)",
        "create temp table u(a)",
        "drop table t",
        "attach ':memory:' as other",
        "vacuum into '/tmp/x.db'",
        "pragma database_list",
        "select * from pragma_database_list",
        "pragma writable_schema = 1",
        "pragma page_size = 512",
        "select load_extension('x')",
        "select fts3_tokenizer('simple')",
        "select sqlite_source_id()",
        "select * from sqlite_stat1",
        "select * from dbstat",
        "begin",
        "explain insert into t values(9, 'x')",
        "analyze",
        "reindex",
        "select 1; select 2",
        "select 1; delete from t",
        "select nope from t",
        "not sql",
        "-- nothing",
        "select ?",
        "select 'unclosed",
    ],
)
def test_what_a_stranger_may_not_ask(client: TestClient, sql: str) -> None:
    for suffix in ("json", "csv"):
        response = client.get(f"/data/-/query.{suffix}", params={"sql": sql})
        body = response.json()
        assert response.status_code == 400, body
        assert (body["ok"], body["rows"], body["truncated"]) == (False, [], False)
        assert body["error"]
    page = client.get("/data/-/query", params={"sql": sql})
    assert page.status_code == 400
    assert "<textarea" in page.text
    assert ask(client, "select count(*) as n from t") == {"ok": True, "rows": [{"n": 2}], "truncated": False}


@pytest.mark.parametrize("suffix", [".json", ".csv", ""])
def test_a_query_stops_at_its_limit(client: TestClient, suffix: str) -> None:
    began = time.monotonic()
    response = client.get(f"/data/-/query{suffix}", params={"sql": ENDLESS})
    assert response.status_code == 400
    assert "time limit" in response.text
    assert time.monotonic() - began < 20


def test_a_request_may_shorten_the_limit_but_not_extend_it(client: TestClient) -> None:
    assert client.get("/data/-/query.json", params={"sql": ENDLESS, "_timelimit": "20"}).status_code == 400
    assert client.get("/data/-/query.json", params={"sql": ENDLESS, "_timelimit": "999999"}).status_code == 400
    assert client.get("/data/t.json?_timelimit=x").status_code == 400


def test_an_answer_says_that_there_is_more(client: TestClient) -> None:
    sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) select i from n"
    body = client.get("/data/-/query.json", params={"sql": sql}).json()
    assert (len(body["rows"]), body["truncated"]) == (1000, True)
    lines = client.get("/data/-/query.csv", params={"sql": sql}).text.splitlines()
    assert (len(lines), lines[0], lines[-1]) == (5001, "i", "5000")


def test_parameters_become_fields_and_unknown_ones_are_refused(client: TestClient) -> None:
    page = client.get("/data/-/query", params={"sql": "select :first || :second as x", "first": "<1>"}).text
    assert 'name="first" value="&lt;1&gt;"' in page
    assert 'name="second" value=""' in page
    response = client.get("/data/-/query.json", params={"sql": "select :first", "frist": "1"})
    assert "did you mean 'first'?" in response.json()["error"]


def test_sql_can_be_switched_off(serve: Serve) -> None:
    client = serve(data=DATA, settings={"default_allow_sql": False})
    assert client.get("/data/-/query.json?sql=select+1").status_code == 403
    assert "<textarea" not in client.get("/data").text


def test_no_sql_is_an_error_but_for_the_form(client: TestClient) -> None:
    assert client.get("/data/-/query").status_code == 200
    assert client.get("/data/-/query.json").status_code == 400
