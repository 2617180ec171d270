"""Atom feeds (RFC 4287) of tables, views and queries whose columns are named ``atom_*``."""

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from starlette.testclient import TestClient

Serve = Callable[..., TestClient]

ATOM = "{http://www.w3.org/2005/Atom}"
DATA = """
create table news(id integer primary key, title text, at text, url text, body text, writer text);
insert into news values
    (1, 'Fire & <smoke>', '2026-11-24 09:30:00', 'https://example.org/1', '<p>Hot</p>', 'Ada'),
    (2, 'Bell' || char(7), '2026-11-25T12:00:00+02:00', 'javascript:alert(1)', null, null),
    (3, 'Date only', '2026-11-23', '/data/news/3', null, null);
create view feed as select id as atom_id, title as atom_title, at as atom_updated, url as atom_link from news;
create view broken as select id as atom_id, title as atom_title, 'soon' as atom_updated from news;
create view bytes as select x'00' as atom_id, title as atom_title, at as atom_updated from news;
"""
SQL = (
    "select 'tag:example.org,2026:' || id as atom_id, title as atom_title, at as atom_updated, url as atom_link, "
    "body as atom_content_html, writer as atom_author_name from news where title like '%' || :word || '%' order by id"
)


@pytest.fixture
def client(serve: Serve) -> TestClient:
    said: dict[str, Any] = {"queries": {"latest": {"sql": SQL, "title": "Latest & best", "license": "CC0"}}}
    return serve(data=DATA, metadata={"title": "The Paper", "databases": {"data": said}})


def feed(client: TestClient, path: str) -> ET.Element:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/atom+xml"
    root = ET.fromstring(answer.content)  # noqa: S314 - our own
    assert root.tag == f"{ATOM}feed"
    for each in [root, *root.findall(f"{ATOM}entry")]:
        for name in ("id", "title", "updated"):
            assert len(each.findall(f"{ATOM}{name}")) == 1, f"RFC 4287 wants one {name}"
    return root


def told(element: ET.Element, name: str) -> str | None:
    return element.findtext(f"{ATOM}{name}")


def test_a_query_is_a_feed(client: TestClient) -> None:
    root = feed(client, "/data/latest.atom?word=")
    assert told(root, "title") == "Latest & best"
    assert told(root, "updated") == "2026-11-25T10:00:00Z"
    assert told(root, "rights") == "CC0"
    assert root.findtext(f"{ATOM}author/{ATOM}name") == "The Paper"
    links = {link.get("rel"): link.get("href") for link in root.findall(f"{ATOM}link")}
    assert links == {
        "self": "http://testserver/data/latest.atom?word=",
        "alternate": "http://testserver/data/latest?word=",
    }
    first, second, third = root.findall(f"{ATOM}entry")
    assert told(first, "id") == "tag:example.org,2026:1"
    assert told(first, "title") == "Fire & <smoke>"
    assert told(first, "updated") == "2026-11-24T09:30:00Z"
    content = first.find(f"{ATOM}content")
    assert content is not None
    assert (content.get("type"), content.text) == ("html", "<p>Hot</p>")
    assert first.findtext(f"{ATOM}author/{ATOM}name") == "Ada"
    assert told(second, "title") == "Bell\ufffd", "XML cannot hold control characters"
    hrefs = [entry.find(f"{ATOM}link") for entry in (first, second, third)]
    assert [None if each is None else each.get("href") for each in hrefs] == [
        "https://example.org/1",
        "http://testserver/data/latest?word=",
        "http://testserver/data/news/3",
    ]


def test_a_feed_takes_the_values_of_its_query(client: TestClient) -> None:
    root = feed(client, "/data/latest.atom?word=Fire")
    assert len(root.findall(f"{ATOM}entry")) == 1


def test_a_view_and_a_visitors_sql_are_feeds_too(client: TestClient) -> None:
    entries = feed(client, "/data/feed.atom?_size=2").findall(f"{ATOM}entry")
    assert [told(each, "id") for each in entries] == [f"http://testserver/data/feed?_size=2#{n}" for n in (1, 2)]
    sql = "select 'urn:x' as atom_id, 'T' as atom_title, '2026-01-01' as atom_updated"
    answer = client.get("/data/-/query.atom", params={"sql": sql})
    assert "<id>urn:x</id>" in answer.text
    assert "<updated>2026-01-01T00:00:00Z</updated>" in answer.text


def test_the_page_leads_to_its_feed(client: TestClient) -> None:
    page = client.get("/data/feed").text
    assert '<link rel="alternate" type="application/atom+xml" title="feed" href="/data/feed.atom">' in page
    assert "application/atom+xml" not in client.get("/data/news").text
    assert "application/atom+xml" in client.get("/data/latest?word=").text


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/data/news.atom", "a feed needs columns named atom_id, atom_title, atom_updated; there is no atom_id"),
        ("/data/broken.atom", "atom_updated of entry 1 is 'soon': a feed needs a time such as 2026-11-25T12:00:00Z"),
        ("/data/bytes.atom", "a feed holds text: an atom_ column has binary data in it"),
        ("/data/-/query.atom?sql=select", "incomplete input"),
    ],
)
def test_rows_that_are_no_entries_are_refused_by_name(client: TestClient, path: str, message: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert message in answer.json()["error"]


def test_a_feed_without_entries_is_one(client: TestClient) -> None:
    assert feed(client, "/data/latest.atom?word=nowhere").findall(f"{ATOM}entry") == []
