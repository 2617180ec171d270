"""Finding one's way by a few typed letters: places, rows of a table, canned queries."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

Serve = Callable[..., TestClient]

DATA = """
create table city(id integer primary key, name text);
insert into city values(1, 'Vienna'), (2, 'Graz'), (31, 'Bern'), (4, '100%');
create table pair(a text, b text, primary key(a, b)); insert into pair values('x', 'y'), ('z', 'x');
create table bare(a integer primary key, b text, c text); insert into bare values(7, 'b', 'c');
create view v as select 1 as a;
create table "odd name"(id integer primary key, name text);
create table secret(id integer primary key);
"""
METADATA = {
    "databases": {
        "data": {
            "description": "All of it",
            "tables": {"secret": {"hidden": True}, "city": {"description": "Cities"}},
            "queries": {
                "big": {"sql": "select :n", "title": "Big ones", "params": ["n"], "fragment": "map"},
                "plain": "select 1",
            },
        }
    }
}


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(data=DATA, metadata=METADATA)


def names(client: TestClient, q: str) -> list[str]:
    return [each["name"] for each in client.get("/-/jump.json", params={"q": q}).json()["matches"]]


def test_jump_finds_places_by_words_in_their_order(client: TestClient) -> None:
    assert names(client, "data CI") == ["data: city"]
    assert names(client, "city data") == []
    assert names(client, "big") == ["data: big"]
    assert "data: secret" not in names(client, "")
    assert names(client, "")[0] == "data"


def test_jump_leads_to_each_place(client: TestClient) -> None:
    matches = client.get("/-/jump").json()["matches"]
    assert {each["type"] for each in matches} == {"database", "table", "view", "query"}
    for each in matches:
        assert client.get(each["url"]).status_code == 200, each
    assert next(each for each in matches if each["type"] == "query")["url"].startswith("/data/big#map")
    assert next(each for each in matches if each["name"] == "data: city")["description"] == "Cities"


def test_jump_says_when_there_are_more(serve: Serve) -> None:
    client = serve(many="".join(f"create table t{number}(a);" for number in range(120)))
    answer = client.get("/-/jump.json?q=t").json()
    assert (len(answer["matches"]), answer["truncated"]) == (100, True)


def labels(client: TestClient, table: str, **args: str) -> list[str | None]:
    answer = client.get(f"/data/{table}/-/autocomplete.json", params=args).json()
    return [each.get("label") for each in answer["rows"]]


def test_autocomplete_finds_labels_and_keys(client: TestClient) -> None:
    assert labels(client, "city", q="n") == ["Bern", "Vienna"]
    assert labels(client, "city", q="31") == ["Bern"]
    assert labels(client, "city", q="1") == ["Vienna", "100%", "Bern"]
    assert labels(client, "city", q="%") == ["100%"]
    assert labels(client, "city", q="_") == []
    assert labels(client, "city") == []
    assert labels(client, "city", _initial="1")[0] == "Bern"
    rows = client.get("/data/pair/-/autocomplete?q=x").json()["rows"]
    assert rows == [{"pks": {"a": "x", "b": "y"}}, {"pks": {"a": "z", "b": "x"}}]
    assert client.get("/data/bare/-/autocomplete?q=7").json()["rows"] == [{"pks": {"a": 7}}]


def test_autocomplete_refuses_what_has_no_key(client: TestClient) -> None:
    answer = client.get("/data/v/-/autocomplete.json?q=1")
    assert (answer.status_code, "no key" in answer.json()["error"]) == (400, True)
    assert client.get("/data/nope/-/autocomplete.json").status_code == 404
    assert client.get("/data/city/-/autocomplete.json?qq=1").json()["error"].endswith("did you mean 'q'?")


def test_queries_are_listed_and_told(client: TestClient) -> None:
    listed = client.get("/data/-/queries.json").json()
    assert (listed["database"], [each["name"] for each in listed["queries"]]) == ("data", ["big", "plain"])
    assert client.get("/-/queries.json").json()["queries"] == listed["queries"]
    told = client.get("/data/big/-/definition.json").json()["query"]
    assert told == listed["queries"][0]
    assert (told["sql"], told["parameters"], told["is_write"]) == ("select :n", ["n"], False)
    missing = client.get("/data/bigg/-/definition")
    assert missing.status_code == 404
    assert 'Did you mean <a href="/data/big/-/definition">big</a>?' in missing.text


@pytest.mark.parametrize("path", ["/-/queries", "/data/-/queries"])
def test_queries_have_a_page(client: TestClient, path: str) -> None:
    page = client.get(path).text
    assert '<a href="/data/big#map">Big ones</a>' in page


def test_the_api_has_a_page_that_names_every_address(client: TestClient) -> None:
    page = client.get("/-/openapi").text
    for path, item in client.get("/-/openapi.json").json()["paths"].items():
        assert f"<code>{path}</code>" in page
        assert item["get"]["summary"] in page


CLOSED = ("/-/actions", "/-/tasks.json", "/-/permissions", "/data/-/foreign-key-targets")


@pytest.mark.parametrize("path", CLOSED)
def test_what_administers_is_closed(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 403
