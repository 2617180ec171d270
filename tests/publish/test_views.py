"""A view is counted and looked at by the bake where its rows are always the same, and only for so long."""

import json
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from baking import baked_of
from starlette.testclient import TestClient

from baked_core.app import create_app
from baked_core.bundle import Baked
from baked_core.manifest import Figures, View
from baked_publish.manifest import describe

TABLE = """
create table t(id integer primary key, kind text, made text);
insert into t values(1, 'a', '2026-01-01'), (2, 'b', '2026-01-02'), (3, 'a', null), (4, 'b', 'now');
"""


def view(sql: str) -> View:
    with closing(apsw.Connection(":memory:")) as connection:
        connection.execute(TABLE + f"create view v as {sql}")
        return describe(connection, name="db", file="f", size=1, sha256="").views["v"]


@pytest.mark.parametrize(
    ("sql", "count", "distinct"),
    [
        ("select kind from t", 4, 2),
        ("select kind from t where id > 99", 0, 0),
        ("select kind, count(*) from t group by kind", 2, 2),
        ("with x as (select kind from t) select upper(kind) as k from x", 4, 2),
        ("select value from t, json_each('[1, 2, 3]')", 12, 3),
        ("with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) select i % 7 from n", 5000, 7),
        ("select name from sqlite_schema", 2, 2),
    ],
)
def test_what_is_always_the_same_is_known(sql: str, count: int, distinct: int) -> None:
    found = view(sql)
    assert found.count == count
    figures = found.columns[0].figures
    assert figures is not None
    assert figures.distinct == distinct


@pytest.mark.parametrize(
    "sql",
    [
        "select kind from t where made < current_date",
        "select kind from t where date(made) > '2026-01-01'",
        "select * from (select strftime('%Y') as year)",
        "select kind from t where random() > 0",
        "select name from pragma_module_list",
        "select last_insert_rowid() as n",
    ],
)
def test_what_may_change_is_not(sql: str) -> None:
    found = view(sql)
    assert found.count is None
    assert {column.figures for column in found.columns} == {None}


def test_a_view_of_a_view_that_may_change_is_not_known_either() -> None:
    with closing(apsw.Connection(":memory:")) as connection:
        connection.execute(TABLE + "create view today as select kind from t where made = date('now')")
        connection.execute("create view v as select kind from today")
        found = describe(connection, name="db", file="f", size=1, sha256="").views["v"]
    assert found.count is None


def test_what_is_too_much_work_is_left_out() -> None:
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) "
    first = view(endless + "select i % 3 as m from n")
    assert first.count is None
    assert first.columns[0].figures == Figures(1000, 3), "its first rows cost little"
    assert view(endless + "select max(i) as m from n").columns[0].figures == Figures()


def test_a_view_whose_rows_cannot_be_read_is_kept() -> None:
    found = view("select abs(-9223372036854775807 - id) as n from t")
    assert found.count == 4, "counting them reads no value"
    assert found.columns[0].figures is None
    assert view("select kind from t where abs(-9223372036854775807 - id) > 0").count is None
    assert view("select printf('%2000000000d', 1) as n from t").columns[0].figures is None
    assert view("select id from t where length(printf('%2000000000d', id)) > 0").count is None


def test_a_page_of_a_view_asks_for_no_count_and_no_suggestions(tmp_path: Path) -> None:
    baked_of(tmp_path, data=TABLE + "create view v as select kind from t", settings={"trace_debug": True})
    with TestClient(create_app(Baked.open(tmp_path))) as client:
        body = client.get("/data/v.json?_extra=count,suggested_facets&_trace=1").json()
        assert (body["count"], [each["name"] for each in body["suggested_facets"]]) == (4, ["kind"])
        assert len(body["_trace"]["traces"]) == 1, "its rows and nothing else"
        assert client.get("/data/v.json?kind=a&_extra=count").json()["count"] == 2
        assert "4 rows" in client.get("/data").text


def test_a_manifest_of_before_has_no_count(tmp_path: Path) -> None:
    baked = baked_of(tmp_path, data=TABLE + "create view v as select kind from t")
    told = json.loads(baked.manifest.to_json())
    del told["databases"]["data"]["views"]["v"]["count"]
    (tmp_path / "manifest.json").write_text(json.dumps(told))
    with TestClient(create_app(Baked.open(tmp_path))) as client:
        assert client.get("/data/v.json?_extra=count").json()["count"] == 4


def test_a_view_that_is_always_the_same_spares_its_answer(tmp_path: Path) -> None:
    sql = "create view v as select kind from t; create view today as select date('now') as day"
    baked_of(tmp_path, data=TABLE + sql)
    with TestClient(create_app(Baked.open(tmp_path))) as client:
        for path in ("/data/v.json", "/data/v", "/data/v.csv"):
            tag = client.get(path).headers["etag"]
            assert client.get(path, headers={"if-none-match": tag}).status_code == 304
        assert "etag" not in client.get("/data/today.json").headers
