"""A condition that a stranger wrote narrows the rows; it cannot reach beyond its brackets."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

Serve = Callable[..., TestClient]

DATA = "create table t(id integer primary key, a text); insert into t values(1, 'x'), (2, 'y)'), (3, null), (4, 'z')"


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(data=DATA, settings={"sql_time_limit_ms": 300})


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        (["id > 2"], [3, 4]),
        (["id > 1", "id < 4"], [2, 3]),
        (["id = 1 or id = 4"], [1, 4]),
        (["a = 'y)' -- with a remark"], [2]),
        (["a = 'y)' /* ( */"], [2]),
        (["id in (select max(id) from t)"], [4]),
        (['"a" is null'], [3]),
        (["[a] is null"], [3]),
        ([""], [1, 2, 3, 4]),
    ],
)
def test_conditions(client: TestClient, conditions: list[str], ids: list[int]) -> None:
    query = "&".join(f"_where={quote(each)}" for each in conditions)
    assert client.get(f"/data/t.json?_shape=arrayfirst&{query}").json() == ids
    assert client.get(f"/data/t.json?_size=0&_extra=count&{query}").json()["count"] == len(ids)
    assert len(client.get(f"/data/t.csv?_stream=on&_header=off&{query}").text.splitlines()) == len(ids)
    assert client.get(f"/data/t?{query}").status_code == 200


@pytest.mark.parametrize(
    "condition",
    [
        "1) or (1",
        "1) --",
        "1 /*",
        "(1",
        "'open",
        '"open',
        "[open",
        "1; delete from t",
        "id = ?",
        "id = :id",
        "-- nothing",
        "nope = 1",
        "load_extension('x')",
        "not sql",
    ],
)
def test_what_is_no_condition(client: TestClient, condition: str) -> None:
    for path in ("t.json", "t.csv", "t.csv?_stream=on"):
        sign = "&" if "?" in path else "?"
        response = client.get(f"/data/{path}{sign}_where={quote(condition)}")
        assert response.status_code == 400, response.text
        assert "_where" in response.json()["error"]


def test_pages_follow_each_other_within_a_condition(client: TestClient) -> None:
    found, path = [], "/data/t.json?_where=id<>2&_size=1&_shape=arrays"
    while path:
        body = client.get(path).json()
        found += [row[0] for row in body["rows"]]
        path = body["next_url"]
    assert found == [1, 3, 4]


def test_a_condition_stops_at_its_limit(client: TestClient) -> None:
    endless = "exists (with recursive n(i) as (select 1 union all select i + 1 from n) select 1 from n where i < 0)"
    assert "time limit" in client.get(f"/data/t.json?_where={quote(endless)}").json()["error"]


def test_conditions_can_be_switched_off(serve: Serve) -> None:
    client = serve(data=DATA, settings={"default_allow_sql": False})
    assert client.get("/data/t.json?_where=1").status_code == 403
