"""Labels stand beside a foreign key's value, and are read only where that is quick."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

Serve = Callable[..., TestClient]

DATA = """
create table kind(id integer primary key, Name text, more text);
insert into kind values(1, 'city', 'x'), (2, null, 'y');
create table pair(code text primary key, word text); insert into pair values('a', 'Alpha'), ('b', x'00');
create table place(id integer primary key, kind integer references kind(id), pair text references pair(code),
  parent integer references place(id), title text, kind_label text);
insert into place values(1, 1, 'a', null, 'Top', 'own'), (2, 2, 'b', 1, 'Below', null), (3, 9, null, 3, 'Self', null);
"""
ALL: list[dict[str, object]] = [
    {"id": 1, "kind": {"value": 1, "label": "city"}, "pair": {"value": "a", "label": "Alpha"}, "parent": None},
    {
        "id": 2,
        "kind": 2,
        "pair": {"value": "b", "label": {"$base64": True, "encoded": "AA=="}},
        "parent": {"value": 1, "label": "Top"},
    },
    {"id": 3, "kind": 9, "pair": None, "parent": {"value": 3, "label": "Self"}},
]
PART = "_col=kind&_col=pair&_col=parent"


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(data=DATA)


def test_all_labels(client: TestClient) -> None:
    assert client.get(f"/data/place.json?_labels=on&{PART}").json()["rows"] == ALL
    assert client.get(f"/data/place.json?_labels=on&_shape=array&{PART}").json() == ALL
    arrays = client.get(f"/data/place.json?_labels=on&_shape=arrays&{PART}").json()["rows"]
    assert arrays == [list(row.values()) for row in ALL]
    assert client.get(f"/data/place.json?_labels=off&{PART}").json()["rows"][0]["kind"] == 1


def test_one_label(client: TestClient) -> None:
    row = client.get(f"/data/place.json?_label=kind&{PART}&_size=1").json()["rows"][0]
    assert row == {"id": 1, "kind": {"value": 1, "label": "city"}, "pair": "a", "parent": None}


def test_pages_with_labels_follow_each_other(client: TestClient) -> None:
    found, path = [], "/data/place.json?_labels=on&_sort_desc=parent&_size=1&_shape=arrays&_col=title"
    while path:
        body = client.get(path).json()
        found += [row[0] for row in body["rows"]]
        path = body["next_url"]
    assert found == [3, 2, 1]


@pytest.mark.parametrize("how", ["", "&_stream=on"])
def test_csv_has_a_column_for_each_label(client: TestClient, how: str) -> None:
    text = client.get(f"/data/place.csv?_labels=on&{PART}{how}").text
    assert text.splitlines() == [
        "id,kind,kind_label,pair,pair_label,parent,parent_label",
        "1,1,city,a,Alpha,,",
        "2,2,,b,AA==,1,Top",
        "3,9,,,,3,Self",
    ]


@pytest.mark.parametrize(
    ("query", "says"),
    [("_label=kidn", "did you mean 'kind'?"), ("_label=title", "no labels"), ("_labels=maybe", "on or off")],
)
def test_what_has_no_labels(client: TestClient, query: str, says: str) -> None:
    response = client.get(f"/data/place.json?{query}")
    assert response.status_code == 400
    assert says in response.json()["error"]


def test_metadata_names_the_label_column(serve: Serve) -> None:
    said = {"kind": {"label_column": "more"}, "pair": {"label_column": "gone"}}
    client = serve(data=DATA, metadata={"databases": {"data": {"tables": said}}})
    row = client.get(f"/data/place.json?_labels=on&{PART}&_size=1").json()["rows"][0]
    assert (row["kind"], row["pair"]) == ({"value": 1, "label": "x"}, "a")


def test_a_label_that_no_index_leads_to_is_not_looked_for(serve: Serve) -> None:
    numbers = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 600)"
    many = f"{numbers} insert into far select i, 'x' from n"
    client = serve(
        data=f"create table far(id, name); {many}; create table t(far references far(id)); insert into t values(5)"
    )
    assert client.get("/data/t.json?_labels=on&_shape=array").json() == [{"rowid": 1, "far": 5}]
    assert client.get("/data/t.json?_extra=expandable_columns").json()["expandable_columns"] == []
