"""Cells of JSON as the URL asks for them: exact, and as other languages can read them."""

import json
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

Serve = Callable[..., TestClient]

DATA = """
create table t(id integer primary key, j, n);
insert into t values(1, '{"a": [1,' || char(10) || ' 123456789012345678901234567890]}', 9007199254740993);
insert into t values(2, 'no json', -9223372036854775808), (3, x'7b7d', 9e999), (4, null, -9e999), (5, 5, 0.1);
"""


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(data=DATA)


def column(client: TestClient, query: str, name: str) -> list[object]:
    text = client.get(f"/data/t.json?_shape=array&{query}").text
    return [row[name] for row in json.loads(text)]


def test_cells_that_hold_json(client: TestClient) -> None:
    found = column(client, "_json=j", "j")
    parsed = {"a": [1, 123456789012345678901234567890]}
    assert found == [parsed, "no json", {"$base64": True, "encoded": "e30="}, None, 5]
    assert isinstance(column(client, "", "j")[0], str)
    lines = client.get("/data/t.json?_shape=array&_nl=on&_json=j").text.split("\n")
    assert [json.loads(line)["id"] for line in lines] == [1, 2, 3, 4, 5]
    assert client.get("/data/-/query.json?sql=select+'[1]'+as+j&_json=j").json()["rows"] == [{"j": [1]}]


def test_integers_are_exact(client: TestClient) -> None:
    assert column(client, "", "n")[:2] == [9007199254740993, -(2**63)]
    assert column(client, "_bigint=number", "n")[:2] == [9007199254740993, -(2**63)]
    assert column(client, "_bigint=string", "n") == ["9007199254740993", str(-(2**63)), None, None, 0.1]
    assert column(client, "_bigint=string", "id") == [1, 2, 3, 4, 5]


def test_infinities(client: TestClient) -> None:
    assert column(client, "", "n")[2:] == [None, None, 0.1]
    assert column(client, "_json_infinity=on", "n")[2:] == [float("inf"), float("-inf"), 0.1]
    text = client.get("/data/t.json?_json_infinity=1&_shape=array&_nl=on&_col=n&id=3").text
    assert text == '{"id":3,"n":Infinity}'
    assert column(client, "_json_infinity=on&_json=j", "j")[1] == "no json"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("_json=jj", "did you mean 'j'?"),
        ("_bigint=text", "number, string"),
        ("_json_infinity=maybe", "on or off"),
    ],
)
def test_what_cannot_be_converted(client: TestClient, query: str, says: str) -> None:
    response = client.get(f"/data/t.json?{query}")
    assert response.status_code == 400
    assert says in response.json()["error"]
