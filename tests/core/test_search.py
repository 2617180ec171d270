"""Full-text search finds the same rows as SQLite asked by hand; what it cannot understand is said."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

Serve = Callable[..., TestClient]

DATA = """
create table article(id integer primary key, title text, body text);
insert into article values(1, 'apple pie', 'sweet "quoted" words'), (2, 'banana split', 'cold apple');
insert into article values(3, 'o''neil', 'red');
create virtual table article_fts using fts5(title, body, content="article");
insert into article_fts(article_fts) values('rebuild');
create view fruit as select id as number, title from article;
create table plain(a text);
"""


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(data=DATA)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("_search=apple", [1, 2]),
        ("_search=apple+pie", [1]),
        ('_search="pie+apple"', []),
        ('_search="apple+pie"', [1]),
        ("_search=o'neil", [3]),
        ("_search=APPLE+-+*", [1, 2]),
        ("_search=quoted%22", [1]),
        ("_search_title=apple", [1]),
        ("_search_body=apple", [2]),
        ("_search_title=banana&_search_body=apple", [2]),
        ("_search=app*&_searchmode=raw", [1, 2]),
        ("_search=app*", []),
        ("_search=title:apple&_searchmode=raw", [1]),
        ("_search=apple+OR+red&_searchmode=raw", [1, 2, 3]),
        ("_search=apple&id__gt=1", [2]),
        ("_search=", [1, 2, 3]),
        ("_search=apple&_fts_table=article_fts&_fts_pk=id", [1, 2]),
    ],
)
def test_search(client: TestClient, query: str, ids: list[int]) -> None:
    body = client.get(f"/data/article.json?_shape=arrayfirst&{query}").json()
    assert body == ids
    assert client.get(f"/data/article.json?_size=0&_extra=count&{query}").json()["count"] == len(ids)
    assert client.get(f"/data/article?{query}").status_code == 200


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("article.json?_search=%22", "no word"),
        ("article.json?_search=%22&_searchmode=raw", "double quotes"),
        ("article.json?_search=x&_searchmode=rwa", "did you mean 'raw'?"),
        ("article.json?_searchmode=rwa", "did you mean 'raw'?"),
        ("article.json?_fts_pk=idd", "did you mean 'id'?"),
        ("article.json?_fts_table=article_ftss", "did you mean 'article_fts'?"),
        ("article.json?_search_titel=x", "did you mean 'title'?"),
        ("plain.json?_search=x", "__contains"),
        ("article.json?_search=x&_fts_table=article_ftss", "did you mean 'article_fts'?"),
        ("article.json?_search=x&_fts_table=article", "no full-text table"),
        ("article.json?_search=x&_fts_pk=idd", "did you mean 'id'?"),
        ("article.json?_saerch=x", "did you mean '_search'?"),
    ],
)
def test_what_cannot_be_searched(client: TestClient, path: str, says: str) -> None:
    response = client.get(f"/data/{path}")
    assert response.status_code == 400
    assert says in response.json()["error"]
    assert "fts5:" not in response.text


def test_the_full_text_table_itself_can_be_searched(client: TestClient) -> None:
    assert client.get("/data/article_fts.json?_shape=arrayfirst&_search=banana").json() == [2]


def test_metadata_makes_a_view_searchable_and_raw(serve: Serve) -> None:
    said = {"fts_table": "article_fts", "fts_pk": "number", "searchmode": "raw"}
    client = serve(data=DATA, metadata={"databases": {"data": {"tables": {"fruit": said}}}})
    assert client.get("/data/fruit.json?_shape=arrayfirst&_search=app*").json() == [1, 2]
    assert client.get("/data/fruit.json?_shape=arrayfirst&_search=app*&_searchmode=escaped").json() == []


def test_a_column_named_like_a_search_is_a_column(serve: Serve) -> None:
    client = serve(data="create table t(_search_x); insert into t values('a'), ('b')")
    assert client.get("/data/t.json?_shape=array&_search_x=a").json() == [{"rowid": 1, "_search_x": "a"}]


def test_what_metadata_says_of_an_index_that_is_not_there_does_no_harm(serve: Serve) -> None:
    tables = {"plain": {"fts_pk": "idd"}}
    client = serve(data=DATA, metadata={"databases": {"data": {"tables": tables}}})
    assert client.get("/data/plain").status_code == 200
    assert client.get("/data/plain.json").status_code == 200
