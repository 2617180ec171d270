"""Every row has an address of its own, whatever its key holds."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

Serve = Callable[..., TestClient]

KEYS = ["5", "'5'", "'5.0'", "x'35'", "''", "'a,b'", "':x35'", "':n'", "5.5", "'9e999'", "9e999", "cast(x'ff' as text)"]


def test_rows_that_look_alike_have_addresses_of_their_own(serve: Serve) -> None:
    rows = ", ".join(f"({key}, {number})" for number, key in enumerate(KEYS))
    client = serve(data=f"create table t(k primary key, n); insert into t values {rows}")
    for suffix in ("", ".json?_shape=object"):
        assert client.get(f"/data/t{suffix}").status_code == 200
    keys = list(client.get("/data/t.json?_shape=object").json())
    assert len(keys) == len(KEYS)
    found = [client.get(f"/data/t/{key}.json").json()["rows"][0]["n"] for key in keys]
    assert sorted(found) == list(range(len(KEYS)))
    page = client.get("/data/t").text
    for key in keys:
        assert f'href="/data/t/{key}"' in page


def test_a_plain_number_means_the_number_first(serve: Serve) -> None:
    client = serve(
        data="create table t(k primary key, n); insert into t values('5', 'text'), (5, 'number'), ('6', 't')"
    )
    assert client.get("/data/t/5.json").json()["rows"][0]["n"] == "number"
    assert client.get("/data/t/:t5.json").json()["rows"][0]["n"] == "text"
    assert client.get("/data/t/6.json").json()["rows"][0]["n"] == "t"


def test_null_in_a_key(serve: Serve) -> None:
    client = serve(data="create table t(a, b, primary key(a, b)); insert into t values(null, 1), (null, 2), (null, 2)")
    assert client.get("/data/t/:n,1.json").json()["rows"] == [{"a": None, "b": 1}]
    assert "several rows" in client.get("/data/t/:n,2.json").json()["error"]
    response = client.get("/data/t.json?_shape=object")
    assert (response.status_code, "_shape=array" in response.json()["error"]) == (400, True)


@pytest.mark.parametrize(("path", "status"), [("t/1,2", 400), ("v/1", 404), ("t/9", 404), ("t/:xzz", 404)])
def test_keys_that_lead_nowhere(serve: Serve, path: str, status: int) -> None:
    client = serve(data="create table t(a integer primary key); create view v as select a from t")
    for suffix in (".json", ".csv", ""):
        assert client.get(f"/data/{path}{suffix}").status_code == status


def test_links_to_rows_with_labels_lead_there(serve: Serve) -> None:
    client = serve(data="create table t(a text primary key, b references t(a)); insert into t values('007', '007')")
    body = client.get("/data/t/007.json?_extra=foreign_key_tables").json()
    assert body["foreign_key_tables"][0]["count"] == 1
    assert urlsplit(body["foreign_key_tables"][0]["link"]).path == "/data/t"


def test_a_row_is_called_by_its_label_and_shows_those_of_the_rows_it_refers_to(serve: Serve) -> None:
    client = serve(
        data="""
        create table kind(id integer primary key, name text); insert into kind values (1, 'Oak & co'), (2, '');
        create table tree(id integer primary key, name text, kind integer references kind(id), photo blob);
        insert into tree values (7, 'The old one', 1, x'0102'), (8, ' ', 2, null);
        """
    )
    page = client.get("/data/tree/7").text
    assert "<h1>The old one</h1>" in page
    assert "Row 7 of tree" in page
    assert '<a href="/data/kind/1">Oak &amp; co</a> <span class="key">1</span>' in page
    assert 'href="/data/tree/7.blob?_blob_column=photo"' in page
    unnamed = client.get("/data/tree/8").text
    assert "<h1>tree 8</h1>" in unnamed
    assert '<a href="/data/kind/2">2</a>' in unnamed, "a label that is empty could not be clicked"
    assert client.get("/data/tree/7.json").json()["rows"] == [
        {"id": 7, "name": "The old one", "kind": 1, "photo": {"$base64": True, "encoded": "AQI="}}
    ]


def test_a_row_says_its_table_and_key_once(serve: Serve) -> None:
    data = "create table t(id integer primary key, v); insert into t values (7, 1)"
    client = serve(data=data, more=data, metadata={"databases": {"more": {"tables": {"t": {"title": "Things"}}}}})
    assert "Row 7 of t" not in client.get("/data/t/7").text
    assert "Row 7 of Things" in client.get("/more/t/7").text
