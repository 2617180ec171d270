"""Metadata files of the shapes that are in use: they work as they are, and every key does what it says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from baking import baked_of
from starlette.testclient import TestClient

from baked_core.app import create_app
from baked_publish.config import Config, load

WILD = Path(__file__).with_name("wild")
DATA = """
create table inspections(id integer primary key, name text, town text, grade integer, held text, topics text,
  distance real, website text, details text, place text, lat real, lng real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 60) insert into inspections
select i, 'School ' || i, 'Town ' || (i % 7), i % 5 + 1, date('2020-01-01', i || ' days'), '["noise", "light"]',
  i / 2.0, 'https://example.org/' || i, '{"a": 1}', '1,2', 1.0, 2.0 from n;
create virtual table inspections_fts using fts5(name, content='inspections', content_rowid='id');
insert into inspections_fts(inspections_fts) values('rebuild');
create table drafts(id integer primary key, text text);
create view summary as select town, count(*) as n from inspections group by town;
"""
FILES = {"site/static/static/site.css": "body { color: #111 }", "site/static/static/map.js": ""}


@pytest.fixture
def config(request: pytest.FixtureRequest) -> Config:
    return load([WILD / str(request.param)])


@pytest.fixture
def client(tmp_path: Path, config: Config) -> Iterator[TestClient]:
    baked = baked_of(tmp_path, metadata=config.metadata, settings=config.settings, files=FILES, schools=DATA)
    assert [warning for warning in config.check(baked.manifest.databases) if "nothing here" not in warning] == []
    with TestClient(create_app(baked), follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize("config", ["metadata.yml"], indirect=True)
def test_a_metadata_file_of_065(client: TestClient, config: Config) -> None:
    assert config.own == ("homepage_intro",)
    index = client.get("/")
    assert "School inspections" in index.text
    assert "<em>inspection</em>" in index.text
    assert "https://cdn.example.org" in index.headers["content-security-policy"]
    page = client.get("/schools/inspections").text
    for text in ("From 1, the best, to 5", "sorted by held descending", "One row an <b>inspection</b>", "km"):
        assert text in page
    database = client.get("/schools").text
    assert "By town" in database
    assert "Inspections in a town" in database
    assert "/schools/by_town#map" in database
    rows = client.get("/schools/inspections.json?_extra=facet_results").json()
    assert len(rows["rows"]) == 10
    assert set(rows["facet_results"]["results"]) == {"town", "topics", "held"}
    assert len(rows["facet_results"]["results"]["town"]["results"]) == 5
    assert rows["rows"][0]["id"] == 60
    assert client.get("/schools/inspections.json?_sort=lat").status_code == 400
    assert client.get("/schools/summary.json?_sort=n").status_code == 400
    assert len(client.get("/schools/inspections.json?_search=name:scho*").json()["rows"]) == 10
    assert len(client.get("/schools/by_town.json?town=Town+1&_shape=array").json()) == 9
    assert len(client.get("/schools/worst.json?_shape=array").json()) == 10


@pytest.mark.parametrize("config", ["datasette.yaml"], indirect=True)
def test_a_configuration_of_1(client: TestClient, config: Config) -> None:
    assert config.own == ()
    answer = client.get("/data/schools/inspections.json?_extra=column_types,count")
    assert (len(answer.json()["rows"]), answer.json()["count"]) == (20, 60)
    assert answer.json()["column_types"]["place"] == {"type": "point", "config": {"map": True}}
    assert answer.headers["cache-control"] == "max-age=60"
    assert answer.json()["next_url"].startswith("https://testserver/data/schools/inspections.json?")
    assert 'href="https://example.org/1"' in client.get("/data/schools/inspections").text
    assert "The worst" in client.get("/data/schools").text
    settings = client.get("/data/-/settings.json").json()
    assert (settings["sql_time_limit_ms"], settings["suggest_facets"], settings["max_csv_mb"]) == (3500, False, 500)
