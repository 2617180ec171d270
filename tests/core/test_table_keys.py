"""What metadata says of a table: which columns sort, how their values show, what is labelled."""

from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

Serve = Callable[..., TestClient]

DATA = "create table t(id integer primary key, a, b); insert into t values(1, 'x', 2), (2, 'y', 1)"


def said(serve: Serve, data: str = DATA, **table: Any) -> TestClient:
    return serve(data=data, metadata={"databases": {"data": {"tables": {"t": table}}}})


def test_only_sortable_columns_sort(serve: Serve) -> None:
    client = said(serve, sortable_columns=["b"], sort="a")
    assert [row["id"] for row in client.get("/data/t.json?_sort=b").json()["rows"]] == [2, 1]
    response = client.get("/data/t.json?_sort_desc=a")
    assert response.status_code == 400
    assert response.json()["error"] == "rows cannot be sorted by 'a' here, but by b"
    page = client.get("/data/t").text
    assert "_sort=b" in page
    assert "_sort=a" not in page
    assert "<option>b</option>" in page.partition('name="_sort"')[2]


def test_an_empty_list_sorts_by_nothing(serve: Serve) -> None:
    client = said(serve, sortable_columns=[])
    assert client.get("/data/t.json?_sort=a").json()["error"] == "rows cannot be sorted by 'a' here"
    assert 'name="_sort"' not in client.get("/data/t").text
