"""Every ``_extra`` of tables, rows and queries, and that none costs anything unless asked."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from baked_core import extras

Serve = Callable[..., TestClient]

DATA = """
create table kind(id integer primary key, name text); insert into kind values(1, 'city');
create table place(id integer primary key, name text not null default 'x', kind integer references kind(id));
insert into place values(1, 'a', 1), (2, 'b', 1), (3, 'c', null);
create view v as select name from place;
"""
SAID = {"title": "Places", "columns": {"name": "What it is called"}, "column_types": {"name": "text"}}


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(data=DATA, metadata={"databases": {"data": {"tables": {"place": SAID}}}})


@pytest.mark.parametrize(
    ("path", "known", "default"),
    [
        ("/data/place.json?", extras.TABLE, {"ok", "next", "next_url", "rows", "truncated"}),
        ("/data/v.json?", extras.TABLE, {"ok", "next", "next_url", "rows", "truncated"}),
        (
            "/data/place/1.json?",
            extras.ROW,
            {"ok", "database", "table", "rows", "primary_keys", "primary_key_values", "query_ms", "truncated"},
        ),
        ("/data/-/query.json?sql=select+1+as+a&", extras.QUERY, {"ok", "rows", "truncated"}),
    ],
)
def test_every_extra_is_there_when_asked_and_only_then(
    client: TestClient, path: str, known: dict[str, str], default: set[str]
) -> None:
    assert set(client.get(path).json()) == default
    for name in known:
        body = client.get(f"{path}_extra={name}").json()
        assert set(body) == default | {name} | ({"count_truncated"} if name == "count" else set()), name
    every = client.get(f"{path}_extra={','.join(known)}").json()
    assert set(every) == default | set(known)
    listed = {each["name"]: each for each in every["extras"]}
    assert set(listed) == set(known)
    assert all(each["selected"] and each["description"] for each in listed.values())
    without = client.get(listed["columns"]["toggle_url"]).json()
    assert set(without) == set(every) - {"columns"}
    assert client.get(f"{path}_extra=nope").status_code == 400


def test_values_of_a_tables_extras(client: TestClient) -> None:
    path = "/data/place.json?name__gt=a&_sort_desc=name&_size=1&_nocol=kind&_extra=" + ",".join(extras.TABLE)
    body = client.get(path).json()
    assert body["count"] == 2
    assert body["count_sql"] == 'select count(*) from "place" where "name" > :p0'
    sql = 'select "id", "name" from "place" where "name" > :p0 order by "name" desc, "id" limit 2'
    assert body["query"] == {"sql": sql, "params": {"p0": "a"}}
    again = client.get("/data/-/query.json", params={"sql": sql, **body["query"]["params"]}).json()
    assert again["rows"][:1] == body["rows"]
    assert body["human_description_en"] == 'where name > "a" sorted by name descending'
    assert (body["columns"], body["all_columns"]) == (["id", "name"], ["id", "name", "kind"])
    assert body["primary_keys"] == ["id"]
    assert body["column_details"]["name"] == {
        "type": "TEXT",
        "sqlite_type": "TEXT",
        "notnull": True,
        "default": "'x'",
        "is_pk": False,
        "pk_position": 0,
        "hidden": 0,
    }
    assert body["column_types"] == {"name": "text"}
    assert body["metadata"] == SAID
    assert [each["description"] for each in body["display_columns"]] == [None, "What it is called"]
    assert (body["database"], body["table"], body["is_view"], body["private"]) == ("data", "place", False, False)
    assert len(body["database_color"]) == 6
    assert body["table_definition"].startswith("CREATE TABLE place")
    assert body["view_definition"] is None
    key = {"column": "kind", "other_table": "kind", "other_column": "id"}
    assert body["expandable_columns"] == [[key, "name"]]
    assert ["_size", "1"] in body["form_hidden_args"]
    assert body["request"]["args"]["_size"] == ["1"]
    assert body["request"]["full_path"] == path
    assert body["request"]["url"] == f"http://testserver{path}"
    assert client.get(body["renderers"]["csv"]).text.startswith("id,name\r\n")


def test_values_of_a_views_extras(client: TestClient) -> None:
    body = client.get("/data/v.json?_extra=is_view,view_definition,table_definition,primary_keys,count").json()
    assert (body["is_view"], body["table_definition"], body["primary_keys"], body["count"]) == (True, None, [], 3)
    assert body["view_definition"].startswith("CREATE VIEW v")


def test_no_count_when_told_so(client: TestClient) -> None:
    assert client.get("/data/place.json?_extra=count&_nocount=1").json()["count"] is None


def test_what_refers_to_a_row(client: TestClient) -> None:
    body = client.get("/data/kind/1.json?_extra=foreign_key_tables").json()
    (found,) = body["foreign_key_tables"]
    assert found == {
        "other_table": "place",
        "column": "id",
        "other_column": "kind",
        "count": 2,
        "link": "/data/place?kind=1",
    }


def test_a_querys_parameters(client: TestClient) -> None:
    body = client.get("/data/-/query.json?sql=select+:a+as+a&a=5&_extra=query,columns").json()
    assert (body["query"], body["columns"]) == ({"sql": "select :a as a", "params": {"a": "5"}}, ["a"])


def test_a_row_names_its_key_as_the_path_does(client: TestClient) -> None:
    body = client.get("/data/place/1.json?_extra=query").json()
    assert (body["primary_keys"], body["primary_key_values"]) == (["id"], ["1"])
    assert body["query"] == {
        "sql": 'select "id", "name", "kind" from "place" where "id" = :p0 limit 1',
        "params": {"p0": "1"},
    }
