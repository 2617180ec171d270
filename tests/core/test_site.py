"""The publisher's own templates, plugins, static files and metadata."""

import re
from collections.abc import Callable
from hashlib import sha256

import pytest
from starlette.testclient import TestClient

from baked_core.errors import ManifestError
from baked_core.renderers.naming import css_class
from baked_core.static import templates

Serve = Callable[..., TestClient]

DATA = "create table t(id integer primary key, a); insert into t values(1, 'x'); create table u(a); create table s(a)"
PLUGIN = """
from baked_core.hookspecs import hookimpl

@hookimpl
def prepare_connection(connection, database):
    connection.create_scalar_function("shout", lambda text: text.upper() + "!")

@hookimpl
def extra_template_vars(page):
    return {"greeting": f"Hello {page.title}"}

@hookimpl
def asgi_wrapper(app):
    async def wrapped(scope, receive, send):
        async def add(message):
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-plugin", b"yes"))
            await send(message)
        await app(scope, receive, add)
    return wrapped
"""


def test_templates_are_found_by_their_names(serve: Serve) -> None:
    files = {
        "site/templates/table-data-t.html": "special {{ page.title }}",
        "site/templates/table.html": '{% extends "default:table.html" %}{% block title %}mine{% endblock %}',
    }
    client = serve(data=DATA, files=files)
    assert client.get("/data/t").text == "special t"
    assert "<title>mine" in client.get("/data/u").text
    assert "<title>data" in client.get("/data").text


def test_plugins(serve: Serve) -> None:
    files = {"site/plugins/loud.py": PLUGIN, "site/templates/index.html": "{{ greeting }}"}
    client = serve(data=DATA, files=files)
    response = client.get("/")
    assert response.text == "Hello data"
    assert response.headers["x-plugin"] == "yes"
    assert client.get("/data/-/query.json?sql=select+shout('a')+as+s").json()["rows"] == [{"s": "A!"}]


@pytest.mark.parametrize("source", ["import nothing_of_that_name", "def (", "raise RuntimeError('no')"])
def test_a_broken_plugin_is_named(serve: Serve, source: str) -> None:
    with pytest.raises(ManifestError, match=r"bad\.py"):
        serve(data=DATA, files={"site/plugins/bad.py": source})


def test_static_files_of_the_site(serve: Serve) -> None:
    client = serve(data=DATA, files={"site/static/assets/css/x.css": "a{}", "site/plugins.txt": "secret"})
    assert client.get("/assets/css/x.css").text == "a{}"
    assert client.get("/assets/none.css").status_code == 404
    for path in ("/assets/../../plugins.txt", "/assets/%2e%2e/%2e%2e/plugins.txt", "/assets/..%2f..%2fplugins.txt"):
        assert client.get(path).status_code == 404


def test_own_static_files_may_be_kept_for_ever(serve: Serve) -> None:
    client = serve(data=DATA)
    digest = sha256((templates() / "static/style.css").read_bytes()).hexdigest()[:16]
    url = f"/-/static/style.css?_hash={digest}"
    assert url in client.get("/").text
    response = client.get(url)
    assert response.headers["content-type"].startswith("text/css")
    assert "immutable" in response.headers["cache-control"]
    assert "immutable" not in client.get("/-/static/style.css?_hash=old").headers["cache-control"]
    assert client.get(url, headers={"if-none-match": response.headers["etag"]}).status_code == 304
    assert client.get("/-/static/base.html").status_code == 404
    assert client.get("/-/static/..%2fbase.html").status_code == 404


def test_metadata_is_shown(serve: Serve) -> None:
    table = {
        "description": "One & only",
        "columns": {"a": "The letter"},
        "units": {"id": "m"},
        "sort_desc": "a",
        "size": 7,
    }
    metadata = {
        "title": "My site",
        "license": "CC0",
        "license_url": "https://example.org/cc0",
        "source_url": "javascript:alert(1)",
        "databases": {"data": {"source": "The office", "tables": {"t": table, "u": {"hidden": True}}}},
    }
    client = serve(data=DATA, metadata=metadata)
    assert "<h1>My site</h1>" in client.get("/").text
    page = client.get("/data/t").text
    for text in ("One &amp; only", "The letter", '<span class="unit">m</span>', "The office", "sorted by a descending"):
        assert text in page
    assert '<a href="https://example.org/cc0">CC0</a>' in page
    assert "javascript:" not in client.get("/").text
    assert "1 hidden table" in client.get("/data").text
    listed = {t["name"]: t["hidden"] for t in client.get("/data.json").json()["tables"]}
    assert listed == {"s": False, "t": False, "u": True}


NAMES = {
    "index.html": "/",
    "database.html": "/data",
    "database-data.html": "/data",
    "table-data-my~2Etable.html": "/data/my~2Etable",
    f"table-data-{css_class('my.table')}.html": "/data/my~2Etable",
    "table.html": "/data/my~2Etable",
    "row-data-my~2Etable.html": "/data/my~2Etable/1",
    "row.html": "/data/my~2Etable/1",
    "_table-data-my~2Etable.html": "/data/my~2Etable",
    "_table.html": "/data/my~2Etable",
    "query-data-one.html": "/data/one",
    "query-data.html": "/data/-/query?sql=select+1",
    "query.html": "/data/one",
    "document.html": "/-/versions",
    "error-404.html": "/data/none",
    "error.html": "/data/none",
}
"""What a publisher may write, and a page that shows it."""


@pytest.mark.parametrize("name", NAMES)
def test_a_template_of_the_publishers_goes_before_ours(serve: Serve, name: str) -> None:
    client = serve(
        data='create table "my.table"(id integer primary key); insert into "my.table" values (1)',
        files={f"site/templates/{name}": "mine: {{ title }}"},
        metadata={"databases": {"data": {"queries": {"one": "select 1"}}}},
    )
    assert "mine: " in client.get(NAMES[name]).text


def test_the_more_special_template_goes_first(serve: Serve) -> None:
    files = {f"site/templates/{name}.html": name for name in ("table", "table-data-t", "row", "row-data-t")}
    client = serve(data="create table t(id integer primary key); insert into t values (1)", files=files)
    assert client.get("/data/t").text == "table-data-t"
    assert client.get("/data/t/1").text == "row-data-t"


def test_an_error_leads_to_the_nearest_name_and_back(serve: Serve) -> None:
    client = serve(data='create table "O\'Neil"(a)')
    page = client.get("/data/O~27Neal").text
    assert '<a href="/data/O~27Neil">O&#39;Neil</a>' in page
    assert '<a href="/data">data</a>' in page
    assert '<a href="/data">data</a>' in client.get("/dat").text
    assert 'href="/">' in client.get("/nothing-like-it").text


def test_a_page_says_of_when_its_data_is(serve: Serve) -> None:
    tables = {"t": {"date": "2026-11"}}
    client = serve(
        data="create table t(a); create table u(a)",
        metadata={"date": "2026-09-05", "databases": {"data": {"tables": tables}}},
    )
    page = client.get("/data/t").text
    assert '<time datetime="2026-11">November 2026</time>' in page
    assert '"dateModified":"2026-11"' in page, "search engines are told as well"
    for path in ("/", "/data", "/data/u", "/data/-/query?sql=select+1"):
        assert '<time datetime="2026-09-05">5 September 2026</time>' in client.get(path).text


def test_a_database_can_be_downloaded_from_its_page(serve: Serve) -> None:
    page = serve(data="create table t(a)").get("/data").text
    assert re.search(r'href="/data.db" rel="nofollow" download>Download the database <[^>]*>\(SQLite, 8.2 kB\)', page)
    off = serve(other="create table t(a)", settings={"allow_download": False}).get("/other").text
    assert "/other.db" not in off


def test_the_index_shows_the_largest_tables_first_or_those_with_most_relationships(serve: Serve) -> None:
    sql = "create table a(x); create table big(x); insert into big values (1), (2); create table c(x references a(x))"
    client = serve(data=sql)

    def names(query: str) -> list[str]:
        (database,) = client.get(f"/.json{query}").json()["databases"]
        shown = re.findall(r'href="/data/(\w+)"', client.get(f"/{query}").text)
        assert shown == [each["name"] for each in database["tables_and_views_truncated"]]
        return shown

    assert names("") == ["big", "a", "c"]
    assert names("?_sort=relationships") == ["a", "c", "big"]
    assert client.get("/.json?_sort=relationship").json()["error"].endswith("did you mean 'relationships'?")


def test_hidden_tables_can_be_shown_at_once(serve: Serve) -> None:
    client = serve(data="create table t(a); create virtual table f using fts5(a)")
    assert '<details class="hidden-tables">' in client.get("/data").text
    assert '<details class="hidden-tables" open>' in client.get("/data?_show_hidden=1").text
    assert client.get("/data.json?_show_hidden=1").json() == client.get("/data.json").json()


def test_the_index_counts_no_view_that_cannot_be_read(serve: Serve) -> None:
    page = serve(data="create table t(a); create view v as select a from t; create view w as select b from gone")
    assert "0 rows in 1 table, 1 view" in " ".join(page.get("/").text.split())


def test_what_has_a_title_is_called_by_it_on_the_way_to_it(serve: Serve) -> None:
    said = {"title": "The world", "tables": {"t": {"title": "Trees <i>"}}}
    client = serve(data=DATA, metadata={"databases": {"data": {**said}}})
    assert '<a href="/data/t">Trees &lt;i&gt;</a>' in client.get("/").text
    assert '<li><a href="/data">The world</a></li>' in (row := client.get("/data/t/1").text)
    assert '<li><a href="/data/t">Trees &lt;i&gt;</a></li>' in row
    assert '"isPartOf":{"@type":"Dataset","name":"The world"' in client.get("/data/t").text
    assert '<li><a href="/data/u">u</a></li>' in client.get("/data/u/9").text


def test_a_site_without_a_title_is_called_by_its_databases_if_they_are_few(serve: Serve) -> None:
    few, many = "create table t(a)", {f"d{number}": "create table t(a)" for number in range(4)}
    assert "<h1>one and two</h1>" in serve(one=few, two=few).get("/").text
    assert "<h1>Databases</h1>" in serve(**many).get("/").text
