"""Facets count the same values as SQLite asked by hand, lead to the rows they count, and give up politely."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from baking import baked_of
from starlette.testclient import TestClient

from baked_core.app import create_app
from baked_core.bundle import Baked

Serve = Callable[..., TestClient]

DATA = """
create table kind(id integer primary key, name text);
insert into kind values(1, 'city'), (2, 'town');
create table place(id integer primary key, state text, kind integer references kind(id), tags text, made text, mixed,
  real real);
insert into place values
  (1, 'AT', 1, '["a", "b", "a"]', '2026-01-01', 5, 9e999), (2, 'AT', 2, '["a"]', '2026-01-01 10:00', '5', -9e999),
  (3, 'CH', 1, '[5, null]', '2026-02-01', 5, 0.1), (4, null, 9, '[]', null, x'00', null),
  (5, 'CH', null, null, null, null, null);
create table keyless(a, list, primary key(a)) without rowid;
insert into keyless values('x', '["p", "q"]'), ('y', '["q"]');
create view v as select state, tags from place;
create table many(id integer primary key, g text, word text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 2500)
insert into many select i, 'g' || (i % 40), 'w' || i from n;
"""


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(data=DATA)


def facet(client: TestClient, path: str, name: str) -> dict[str, Any]:
    body: dict[str, Any] = client.get(path + "&_json_infinity=on").json()
    assert body["ok"], body
    assert body["facet_results"]["timed_out"] == []
    found: dict[str, Any] = body["facet_results"]["results"][name]
    return found


def counts(found: dict[str, Any]) -> list[tuple[Any, int]]:
    return [(each["value"], each["count"]) for each in found["results"]]


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("place.json?_facet=state", "state", [("AT", 2), ("CH", 2)]),
        ("place.json?_facet=kind", "kind", [(1, 2), (2, 1), (9, 1)]),
        ("place.json?_facet_array=tags", "tags", [("a", 2), (5, 1), ("b", 1)]),
        ("place.json?_facet_date=made", "made", [("2026-01-01", 2), ("2026-02-01", 1)]),
        ("place.json?_facet=real", "real", [(float("-inf"), 1), (0.1, 1), (float("inf"), 1)]),
        ("place.json?_facet=kind&state=AT", "kind", [(1, 1), (2, 1)]),
        ("place.json?_facet=state&_where=id<3", "state", [("AT", 2)]),
        ("keyless.json?_facet_array=list", "list", [("q", 2), ("p", 1)]),
        ("v.json?_facet=state&_facet_array=tags", "tags", [("a", 2), (5, 1), ("b", 1)]),
        ("place.json?_facet=tags&_facet_array=tags", "tags_2", [("a", 2), (5, 1), ("b", 1)]),
    ],
)
def test_counts(client: TestClient, path: str, name: str, expected: list[tuple[Any, int]]) -> None:
    found = facet(client, f"/data/{path}", name)
    assert counts(found) == expected
    for each in found["results"]:
        rows = client.get(f"{each['toggle_url']}&_extra=count").json()
        assert (rows["count"], each["selected"]) == (each["count"], False)
        again = rows["facet_results"]["results"][name]
        chosen = [value for value in again["results"] if value["selected"]]
        assert [value["value"] for value in chosen] == [each["value"]]
        back = client.get(chosen[0]["toggle_url"]).json()["facet_results"]["results"][name]
        assert counts(back) == expected


def test_shape_of_a_facet(client: TestClient) -> None:
    body = client.get("/data/place.json?_facet=kind&_size=0").json()
    assert body["facet_results"] == {
        "results": {
            "kind": {
                "name": "kind",
                "type": "column",
                "hideable": True,
                "toggle_url": "/data/place.json?_size=0",
                "results": [
                    {
                        "value": value,
                        "label": label,
                        "count": count,
                        "toggle_url": f"http://testserver/data/place.json?_facet=kind&_size=0&kind={value}",
                        "selected": False,
                    }
                    for value, label, count in [(1, "city", 2), (2, "town", 1), (9, 9, 1)]
                ],
                "truncated": False,
            }
        },
        "timed_out": [],
    }


def test_a_facet_shows_the_most_frequent_values(client: TestClient) -> None:
    expected = Counter(f"g{i % 40}" for i in range(1, 2501))
    whole = facet(client, "/data/many.json?_facet=g&_facet_size=max&_size=0", "g")
    assert dict(counts(whole)) == dict(expected)
    assert whole["truncated"] is False
    part = facet(client, "/data/many.json?_facet=g&_facet_size=2&_size=0", "g")
    assert (len(part["results"]), part["truncated"]) == (2, True)
    assert len(facet(client, "/data/many.json?_facet=g&_facet_size=999999&_size=0", "g")["results"]) == 40
    assert len(facet(client, "/data/many.json?_facet=g&_size=0", "g")["results"]) == 30


def test_facets_that_take_too_long_are_named(serve: Serve) -> None:
    slow = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 4000000) select i as a from n"
    client = serve(data=f"create view v as {slow}", settings={"facet_time_limit_ms": 5, "sql_time_limit_ms": 20000})
    body = client.get("/data/v.json?_size=1&_facet=a&_extra=facets_timed_out").json()
    assert body["facet_results"] == {"results": {}, "timed_out": ["a"]}
    assert body["facets_timed_out"] == ["a"]
    assert client.get("/data/v?_size=1&_facet=a&_nocount=1").status_code == 200


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("_facet=staet", "did you mean 'state'?"),
        ("_facet_array=nope", "'nope'"),
        ("_facet_dat=made", "did you mean '_facet_date'?"),
        ("_facet=state&_facet_size=x", "_facet_size"),
        ("_facet=state&_nofacet=maybe", "_nofacet"),
    ],
)
def test_what_cannot_be_faceted(client: TestClient, query: str, says: str) -> None:
    response = client.get(f"/data/place.json?{query}")
    assert response.status_code == 400
    assert says in response.json()["error"]


def test_facets_can_be_left_out_or_switched_off(serve: Serve) -> None:
    client = serve(data=DATA)
    body = client.get("/data/place.json?_facet=state&_nofacet=1").json()
    assert body["facet_results"] == {"results": {}, "timed_out": []}
    assert "facet_results" not in client.get("/data/place.json").json()


def test_facets_of_visitors_can_be_switched_off_but_not_the_publishers(serve: Serve) -> None:
    said = {"facets": ["state", {"array": "tags"}, {"date": "made"}, "gone"], "facet_size": 1}
    client = serve(
        data=DATA,
        settings={"allow_facet": False, "suggest_facets": False},
        metadata={"databases": {"data": {"tables": {"place": said}}}},
    )
    assert client.get("/data/place.json?_facet=kind").status_code == 400
    body = client.get("/data/place.json?_extra=facet_results,suggested_facets,sorted_facet_results").json()
    found = body["facet_results"]["results"]
    assert [(name, each["type"], each["hideable"]) for name, each in found.items()] == [
        ("state", "column", False),
        ("tags", "array", False),
        ("made", "date", False),
    ]
    assert all(each["truncated"] and len(each["results"]) == 1 for each in found.values())
    assert body["suggested_facets"] == []
    assert sorted(each["name"] for each in body["sorted_facet_results"]) == ["made", "state", "tags"]


def test_suggestions(client: TestClient) -> None:
    body = client.get("/data/place.json?_extra=suggested_facets&_size=0").json()
    found = [(each["name"], each.get("type")) for each in body["suggested_facets"]]
    assert found == [("state", None), ("kind", None), ("mixed", None), ("made", "date"), ("tags", "array")]
    for each in body["suggested_facets"]:
        assert client.get(each["toggle_url"]).json()["facet_results"]["results"][each["name"]]["results"]
    again = client.get("/data/place.json?_extra=suggested_facets&_facet=state&_size=0").json()
    assert [each["name"] for each in again["suggested_facets"]] == ["kind", "mixed", "made", "tags"]
    assert client.get("/data/place.json?_extra=suggested_facets&_nosuggest=1").json()["suggested_facets"] == []
    narrowed = client.get("/data/place.json?_extra=suggested_facets&state=AT").json()["suggested_facets"]
    assert [each["name"] for each in narrowed] == ["made", "tags"]


def asked(client: TestClient, path: str) -> tuple[list[str], list[str]]:
    """Return the facets that are suggested, and the statements that looked for them."""
    body = client.get(f"{path}&_size=0&_extra=suggested_facets&_trace=1").json()
    looks = [each["sql"] for each in body["_trace"]["traces"] if "json_array_length" in each["sql"]]
    return [each["name"] for each in body["suggested_facets"]], looks


def test_what_the_bake_found_is_suggested_without_a_look(serve: Serve) -> None:
    client = serve(data=DATA, settings={"trace_debug": True})
    assert asked(client, "/data/place.json?_facet=state") == (["kind", "mixed", "made", "tags"], [])
    assert asked(client, "/data/place.json?_sort=state")[1] == []
    assert asked(client, "/data/many.json?_facet_size=40") == (["g"], [])
    assert asked(client, "/data/many.json?_facet_size=39") == ([], [])


def test_some_of_the_rows_are_looked_at_each_time(serve: Serve) -> None:
    client = serve(data=DATA, settings={"trace_debug": True})
    for _ in range(2):
        names, looks = asked(client, "/data/place.json?state=AT")
        assert (names, len(looks)) == (["made", "tags"], 1)


def test_a_view_by_the_day_is_looked_at_once(serve: Serve) -> None:
    data = DATA.replace("create view v as", "create view old as") + ";create view v as select * from old"
    client = serve(data=f"{data} where date('now') > '2000-01-01'", settings={"trace_debug": True})
    first, second = asked(client, "/data/v.json?_nocount=1"), asked(client, "/data/v.json?_facet_size=5")
    assert (first[0], len(first[1])) == (["state", "tags"], 1)
    assert second == (["state", "tags"], [])


def test_a_manifest_without_figures_has_the_rows_looked_at(tmp_path: Path) -> None:
    baked = baked_of(tmp_path, data=DATA, settings={"trace_debug": True})
    told = json.loads(baked.manifest.to_json())
    for table in told["databases"]["data"]["tables"].values():
        for column in table["columns"]:
            del column["figures"]
    (tmp_path / "manifest.json").write_text(json.dumps(told))
    with TestClient(create_app(Baked.open(tmp_path))) as client:
        names, looks = asked(client, "/data/place.json?_nocount=1")
        assert (names, len(looks)) == (["state", "kind", "mixed", "made", "tags"], 1)
        assert asked(client, "/data/place.json?_nocount=1") == (names, [])


def test_suggestions_that_take_too_long_are_none(serve: Serve) -> None:
    slow = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 4000000) select max(i) as a from n"
    client = serve(data=f"create view v as {slow}", settings={"sql_time_limit_ms": 20000})
    assert client.get("/data/v.json?_size=0&_extra=suggested_facets").json()["suggested_facets"] == []


def test_text_that_is_not_utf8_leads_to_its_rows(serve: Serve) -> None:
    client = serve(data="create table t(a); insert into t values(cast(x'41ff' as text)), (cast(x'41fe' as text))")
    found = client.get("/data/t.json?_facet=a&_size=0").json()["facet_results"]["results"]["a"]["results"]
    assert [each["count"] for each in found] == [1, 1]
    for each in found:
        assert len(client.get(each["toggle_url"].replace("_size=0&", "")).json()["rows"]) == 1


def test_a_blob_is_counted_but_leads_nowhere(client: TestClient) -> None:
    found = client.get("/data/place.json?_facet=mixed&id=4").json()["facet_results"]["results"]["mixed"]["results"]
    blob = {"$base64": True, "encoded": "AA=="}
    assert found == [{"value": blob, "label": blob, "count": 1, "toggle_url": None, "selected": False}]
    assert client.get("/data/place?_facet=mixed&id=4").status_code == 200


def test_a_reader_is_offered_what_lists_hold_and_not_lists_that_are_alike(serve: Serve) -> None:
    data = "create table t(tags text); insert into t values ('[1]'), ('[1]'), ('[2]')"
    client = serve(data=data)
    told = client.get("/data/t.json?_extra=suggested_facets").json()["suggested_facets"]
    assert [each.get("type") for each in told] == [None, "array"], "clients get what Datasette tells them"
    page = client.get("/data/t").text
    assert "_facet_array=tags" in page
    assert "_facet=tags" not in page.partition("<table")[0]
