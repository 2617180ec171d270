"""Rows found through another table that refers to them."""

import json
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

Serve = Callable[..., TestClient]

DATA = """
create table article(id integer primary key, title text);
create table tag(id integer primary key, tag text);
create table article_tag(article_id integer references article(id), tag_id integer references tag(id));
create table pair(a, b, primary key(a, b));
create table of_pair(x, y, z text, foreign key(x, y) references pair(a, b));
insert into article values(1, 'one'), (2, 'two'), (3, 'three');
insert into tag values(1, 'red'), (2, 'blue');
insert into article_tag values(1, 1), (1, 2), (3, 2);
insert into pair values(1, 1), (1, 2); insert into of_pair values(1, 2, 'z');
create view v as select * from article;
"""


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(data=DATA)


def asked(table: str, column: str, value: object) -> dict[str, str]:
    return {"_through": json.dumps({"table": table, "column": column, "value": value}), "_shape": "arrayfirst"}


@pytest.mark.parametrize(("value", "ids"), [("1", [1]), ("2", [1, 3]), (2, [1, 3]), ("9", [])])
def test_rows_through_a_table(client: TestClient, value: object, ids: list[int]) -> None:
    assert client.get("/data/article.json", params=asked("article_tag", "tag_id", value)).json() == ids


def test_through_a_key_of_two_columns(client: TestClient) -> None:
    params = {**asked("of_pair", "z", "z"), "_shape": "arrays"}
    assert client.get("/data/pair.json", params=params).json()["rows"] == [[1, 2]]


def test_it_is_said_in_english(client: TestClient) -> None:
    page = client.get("/data/article", params={"_through": asked("article_tag", "tag_id", "2")["_through"]}).text
    assert "2 rows where article_tag.tag_id = 2" in page


@pytest.mark.parametrize(
    ("path", "through", "says"),
    [
        ("article", '{"table": "article_tga", "column": "tag_id", "value": "1"}', "did you mean 'article_tag'?"),
        ("article", '{"table": "article_tag", "column": "tagid", "value": "1"}', "did you mean 'tag_id'?"),
        ("article", '{"table": "pair", "column": "a", "value": "1"}', "refers to 'article'"),
        ("article", '{"table": "article_tag", "column": "tag_id"}', "JSON object"),
        ("article", '{"table": "article_tag", "column": "tag_id", "value": []}', "JSON object"),
        ("article", "[]", "JSON object"),
        ("article", "nope", "JSON object"),
        ("v", '{"table": "article_tag", "column": "tag_id", "value": "1"}', "refers to 'v'"),
    ],
)
def test_what_leads_nowhere(client: TestClient, path: str, through: str, says: str) -> None:
    response = client.get(f"/data/{path}.json", params={"_through": through})
    assert response.status_code == 400
    assert says in response.json()["error"]
