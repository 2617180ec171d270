"""Each operator of a column filter against real rows."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from baked_core.filters import OPERATORS

Serve = Callable[..., TestClient]

DATA = """
create table t(id integer primary key, name text, n integer, bare, tags, made text);
insert into t values(1, 'apple', 5, 5, '["a","b"]', '2026-01-02 10:00');
insert into t values(2, 'Banana', 10, '5', 'no json', '2026-01-03');
insert into t values(3, '', null, 7.5, '[5]', null);
insert into t values(4, null, 007, x'05', null, '');
insert into t values(5, '007', 100, null, '["b"]', 'x');
create view v as select id, n * 2 as twice, bare from t;
"""
CASES = [
    ("name=apple", [1]),
    ("name__exact=apple", [1]),
    ("name__not=apple", [2, 3, 5]),
    ("name__contains=AN", [2]),
    ("name__notcontains=an", [1, 3, 5]),
    ("name__startswith=ap", [1]),
    ("name__endswith=a", [2]),
    ("name__like=%25a%25", [1, 2]),
    ("name__notlike=%25a%25", [3, 5]),
    ("name__glob=*an*", [2]),
    ("n__gt=5", [2, 4, 5]),
    ("n__gte=5", [1, 2, 4, 5]),
    ("n__lt=10", [1, 4]),
    ("n__lte=10", [1, 2, 4]),
    ("n__gt=9.5", [2, 5]),
    ("n__in=5,10", [1, 2]),
    ('n__in=[5, "100"]', [1, 5]),
    ("n__in=[]", []),
    ("n__notin=5,10", [4, 5]),
    ("name__gt=00", [1, 2, 5]),
    ("name=007", [5]),
    ("n=007", [4]),
    ("bare=5", [1, 2]),
    ("bare__not=5", [3, 4]),
    ("bare=7.5", [3]),
    ("tags__arraycontains=b", [1, 5]),
    ("tags__arraynotcontains=b", [2, 3, 4]),
    ("tags__arraycontains=5", [3]),
    ("n__arraycontains=5", []),
    ("made__date=2026-01-02", [1]),
    ("name__isnull=1", [4]),
    ("name__notnull=1", [1, 2, 3, 5]),
    ("name__isblank=1", [3, 4]),
    ("name__notblank=1", [1, 2, 5]),
    ("name__contains=a&n__gt=5", [2]),
    ("name=apple&name=Banana", []),
]


@pytest.mark.parametrize(("query", "expected"), CASES)
def test_filters(serve: Serve, query: str, expected: list[int]) -> None:
    client = serve(data=DATA)
    body = client.get(f"/data/t.json?_shape=arrayfirst&_col=id&{query}").json()
    assert body == expected
    assert client.get(f"/data/t?{query}").status_code == 200
    assert client.get(f"/data/t.json?_size=0&_extra=count&{query}").json()["count"] == len(expected)


def test_very_many_values(serve: Serve) -> None:
    client = serve(data=DATA)
    many = ",".join(map(str, range(5, 4000)))
    for column in ("n", "bare", "name"):
        found = client.get(f"/data/t.json?_shape=arrayfirst&{column}__in={many}").json()
        assert found == {"n": [1, 2, 4, 5], "bare": [1, 2], "name": []}[column]


@pytest.mark.parametrize("query", ["&".join(["bare=5"] * 1000), "name__like=" + "a" * 60_000])
def test_too_much_at_once(serve: Serve, query: str) -> None:
    response = serve(data=DATA).get(f"/data/t.json?{query}")
    assert response.status_code == 400
    assert "use fewer" in response.json()["error"]


def test_every_operator_is_tried() -> None:
    tried = {query.partition("=")[0].partition("__")[2] or "exact" for query, _ in CASES}
    assert tried == set(OPERATORS)


def test_computed_columns_of_a_view(serve: Serve) -> None:
    client = serve(data=DATA)
    assert client.get("/data/v.json?_shape=arrayfirst&twice=10").json() == [1]
    assert client.get("/data/v.json?_shape=arrayfirst&twice__gt=9").json() == [1, 2, 4, 5]


def test_columns_with_names_like_arguments(serve: Serve) -> None:
    client = serve(data="create table t(_size, a__gt, _x); insert into t values(1, 2, 3), (4, 5, 6)")
    assert client.get("/data/t.json?_shape=array&_size__exact=1").json() == [
        {"rowid": 1, "_size": 1, "a__gt": 2, "_x": 3}
    ]
    assert len(client.get("/data/t.json?_shape=array&a__gt=2").json()) == 1
    assert len(client.get("/data/t.json?_shape=array&_x=6").json()) == 1
    assert len(client.get("/data/t.json?_shape=array&rowid=1").json()) == 1


def test_a_list_that_is_neither(serve: Serve) -> None:
    assert serve(data=DATA).get("/data/t.json?n__in=[1,").status_code == 400
