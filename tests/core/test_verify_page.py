"""``/-/verify`` tells what the files really hold, to whoever has the token."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from baking import baked_of
from starlette.testclient import TestClient

from baked_core import verify
from baked_core.app import create_app

SECRET = "sesame" * 3
TOKEN = {"authorization": f"Bearer {SECRET}"}
ONE_CALL = "with x(a) as (select hex(zeroblob(40000))) select length(trim(a, replace(a, '0', '1') || '0')) from x"
"""One call of one function that takes seconds, and never looks at the time: only the end of its process ends it."""
ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
DATA = "create table t(a); insert into t values(1), (2); create table [empty one](b)"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    baked = baked_of(tmp_path, data=DATA, files={"site/templates/x.html": "hello"})
    with TestClient(create_app(baked, verify_token=SECRET)) as client:
        yield client


def test_what_is_there_agrees_with_the_manifest(client: TestClient) -> None:
    body = client.get("/-/verify", headers=TOKEN).json()
    manifest = body["manifest"]
    assert body["format"] == manifest["format"] == 1
    found, expected = body["databases"]["data"], manifest["databases"]["data"]
    assert (found["size"], found["sha256"]) == (expected["size"], expected["sha256"])
    assert found["tables"] == {"t": 2, "empty one": 0}
    assert body["files"] == manifest["files"]


def test_a_database_swapped_under_the_manifest_shows(client: TestClient, tmp_path: Path) -> None:
    assert client.get("/data/t.json").status_code == 200
    path = tmp_path / "databases/data.db"
    path.unlink()
    with apsw.Connection(str(path)) as other:
        other.execute("create table t(a); create table [empty one](b)")
    other.close()
    body = client.get("/-/verify", headers=TOKEN).json()
    assert body["databases"]["data"]["tables"]["t"] == 0
    assert body["databases"]["data"]["sha256"] != body["manifest"]["databases"]["data"]["sha256"]


def test_a_file_that_is_gone_shows(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "site/templates/x.html").unlink()
    assert client.get("/-/verify", headers=TOKEN).json()["files"]["site/templates/x.html"] == {"sha256": "", "size": -1}


@pytest.mark.parametrize("given", [{}, {"authorization": "Bearer wrong"}, {"authorization": SECRET}])
def test_without_the_token_there_is_no_such_page(client: TestClient, given: dict[str, str]) -> None:
    refused, unknown = client.get("/-/verify", headers=given), client.get("/-/verifx", headers=given)
    assert refused.status_code == unknown.status_code == 404
    assert refused.text.replace("verify", "verifx") == unknown.text
    assert {**refused.headers} == {**unknown.headers}


def test_without_a_token_set_nobody_gets_in(tmp_path: Path) -> None:
    client = TestClient(create_app(baked_of(tmp_path, data=DATA)))
    assert client.get("/-/verify", headers={"authorization": "Bearer None"}).status_code == 404
    assert client.get("/-/verify", headers={"authorization": "Bearer "}).status_code == 404


def test_one_at_a_time(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    look: Callable[..., object] = verify._look

    def slow(serving: object) -> object:
        begun.set()
        assert go_on.wait(20)
        return look(serving)

    monkeypatch.setattr(verify, "_look", slow)
    first = threading.Thread(target=client.get, args=("/-/verify",), kwargs={"headers": TOKEN})
    first.start()
    try:
        assert begun.wait(20)
        second = client.get("/-/verify", headers=TOKEN)
        assert (second.status_code, second.headers["retry-after"]) == (503, "5")
    finally:
        go_on.set()
        first.join(20)
    assert client.get("/-/verify", headers=TOKEN).status_code == 200


# ?_only=query: a check of publish.yaml, asked of a candidate


def asked(client: TestClient, sql: str, **more: str) -> Any:
    params = {"_only": "query", "database": "data", "sql": sql, **more}
    answer = client.get("/-/verify", params=params, headers=TOKEN)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    return answer.json()


def test_the_publisher_is_answered_one_statement(client: TestClient) -> None:
    assert asked(client, "select count(*) from t") == {"format": 1, "rows": [[2]], "truncated": False}
    assert asked(client, "select a from t where a > 2")["rows"] == []
    many = asked(client, "with recursive n(i) as (select 1 union all select i + 1 from n limit 9) select i from n")
    assert (many["rows"], many["truncated"]) == ([[1], [2]], True)
    assert asked(client, "select x'00', null, 'a', 1.5")["rows"] == [[None, None, "a", 1.5]]


@pytest.mark.parametrize("given", [{}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {SECRET}"}])
def test_a_query_without_the_token_is_an_unknown_page(client: TestClient, given: dict[str, str]) -> None:
    query = "?_only=query&database=data&sql=select+1"
    refused = client.get(f"/-/verify{query}", headers=given)
    unknown = client.get(f"/-/verifx{query}", headers=given)
    assert refused.status_code == unknown.status_code == 404
    assert refused.text.replace("verify", "verifx") == unknown.text
    assert {**refused.headers} == {**unknown.headers}


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "insert into t values(3)",
        "insert into t values(3) returning a",
        "update t set a = 0",
        "delete from t",
        "drop table t",
        "create table u(a)",
        "create temp table u(a)",
        "vacuum into '/tmp/taken.db'",
        "attach '/etc/passwd' as other",
        "attach ':memory:' as other",
        "pragma writable_schema = on",
        "pragma query_only = off",
        "begin immediate",
        "select load_extension('x')",
        "select 1; select 2",
        "select 1; drop table t",
        "select 1 from nowhere",
    ],
)
def test_a_token_reads_and_does_nothing_else(client: TestClient, tmp_path: Path, sql: str) -> None:
    path = tmp_path / "databases/data.db"
    before = path.read_bytes()
    said = asked(client, sql)
    assert set(said) == {"format", "error"}
    assert said["error"]
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["data.db"]
    assert asked(client, "select count(*) from t")["rows"] == [[2]]


@pytest.mark.parametrize("sql", [ONE_CALL, ENDLESS])
def test_a_token_has_its_time_and_no_more(client: TestClient, monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    monkeypatch.setattr(verify, "PATIENCE", 0.5)
    assert "time limit" in asked(client, sql)["error"]
    monkeypatch.undo()
    assert asked(client, "select 1")["rows"] == [[1]]


def test_it_runs_where_strangers_sql_runs(tmp_path: Path) -> None:
    plugin = """
import os
from baked_core.hookspecs import hookimpl
@hookimpl
def prepare_connection(connection, database):
    connection.create_scalar_function("process", os.getpid, 0)
"""
    files = {"site/plugins/process.py": plugin}
    with TestClient(create_app(baked_of(tmp_path, data=DATA, files=files), verify_token=SECRET)) as client:
        process = asked(client, "select process()")["rows"][0][0]
    assert process != os.getpid()


def test_the_publisher_reads_what_visitors_may_not(tmp_path: Path) -> None:
    metadata = {"databases": {"data": {"allow_sql": False, "tables": {"t": {"allow": False}}}}}
    with TestClient(create_app(baked_of(tmp_path, data=DATA, metadata=metadata), verify_token=SECRET)) as client:
        assert client.get("/data/t.json").status_code == 404
        assert client.get("/data/-/query.json?sql=select+1").status_code == 403
        assert asked(client, "select count(*) from t")["rows"] == [[2]]


def test_a_database_that_is_not_published_is_not_found(client: TestClient) -> None:
    for database in ("_memory", "", "temp", "../data"):
        query = {"_only": "query", "database": database, "sql": "select 1"}
        assert client.get("/-/verify", params=query, headers=TOKEN).status_code == 404
