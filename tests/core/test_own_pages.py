"""The app's own pages, the schemas, and what stands where Datasette writes."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

Serve = Callable[..., TestClient]

DATA = """
create table t(a integer primary key); create view v as select a from t;
create virtual table docs using fts5(body);
"""
PAGES = ("versions", "plugins", "settings", "databases", "actor", "config", "threads", "schema")


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(data=DATA, settings={"default_page_size": 50}, metadata={"title": "T", "plugins": {"p": {"key": "k"}}})


@pytest.mark.parametrize("name", PAGES)
def test_each_is_json_and_html(client: TestClient, name: str) -> None:
    response = client.get(f"/-/{name}.json")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert isinstance(response.json(), list) if name == "plugins" else response.json()["ok"]
    page = client.get(f"/-/{name}")
    assert page.status_code == 200
    assert "<h1>" in page.text


def test_what_they_say(client: TestClient) -> None:
    assert client.get("/-/settings.json").json()["default_page_size"] == 50
    assert client.get("/-/actor.json").json() == {"ok": True, "actor": None}
    assert client.get("/-/plugins.json").json() == []
    config = client.get("/-/config.json").json()
    assert config == {
        "ok": True,
        "title": "T",
        "plugins": {"p": {"key": "***"}},
        "settings": {"default_page_size": 50},
    }
    (database,) = client.get("/-/databases.json").json()["databases"]
    assert (database["name"], database["path"], database["is_memory"]) == ("data", "databases/data.db", False)
    assert client.get("/-/threads.json").json()["num_threads"] >= 1
    assert client.get("/-/versions.json").json()["asgi"] == "3.0"


def test_plugins_are_listed(serve: Serve) -> None:
    code = "from baked_core.hookspecs import hookimpl\n@hookimpl\ndef extra_template_vars(page):\n    return {}\n"
    client = serve(data=DATA, files={"site/plugins/mine.py": code})
    (plugin,) = client.get("/-/plugins.json").json()
    assert (plugin["name"], plugin["hooks"]) == ("mine", ["extra_template_vars"])


def test_schemas(client: TestClient) -> None:
    sql = client.get("/data/-/schema.json").json()["schema"]
    assert sql == (
        "CREATE VIRTUAL TABLE docs using fts5(body);\n"
        "CREATE TABLE t(a integer primary key);\nCREATE VIEW v as select a from t;"
    )
    assert client.get("/-/schema.json").json()["schemas"] == [{"database": "data", "schema": sql}]
    assert client.get("/data/t/-/schema.json").json() == {
        "ok": True,
        "database": "data",
        "table": "t",
        "schema": "CREATE TABLE t(a integer primary key)",
    }
    assert client.get("/data/v/-/schema.md").text.startswith("# Schema for data.v\n\n```sql\nCREATE VIEW v")
    assert sql in client.get("/data/-/schema.md").text
    assert sql in client.get("/-/schema.md").text
    assert "<code>CREATE TABLE t(a integer primary key)</code>" in client.get("/data/t/-/schema").text
    for path in ("/-/schema", "/data/-/schema"):
        assert "<code>CREATE VIRTUAL TABLE" in (page := client.get(path).text)
        assert "```" not in page, "Markdown is for machines"
    assert client.get("/data/u/-/schema.json").status_code == 404
    assert client.get("/daat/-/schema.json").status_code == 404


def test_parameters_of_a_query(client: TestClient) -> None:
    for suffix in ("", ".json"):
        body = client.get(f"/data/-/query/parameters{suffix}?sql=select+:a,+:b,+:a").json()
        assert body == {"ok": True, "parameters": ["a", "b"]}


@pytest.mark.parametrize(
    "path",
    [
        "/data/-/create",
        "/data/-/execute-write",
        "/data/-/queries/store",
        "/data/t/-/insert",
        "/data/t/-/upsert",
        "/data/t/-/alter",
        "/data/t/-/drop",
        "/data/t/-/set-column-type",
        "/data/t/1/-/update",
        "/data/t/1/-/delete",
    ],
)
def test_nothing_is_written(client: TestClient, path: str) -> None:
    for method, status in (("POST", 403), ("GET", 405), ("PUT", 405), ("DELETE", 405)):
        response = client.request(method, path, json={} if method == "POST" else None)
        assert response.status_code == status, method
    assert client.post(path, json={}).json()["ok"] is False


@pytest.mark.parametrize(
    "path", ["/", "/-/create-token", "/data", "/data/t", "/data/t/1", "/data/-/query", "/nowhere/x"]
)
def test_other_methods_are_refused(client: TestClient, path: str) -> None:
    response = client.post(path, json={})
    assert response.status_code == 405
    assert response.json()["ok"] is False


@pytest.mark.parametrize("path", ["/.json", "/data.json", "/data/t.json", "/data/t/1.json", "/data/-/query.json"])
def test_scripts_of_other_sites_may_ask_first(client: TestClient, path: str) -> None:
    response = client.options(path)
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["access-control-allow-headers"] == "Authorization, Content-Type"
    assert response.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    ("path", "status", "location"),
    [("/-", 301, "/-/"), ("/:memory:", 301, "/_memory"), ("/-/", 200, None), ("/-/.json", 200, None)],
)
def test_old_addresses(client: TestClient, path: str, status: int, location: str | None) -> None:
    response = client.get(path)
    assert (response.status_code, response.headers.get("location")) == (status, location)


def test_an_icon(client: TestClient) -> None:
    response = client.get("/favicon.ico")
    assert (response.status_code, response.headers["content-type"]) == (200, "image/svg+xml")


def test_the_index_and_a_database_as_json(client: TestClient) -> None:
    (database,) = client.get("/.json").json()["databases"]
    assert (database["name"], database["path"], database["tables_count"], database["views_count"]) == (
        "data",
        "/data",
        1,
        1,
    )
    body = client.get("/data.json").json()
    assert body["views"] == [{"name": "v", "columns": ["a"], "private": False}]
    assert body["table_columns"]["t"] == ["a"]
    (table,) = [each for each in body["tables"] if each["name"] == "t"]
    assert (table["count"], table["count_truncated"], table["private"]) == (0, False, False)
