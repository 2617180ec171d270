"""Canned queries: the publisher's SQL, a visitor's values, and what the request itself brings."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

Serve = Callable[..., TestClient]

DATA = "create table trees(id integer primary key, name, height); insert into trees values(1, 'oak', 20), (2, 'ash', 9)"


def asked(serve: Serve, queries: dict[str, Any], **settings: Any) -> TestClient:
    return serve(data=DATA, metadata={"databases": {"data": {"queries": queries}}}, settings=settings)


def test_a_query_answers_in_every_format_by_its_name(serve: Serve) -> None:
    client = asked(serve, {"tall": "select name, height from trees where height > cast(:least as integer)"})
    assert client.get("/data/tall.json?least=10").json() == {
        "ok": True,
        "rows": [{"name": "oak", "height": 20}],
        "truncated": False,
    }
    assert client.get("/data/tall.csv?least=0").text.splitlines() == ["name,height", "oak,20", "ash,9"]
    page = client.get("/data/tall?least=10").text
    assert 'name="least" value="10"' in page
    assert "oak" in page
    assert ">ash<" not in page


def test_its_words_stand_on_its_page_and_on_the_database_page(serve: Serve) -> None:
    said = {"sql": "select 1 as one", "title": "Just <one>", "description_html": "<b>Bold</b>", "source": "Us"}
    client = asked(serve, {"odd name/1": said})
    database = client.get("/data").text
    url = "/data/odd+name~2F1"
    assert f'href="{url}"' in database
    assert "Just &lt;one&gt;" in database
    page = client.get(url).text
    assert "<h1>Just &lt;one&gt;</h1>" in page
    assert "<b>Bold</b>" in page
    assert "Us</dd>" in page
    assert client.get(f"{url}.json?_shape=array").json() == [{"one": 1}]
    assert client.get("/data.json").json()["queries_count"] == 1


def test_an_argument_that_the_query_does_not_have_is_refused(serve: Serve) -> None:
    client = asked(serve, {"q": "select :name as x", "told": {"sql": "select 1 as x", "params": ["name"]}})
    response = client.get("/data/q.json?nmae=1")
    assert response.status_code == 400
    assert "did you mean 'name'?" in response.json()["error"]
    assert client.get("/data/q.json?sql=select+2").status_code == 400
    assert client.get("/data/told.json?name=1").status_code == 200
    assert client.get("/data/q.json").json()["rows"] == [{"x": ""}]


def test_a_table_goes_before_a_query_of_its_name(serve: Serve) -> None:
    client = asked(serve, {"trees": "select 'no' as x"})
    assert client.get("/data/trees.json?_shape=array").json()[0] == {"id": 1, "name": "oak", "height": 20}


def test_it_runs_where_sql_of_a_visitor_does_not(serve: Serve) -> None:
    client = asked(serve, {"q": "select 1 as x"}, default_allow_sql=False)
    assert client.get("/data/q.json").status_code == 200
    assert client.get("/data/-/query.json?sql=select+1").status_code == 403
    assert "/data/-/query" not in client.get("/data/q").text


@pytest.mark.parametrize(
    "sql", ["delete from trees", "attach 'x' as y", "select nope from trees", "select 1; select 2"]
)
def test_it_can_only_read(serve: Serve, sql: str) -> None:
    client = asked(serve, {"q": sql})
    assert client.get("/data/q.json").status_code == 400
    assert client.get("/data/q").status_code == 400
    assert client.get("/data/trees.json?_shape=array").status_code == 200


def test_magic_parameters_come_from_the_request_and_are_not_kept(serve: Serve) -> None:
    sql = """select :_header_x_colour as colour, :_header_nothing as unsent, :_cookie_a as cookie, :_now_epoch as now,
    :_now_date_utc as date, :_now_datetime_utc as time, :_random_chars_9 as random, :_actor_id as actor, :own as own"""
    client = asked(serve, {"q": sql})
    sent = {"x-colour": "red", "cookie": "a=1; b=2"}
    response = client.get("/data/q.json?own=3&_shape=array", headers=sent)
    assert response.status_code == 200, response.text
    row = response.json()[0]
    assert abs(row["now"] - time.time()) < 60
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["time"])
    assert row["date"] == row["time"][:10]
    assert len(row["random"]) == 9
    assert {name: row[name] for name in ("colour", "unsent", "cookie", "actor", "own")} == {
        "colour": "red",
        "unsent": "",
        "cookie": "1",
        "actor": None,
        "own": "3",
    }
    assert response.headers["cache-control"] == "private, no-store"
    assert "etag" not in response.headers
    page = client.get("/data/q").text
    assert 'name="own"' in page
    assert "_header_x_colour" not in re.sub(r"<pre.*?</pre>", "", page, flags=re.DOTALL)


def test_magic_is_for_canned_queries_only(serve: Serve) -> None:
    client = asked(serve, {})
    rows = client.get("/data/-/query.json", params={"sql": "select :_header_host as x"}).json()["rows"]
    assert rows == [{"x": ""}]


def test_its_sql_can_be_hidden_and_shown(serve: Serve) -> None:
    sql = "select 'needle' as x"
    client = asked(serve, {"open": {"sql": sql}, "shut": {"sql": sql, "hide_sql": True, "fragment": "map"}})
    assert "select &#39;needle&#39;" in client.get("/data/open").text
    assert "select &#39;needle&#39;" not in client.get("/data/open?_hide_sql=1").text
    assert "select &#39;needle&#39;" not in client.get("/data/shut").text
    assert "select &#39;needle&#39;" in client.get("/data/shut?_show_sql=1").text
    assert 'href="/data/shut#map"' in client.get("/data").text


def test_templates_are_found_by_the_name_of_the_query(serve: Serve) -> None:
    metadata = {"databases": {"data": {"queries": {"a b": "select 1 as x"}}}}
    files = {"site/templates/query-data-a+b.html": "special {{ page.title }}"}
    client = serve(data=DATA, metadata=metadata, files=files)
    assert client.get("/data/a+b").text == "special a b"
