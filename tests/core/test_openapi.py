"""The OpenAPI document tells every address and argument, and each answers as it says."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from baked_core import openapi, table_query

Serve = Callable[..., TestClient]

DATA = "create table t(a integer primary key, b text); insert into t values(1, 'x')"
NAMES = {"{database}": "data", "{table}": "t", "{key}": "1"}
ONLY_OTHER_FORMATS = {"_stream", "_header", "_dl", "_blob_column", "_blob_hash"}


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(data=DATA, metadata={"title": "Example"})


def test_every_address_answers_with_the_body_that_is_described(client: TestClient) -> None:
    document = client.get("/-/openapi.json").json()
    assert (document["openapi"], document["info"]["title"]) == ("3.1.0", "Example")
    assert document["servers"] == [{"url": "http://testserver"}]
    for path, item in document["paths"].items():
        for mark, name in NAMES.items():
            path = path.replace(mark, name)  # noqa: PLW2901 - each mark in turn
        response = client.get(path, params={"sql": "select 1"} if "/query" in path else {})
        assert response.status_code == 200, path
        schema = item["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        name = schema.get("anyOf", [schema])[0]["$ref"].rpartition("/")[2]
        assert set(document["components"]["schemas"][name]["required"]) <= set(response.json()), path


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_every_reference_leads_somewhere(client: TestClient) -> None:
    document = client.get("/-/openapi.json").json()
    found = set(references(document))
    assert len(found) >= 8
    for reference in found:
        place = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_every_argument_is_told() -> None:
    assert set(openapi.TABLE) == table_query.ARGUMENTS - ONLY_OTHER_FORMATS


def test_sql_is_left_out_where_it_is_switched_off(serve: Serve) -> None:
    client = serve(data=DATA, settings={"default_allow_sql": False, "base_url": "/here/"})
    document = client.get("/here/-/openapi.json").json()
    assert not any("/-/query" in path and "queries" not in path for path in document["paths"])
    assert document["servers"] == [{"url": "http://testserver/here"}]


def test_it_has_a_page(client: TestClient) -> None:
    page = client.get("/-/openapi")
    assert page.status_code == 200
    assert "_facet_array" in page.text
