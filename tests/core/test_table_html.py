"""What a table page shows as HTML: facets, labels, search, menus, downloads, numbers."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from starlette.testclient import TestClient

from baked_core.renderers.naming import css_class

Serve = Callable[..., TestClient]

DATA = """
create table kind(id integer primary key, name text);
insert into kind values(10, 'Oak & co'), (20, 'Ash');
create table tree(id integer primary key, kind integer references kind(id), height real, planted integer, seeds integer,
    photo blob, site text, mail text, extra text, note text);
insert into tree values
    (1, 10, 12.5, 1998, 1234567, x'0102', 'https://example.org/a', 'a@b.org', '{"a":[1]}', 'tall'),
    (2, 20, null, 2001, 9999, null, 'not a url', 'nobody', 'no json', 'small'),
    (12345, 10, 3, 1998, -20000, x'00', '', '', '', 'hidden tall one');
create virtual table words using fts5(note, content='tree', content_rowid='id');
insert into words(words) values('rebuild');
create table empty(a);
"""


@pytest.fixture
def client(serve: Serve) -> TestClient:
    said = {"facets": ["kind"], "column_types": {"mail": "email", "extra": {"type": "json"}}, "units": {"height": "m"}}
    metadata = {"databases": {"data": {"tables": {"tree": {**said, "columns": {"height": "From the ground"}}}}}}
    return serve(data=DATA, metadata=metadata)


def cell(page: str, column: str, row: int = 0) -> str:
    return str(re.findall(rf'<td class="col-{column}[ a-z0-9]*">(.*?)</td>', page, re.DOTALL)[row])


def test_a_foreign_key_shows_the_words_of_its_row(client: TestClient) -> None:
    page = client.get("/data/tree").text
    assert cell(page, "kind") == '<a href="/data/kind/10">Oak &amp; co</a> <span class="key">10</span>'
    assert cell(client.get("/data/tree?_labels=off").text, "kind") == '<a href="/data/kind/10">10</a>'


def test_quantities_are_grouped_and_years_and_keys_are_not(client: TestClient) -> None:
    page = client.get("/data/tree").text
    assert [cell(page, "seeds", row) for row in range(3)] == ["1,234,567", "9999", "-20,000"]
    assert cell(page, "planted", 2) == "1998"
    assert cell(page, "id", 2) == '<a href="/data/tree/12345">12345</a>'


def test_a_blob_leads_to_its_file(client: TestClient) -> None:
    link = re.search(r'class="blob" href="([^"]*)"', cell(client.get("/data/tree").text, "photo"))
    assert link
    assert client.get(unescape(link[1])).content == b"\x01\x02"


def test_column_types_say_how_a_text_shows(client: TestClient) -> None:
    page = client.get("/data/tree").text
    assert 'href="https://example.org/a"' in cell(page, "site")
    assert 'href="mailto:a@b.org"' in cell(page, "mail")
    assert cell(page, "mail", 1) == "nobody"
    assert unescape(cell(page, "extra")) == '{\n  "a": [\n    1\n  ]\n}'
    assert cell(page, "extra", 1) == "no json"


def test_facets_of_the_metadata_are_counted_and_lead_to_their_rows(client: TestClient) -> None:
    page = client.get("/data/tree").text
    found = re.search(r'<li><a href="([^"]*)" rel="nofollow">Oak &amp; co</a> <span class="count">2</span>', page)
    assert found
    narrowed = client.get(unescape(found[1])).text
    assert "2 rows where kind = 10" in narrowed
    assert '<li class="selected">' in narrowed
    assert 'href="/data/tree">all rows</a>' in narrowed


def test_the_form_carries_what_it_does_not_show(client: TestClient) -> None:
    query = "?kind=10&_search=tall&_facet=planted&_where=id>0&_nocol=note&_size=1&_sort=id"
    page = client.get(f"/data/tree{query}").text
    form = page.partition('<form class="filters"')[2].partition("</form>")[0]
    carried = dict(re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form))
    assert carried == {"_facet": "planted", "_where": "id&gt;0", "_nocol": "note", "_size": "1"}
    assert 'type="search" name="_search" value="tall"' in form
    fields: list[tuple[str, Any]] = [("_filter_column_1", "kind"), ("_filter_op_1", "exact"), ("_filter_value_1", "10")]
    sent = client.get("/data/tree", params=[*fields, ("_search", "tall"), ("_sort", "id"), *carried.items()])
    assert sent.status_code == 302
    assert "_search=tall" in sent.headers["location"]


def test_a_filter_without_a_value_shows_none(client: TestClient) -> None:
    page = client.get("/data/tree?note__notblank=1").text
    form = page.partition('<form class="filters"')[2].partition("</form>")[0]
    assert 'name="_filter_value_1" value="">' in form


def test_a_column_has_its_menu_and_its_words(client: TestClient) -> None:
    page = client.get("/data/tree").text
    menu = re.findall(r'<div popover id="[^"]*" class="column-menu">(.*?)</div>', page, re.DOTALL)[2]
    assert "From the ground" in menu
    assert "real, in m" in menu
    links = [unescape(url) for url in re.findall(r'href="([^"]*)"', menu)]
    assert links == [
        "/data/tree?_sort=height",
        "/data/tree?_sort_desc=height",
        "/data/tree?_facet=height",
        "/data/tree?height__notblank=1",
        "/data/tree?_nocol=height",
    ]
    assert {client.get(url).status_code for url in links} == {200}


def test_the_sql_of_a_page_can_be_edited(client: TestClient) -> None:
    page = client.get("/data/tree?kind=10&_sort=id&_size=1").text
    found = re.search(r'href="([^"]*)" rel="nofollow" aria-label="See and edit the SQL', page)
    assert found
    answer = client.get(unescape(found[1]))
    assert answer.status_code == 200
    assert "where" in answer.text
    assert "tall" in answer.text


def test_pages_without_rows_say_what_to_do(client: TestClient) -> None:
    assert "This table has no rows." in client.get("/data/empty").text
    page = client.get("/data/tree?id=7").text
    assert 'see <a href="/data/tree">all rows</a>' in page


@pytest.mark.parametrize(
    ("name", "css"),
    [
        ("simple", "simple"),
        ("MixedCase", "MixedCase"),
        ("-no-leading-hyphens", "no-leading-hyphens-65bea6"),
        ("_no-leading-underscores", "no-leading-underscores-b921bc"),
        ("no spaces", "no-spaces-7088d7"),
        ("-", "336d5e"),
        ("no $ characters", "no--characters-59e024"),
    ],
)
def test_any_name_makes_a_css_class_as_in_datasette(name: str, css: str) -> None:
    assert css_class(name) == css


def test_the_rows_of_one_table_have_a_template_of_their_own(serve: Serve) -> None:
    name = f"site/templates/_table-data-{css_class('my table')}.html"
    files = {name: "{% for row in page.rows %}[{{ row[0] }}]{% endfor %}"}
    client = serve(data='create table "my table"(a primary key); insert into "my table" values(7), (8)', files=files)
    page = client.get("/data/my+table").text
    assert "[7][8]" in page
    assert f"table-{css_class('my table')}" in page
    assert '<table class="rows">' not in page


@pytest.mark.parametrize("suffix", ["", ".json", ".csv"])
def test_at_least_one_column_stays(serve: Serve, suffix: str) -> None:
    client = serve(data="create table t(a, b); insert into t values (1, 2); create view v as select a, b from t")
    for more in ("", "&_sort=a", "&_col=a&_col=b"):
        answer = client.get(f"/data/v{suffix}?_nocol=a&_nocol=b{more}")
        assert answer.status_code == 400, more
        assert "_nocol leaves out every column" in unescape(answer.text)
    assert client.get(f"/data/t{suffix}?_nocol=a&_nocol=b&_sort=a").status_code == 200, "its key stays"
