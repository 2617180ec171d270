"""Databases, tables, columns and keys of any name work in every form of URL."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from baked_core.urls import encode_key, tilde_encode

Serve = Callable[..., TestClient]

NAMES = [
    "a b",
    " lead and trail ",
    "a/b",
    "a.b",
    "a.json",
    "a.csv",
    ".",
    "..",
    "[x]",
    'double"quote',
    "single'quote",
    "50%",
    "%41",
    "#hash",
    "what?",
    "new\nline",
    "tab\tand\rreturn",
    "emoji \U0001f600",
    "tilde~7E",
    "plus+plus",
    "comma,comma",
    "back\\slash",
    "<b>&amp;",
    "-",
    "--",
    "",
    "query",
    "schema",
    "static",
    "_memory",
    "rowid",
    "_size",
    "select",
]


@pytest.fixture(scope="module", params=NAMES, ids=[repr(name) for name in NAMES])
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def sql(name: str) -> str:
    quoted, text = '"' + name.replace('"', '""') + '"', "'" + name.replace("'", "''") + "'"
    column = quoted if name else '"c"'
    return f"create table {quoted}(k text primary key, {column}); insert into {quoted} values({text}, 1), ('other', 2)"


def test_a_table_its_rows_and_its_forms(serve: Serve, name: str) -> None:
    client = serve(data=sql(name))
    table, key = f"/data/{tilde_encode(name)}", encode_key([name])
    body = client.get(f"{table}.json?_size=1&_sort_desc=k&_extra=count,table,primary_keys,renderers").json()
    assert (body["count"], body["table"]) == (2, name), body
    rest = client.get(body["next_url"]).json()
    assert sorted(row["k"] for row in body["rows"] + rest["rows"]) == sorted([name, "other"])
    column = name or "c"
    kept = client.get(f"{table}.json?{quote(column)}__exact=1&_shape=arrays").json()
    assert kept["rows"] == [[name, 1]]
    assert client.get(f"{table}.json?_col={quote(column)}&_sort={quote(column)}&_size=1").json()["rows"][0]["k"] == name
    assert client.get(f"{table}/{key}.json").json()["rows"] == [{"k": name, column: 1}]
    assert client.get(f"{table}.csv?_stream=on").text.startswith("k,")
    assert client.get(f"{table}/{key}.csv").status_code == 200
    assert client.get(f"{table}/{key}").status_code == client.get(table).status_code == 200
    assert client.get(f"{table}/-/schema.json").json()["table"] == name
    assert client.get(body["renderers"]["csv"]).status_code == 200


def test_facets_lead_on(serve: Serve, name: str) -> None:
    client = serve(data=sql(name))
    body = client.get(f"/data/{tilde_encode(name)}.json?_facet=k&_facet={quote(name or 'c')}").json()
    found = body["facet_results"]["results"]
    for each in (*found["k"]["results"], *found[name or "c"]["results"]):
        assert len(client.get(each["toggle_url"]).json()["rows"]) == 1, each


PLAIN = [
    name
    for name in NAMES
    if name not in {"", "-", ".", ".."}  # these mean something else in a path
    and not {"/", "~", "+"}.intersection(name)  # so do these
    and not name.endswith((".json", ".csv"))
    and name != "%41"  # the test client decodes a path twice
]


@pytest.mark.parametrize("plain", PLAIN)
def test_percent_encoding_is_sent_to_the_canonical_address(serve: Serve, plain: str) -> None:
    client = serve(data=sql(plain))
    response = client.get(f"/data/{quote(plain, safe='')}")
    if response.status_code == 302:
        assert response.headers["location"] == f"/data/{tilde_encode(plain)}"
        response = client.get(response.headers["location"])
    assert response.status_code == 200


SLASHED = ["a/b", "/", "odd name/#.x", "a//b/"]


@pytest.mark.parametrize("root", ["", "/mounted"])
@pytest.mark.parametrize("name", SLASHED)
def test_a_slash_in_a_name_may_come_percent_encoded(serve: Serve, name: str, root: str) -> None:
    client = serve(data=sql(name), settings={"base_url": root} if root else {})
    for encoded in (quote(name, safe=""), quote(name, safe="").replace("%2F", "%2f")):
        for path in (f"/data/{encoded}", f"/data/{encoded}/{encoded}"):
            for way in {path, root + path}:
                response = client.get(way)
                if response.status_code == 302:
                    assert response.headers["location"].startswith(f"{root}/data/{tilde_encode(name)}")
                    response = client.get(response.headers["location"])
                assert response.status_code == 200


def test_an_encoded_slash_parts_no_names(serve: Serve) -> None:
    client = serve(data="create table t(a)")
    assert client.get("/data%2Ft").status_code == 404
    assert client.get("/data/t").status_code == 200


@pytest.mark.parametrize("name", [name for name in NAMES if "/" not in name and name not in {"", ".", ".."}])
def test_a_database(serve: Serve, name: str) -> None:
    client = serve(**{name: "create table t(a); insert into t values(1)"})
    path = f"/{tilde_encode(name)}"
    assert client.get(f"{path}.json").json()["database"] == name
    assert client.get(path).status_code == 200
    assert client.get(f"{path}/t.json").json()["rows"] == [{"rowid": 1, "a": 1}]
    assert client.get(f"{path}/t/1.json").json()["database"] == name
    assert client.get(f"{path}/-/query.json?sql=select+a+from+t").json()["rows"] == [{"a": 1}]
    assert client.get(f"{path}/-/schema.json").json()["database"] == name
    assert client.get(f"{path}.db").content.startswith(b"SQLite format 3")
    assert client.get("/").status_code == 200
