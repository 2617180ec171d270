"""Crawlers: let in to plain pages, kept out of what has no end, told what each page is about."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.robotparser import RobotFileParser
from xml.etree import ElementTree as ET

import pytest
from starlette.testclient import TestClient

Serve = Callable[..., TestClient]

DATA = """
create table city(id integer primary key, name text, size integer);
insert into city values(1, 'Vienna', 5), (2, '</script><b>', 6);
create table inner_only(a); create view big as select name from city;
create table "odd name/?&"(a integer primary key);
"""
METADATA: dict[str, Any] = {
    "title": "World & <co>",
    "license": "CC0",
    "license_url": "https://example.org/cc0",
    "source": "Census </script>",
    "source_url": "https://example.org/census",
    "databases": {
        "data": {
            "tables": {
                "inner_only": {"hidden": True},
                "city": {"columns": {"size": "How big it is"}, "units": {"size": "km"}, "description": "Cities"},
            },
            "queries": {"biggest": "select max(size) from city"},
        }
    },
}


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(data=DATA, metadata=METADATA)


def allowed(text: str, agent: str, path: str) -> bool:
    """Read the rules as RFC 9309 says: the longest rule that matches decides, a permission before a prohibition."""
    groups: dict[str, list[tuple[str, str]]] = {}
    agents: list[str] = []
    begun = False
    for line in text.splitlines():
        name, _, value = (part.strip() for part in line.partition(":"))
        if name == "User-agent":
            agents = [value] if begun else [*agents, value]
            begun = False
        elif name in {"Allow", "Disallow"}:
            begun = True
            for each in agents:
                groups.setdefault(each, []).append((name, value))
    rules = groups.get(agent, groups["*"])
    matching = [(len(rule), name == "Allow") for name, rule in rules if matches(rule, path)]
    return max(matching, default=(0, True))[1]


def matches(rule: str, path: str) -> bool:
    pattern = "".join(".*" if letter == "*" else re.escape(letter) for letter in rule)
    return bool(rule) and re.match(pattern, path) is not None


PLAIN = ("/", "/data", "/data/city", "/data/city/1", "/data/biggest", "/-/static/style.css?_hash=1")
MAZES = (
    "/data/city?_facet=name",
    "/data/city?size=5&_sort=name",
    "/data/city?_next=x",
    "/data/-/query?sql=select+1",
    "/data/-/query",
    "/data/city.json",
    "/data/city.csv?_stream=on",
    "/data.db",
    "/-/versions",
)


def test_crawlers_are_kept_out_of_mazes_and_let_in_to_pages(client: TestClient) -> None:
    text = client.get("/robots.txt").text
    assert all(allowed(text, "Anybot", path) for path in PLAIN)
    assert not any(allowed(text, "Anybot", path) for path in MAZES)
    assert all(allowed(text, "Claude-User", path) for path in (*PLAIN, *MAZES))
    assert "Sitemap: http://testserver/sitemap.xml\n" in text
    assert client.get("/robots.txt").headers["content-type"] == "text/plain; charset=utf-8"


def test_another_reader_of_the_rules_agrees(client: TestClient) -> None:
    parser = RobotFileParser()
    parser.parse(client.get("/robots.txt").text.splitlines())
    assert parser.can_fetch("Anybot", "http://testserver/data/city")
    assert not parser.can_fetch("Anybot", "http://testserver/-/versions")
    assert parser.can_fetch("ChatGPT-User", "http://testserver/-/versions")
    assert parser.site_maps() == ["http://testserver/sitemap.xml"]


def test_a_publisher_lets_in_all_or_none(serve: Serve) -> None:
    assert "Disallow" not in serve(data=DATA, settings={"crawlers": "all"}).get("/robots.txt").text


def test_none_are_let_in(serve: Serve) -> None:
    client = serve(data=DATA, settings={"crawlers": "none"})
    assert not allowed(client.get("/robots.txt").text, "Claude-User", "/data")
    assert "<loc>" not in client.get("/sitemap.xml").text
    page = client.get("/data/city").text
    assert '<meta name="robots" content="noindex">' in page
    assert "ld+json" not in page


def test_the_sitemap_names_what_a_reader_finds(client: TestClient) -> None:
    root = ET.fromstring(client.get("/sitemap.xml").text)  # noqa: S314 - our own
    found = [str(each.text) for each in root.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    names = ["/", "/data", "/data/biggest", "/data/big", "/data/city", "/data/odd+name~2F~3F~26"]
    assert sorted(found) == sorted(f"http://testserver{name}" for name in names)
    for each in found:
        assert client.get(each).status_code == 200


def test_both_know_the_path_and_the_public_address(serve: Serve) -> None:
    client = serve(data=DATA, settings={"base_url": "/here/", "public_url": "https://data.example.org"})
    text = client.get("/here/robots.txt").text
    assert "Sitemap: https://data.example.org/here/sitemap.xml" in text
    assert allowed(text, "Anybot", "/here/data/city")
    assert not allowed(text, "Anybot", "/here/-/versions")
    assert "<loc>https://data.example.org/here/data/city</loc>" in client.get("/here/sitemap.xml").text
    page = client.get("/here/data/city?_size=1").text
    assert '<link rel="canonical" href="https://data.example.org/here/data/city">' in page


def linked(page: str) -> dict[str, Any] | None:
    found = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert len(found) < 2
    return json.loads(found[0]) if found else None


def test_a_table_says_what_it_is(client: TestClient) -> None:
    thing = linked(client.get("/data/city").text)
    assert thing is not None
    assert (thing["@context"], thing["@type"], thing["name"]) == ("https://schema.org", "Dataset", "city")
    assert thing["description"] == "Cities. city: 2 rows of id, name, size"
    assert thing["license"] == "https://example.org/cc0"
    assert thing["creator"]["name"] == "Census </script>"
    size = next(each for each in thing["variableMeasured"] if each["name"] == "size")
    assert (size["description"], size["unitText"]) == ("How big it is", "km")
    for each in thing["distribution"]:
        answer = client.get(each["contentUrl"])
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(each["encodingFormat"])


def test_a_database_and_the_index_say_what_they_are(client: TestClient) -> None:
    database = linked(client.get("/data").text)
    index = linked(client.get("/").text)
    assert database is not None
    assert index is not None
    assert database["distribution"][0]["contentUrl"] == "http://testserver/data.db"
    assert "inner_only" not in database["description"]
    assert (index["@type"], index["name"]) == ("DataCatalog", "World & <co>")
    assert [each["url"] for each in index["dataset"]] == ["http://testserver/data"]


def test_a_filtered_page_leads_to_the_plain_one(client: TestClient) -> None:
    page = client.get("/data/city?size=5").text
    assert '<link rel="canonical" href="http://testserver/data/city">' in page
    assert linked(page) is None
    assert '<meta name="robots" content="noindex">' in client.get("/data/-/query?sql=select+1").text
    assert '<link rel="canonical" href="http://testserver/">' in client.get("/-/").text


def test_a_cdn_may_keep_longer_where_it_is_told(serve: Serve) -> None:
    client = serve(data=DATA, settings={"shared_cache_ttl": 31536000})
    assert client.get("/data/city.json").headers["cache-control"] == "max-age=5, s-maxage=31536000"
    assert client.get("/data.db").headers["cache-control"] == "max-age=5, s-maxage=31536000"
    assert client.get("/data/city.json?_ttl=9").headers["cache-control"] == "max-age=9"
    assert client.get("/data/city.json?_ttl=0").headers["cache-control"] == "no-cache"
    assert client.get("/data/nope.json").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "weak"), [("/data/city.json", False), ("/data/city", False), ("/data/city/1.json", True)]
)
def test_tags_are_strong_where_the_bytes_are_the_same(client: TestClient, path: str, *, weak: bool) -> None:
    first, second = client.get(path), client.get(path)
    tag = first.headers["etag"]
    assert tag.startswith("W/") is weak
    assert weak or first.content == second.content
    for asked in (tag, f"W/{tag.removeprefix('W/')}"):
        assert client.get(path, headers={"if-none-match": asked}).status_code == 304
