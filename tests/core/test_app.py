"""The whole app over a small database: every page in every format, every header."""

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import apsw
import pytest
from baking import baked_of
from starlette.testclient import TestClient

from baked_core.app import create_app
from baked_core.bundle import Baked

Serve = Callable[..., TestClient]

WORLD = """
create table country(code text primary key, name text, people integer, area real);
insert into country values('AT', 'Austria', 9000000, 83871.5);
insert into country values('CH', 'Switzerland', 8700000, 41285), ('LI', 'Liechtenstein', 39000, 160);
create table city(id integer primary key, name text, country text references country(code));
insert into city values(1, 'Vienna', 'AT'), (2, 'Graz', 'AT'), (3, 'Bern', 'CH'), (9223372036854775807, 'Vaduz', 'LI');
create table plain(a, b);
insert into plain values(x'00ff', 1e999), (null, 'text');
create table "odd name/%.x"("a b" integer primary key, "c""d");
insert into "odd name/%.x" values(1, '<b>');
create view big as select name, people from country where people > 1000000;
"""


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(world=WORLD)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/world",
        "/world/country",
        "/world/country?people__gt=50000&_sort_desc=people",
        "/world/city",
        "/world/plain",
        "/world/big",
        "/world/country/AT",
        "/world/plain/1",
        "/world/odd+name~2F~25~2Ex/1",
        "/world/-/query",
        "/world/-/query?sql=select+1,+:x+as+x&x=5",
    ],
)
def test_every_page_renders_as_html_without_script(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "<h1>" in response.text
    scripts = re.findall(r"<script[^>]*>", response.text.replace('<script type="application/ld+json">', ""))  # data
    editors = response.text.count('<form class="sql"')
    assert len(scripts) == editors, "the one script that there is helps to write SQL"
    assert " style=" not in response.text


def test_values_are_escaped(client: TestClient) -> None:
    assert "&lt;b&gt;" in client.get("/world/odd+name~2F~25~2Ex").text


def test_every_link_of_every_page_leads_somewhere(client: TestClient) -> None:
    seen, maze, todo = set[str](), set[str](), ["/"]
    while todo:
        path = todo.pop()
        response = client.get(path)
        assert response.status_code in {200, 302}, (path, response.text)
        if response.headers["content-type"].startswith("text/html") and path not in maze:
            found = re.findall(r'<(?:a|link|form)\b[^>]*?(?:href|action)="([^"]*)"([^>]*)>', response.text)
            urls = {unescape(url).partition("#")[0]: "nofollow" in more for url, more in found}
            fresh = {url for url in urls if url.startswith("/") and url not in seen}
            seen |= fresh
            todo += fresh
            maze |= {url for url in fresh if urls[url]}
    assert len(seen) > 50
    assert maze, "sorting and filtering are for people, not for crawlers"


def test_a_table_as_json(client: TestClient) -> None:
    body = client.get("/world/city.json?_size=2").json()
    assert list(body) == ["ok", "next", "next_url", "rows", "truncated"]
    assert body["rows"][0] == {"id": 1, "name": "Vienna", "country": "AT"}
    rest = client.get(body["next_url"]).json()
    assert rest["rows"][-1]["id"] == 2**63 - 1
    assert rest["next"] is rest["next_url"] is None


def test_values_that_json_has_no_word_for(client: TestClient) -> None:
    rows = client.get("/world/plain.json").json()["rows"]
    assert rows[0] == {"rowid": 1, "a": {"$base64": True, "encoded": "AP8="}, "b": None}


def test_text_that_is_not_utf8_is_shown_with_a_replacement(serve: Serve) -> None:
    client = serve(data="create table t(a text primary key, b); insert into t values(cast(x'41ff' as text), x'ff')")
    assert client.get("/data/t.json").json()["rows"][0]["a"] == "A\ufffd"
    assert client.get("/data/t/A~FF.json").json()["rows"][0]["a"] == "A\ufffd"
    assert client.get("/data/-/query.json?sql=select+a,+a+from+t").json()["rows"] == [
        {"a": "A\ufffd", "a_2": "A\ufffd"}
    ]
    assert client.get("/data/-/query.csv?sql=select+a+from+t;").text == "a\r\nA\ufffd\r\n"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("arrays", [["CH", 8700000], ["LI", 39000]]),
        ("array", [{"code": "CH", "people": 8700000}, {"code": "LI", "people": 39000}]),
        ("arrayfirst", ["CH", "LI"]),
        ("object", {"CH": {"code": "CH", "people": 8700000}, "LI": {"code": "LI", "people": 39000}}),
    ],
)
def test_shapes(client: TestClient, shape: str, expected: object) -> None:
    body = client.get(f"/world/country.json?_col=people&code__in=CH,LI&_shape={shape}").json()
    assert (body["rows"] if shape == "arrays" else body) == expected


def test_newline_delimited_json(client: TestClient) -> None:
    text = client.get("/world/country.json?_shape=array&_nl=on&_col=code&_size=2").text
    assert text == '{"code":"AT"}\n{"code":"CH"}'


def test_extras(client: TestClient) -> None:
    body = client.get("/world/country.json?_size=0&people__gt=1000000&_extra=count,columns&_extra=primary_keys").json()
    assert (body["count"], body["columns"], body["primary_keys"]) == (2, ["code", "name", "people", "area"], ["code"])


def test_a_row_as_json(client: TestClient) -> None:
    body = client.get("/world/country/AT.json").json()
    assert body["primary_keys"] == ["code"]
    assert body["primary_key_values"] == ["AT"]
    assert body["rows"] == [{"code": "AT", "name": "Austria", "people": 9000000, "area": 83871.5}]


def test_a_row_shows_what_refers_to_it(client: TestClient) -> None:
    page = client.get("/world/country/AT").text
    assert 'href="/world/city?country=AT">2 rows</a> of city' in page
    assert 'href="/world/country/AT"' in client.get("/world/city/1").text


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/wurld.json", 404, "did you mean 'world'?"),
        ("/world/contry.json", 404, "did you mean 'country'?"),
        ("/world/country/XX.json", 404, "'XX'"),
        ("/world/country.json?poeple=1", 400, "did you mean 'people'?"),
        ("/world/country.json?people__gtt=1", 400, "did you mean 'gt"),
        ("/world/country.json?_sizee=1", 400, "did you mean '_size'?"),
        ("/world/country.json?_sort=nmae", 400, "did you mean 'name'?"),
        ("/world/country.json?_sort=name&_sort_desc=name", 400, "together"),
        ("/world/country.json?_size=5000", 400, "1000 rows"),
        ("/world/country.json?_size=-1", 400, "'-1'"),
        ("/world/country.json?_next=nonsense", 400, "_next"),
        ("/world/country.json?_shape=arrrays", 400, "did you mean 'arrays'?"),
        ("/world/country.json?_extra=cuont", 400, "did you mean 'count'?"),
        ("/world/country.json?_nocol=code", 400, "belongs to the key"),
        ("/world/country.json?_nl=on", 400, "_shape=array"),
        ("/world/big.json?_shape=object", 400, "_shape=array"),
        ("/-/nothing.json", 404, "/-/nothing.json"),
        ("/a/b/c/d/e.json", 404, "index"),
    ],
)
def test_errors_name_what_is_wrong(client: TestClient, path: str, status: int, says: str) -> None:
    response = client.get(path)
    body = response.json()
    assert response.status_code == body["status"] == status
    assert body["ok"] is False
    assert body["errors"] == [body["error"]]
    assert says in body["error"]
    assert response.headers["cache-control"] == "no-store"
    page = client.get(path.replace(".json", ""))
    if "_shape=object" not in path and "_nl" not in path:
        assert page.status_code == status
        assert page.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    "query", ["_shape=x", "_bigint=x", "_nl=x", "_json_infinity=x", "_header=x", "_dl=x", "_stream=x", "_labels=x"]
)
@pytest.mark.parametrize("form", ["", ".json", ".csv", ".blob"])
def test_a_word_that_means_nothing_is_refused_in_every_format(client: TestClient, query: str, form: str) -> None:
    response = client.get(f"/world/country{form}?{query}")
    assert response.status_code == 400
    assert query.partition("=")[0] in response.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_written(client: TestClient, method: str) -> None:
    response = client.request(method, "/world/country.json")
    assert response.status_code == 405
    assert response.json()["ok"] is False


def test_head_answers_like_get_without_a_body(client: TestClient) -> None:
    for path in ("/world/country", "/world/country.json", "/world/country.csv?_stream=on"):
        head = client.head(path)
        assert head.status_code == 200
        assert head.headers["content-type"] == client.get(path).headers["content-type"]


def test_an_etag_spares_the_answer_until_the_bundle_changes(client: TestClient) -> None:
    first = client.get("/world/country.json")
    again = client.get("/world/country.json", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/world/country.json?_size=1").headers["etag"] != first.headers["etag"]
    for path in ("/world/-/query.json?sql=select+random()", "/world/nothing.json"):
        assert "etag" not in client.get(path).headers


def test_other_sites_may_read_data_unless_switched_off(serve: Serve) -> None:
    assert serve(world=WORLD).get("/world/country.json").headers["access-control-allow-origin"] == "*"


def test_cors_can_be_switched_off(serve: Serve) -> None:
    client = serve(world=WORLD, settings={"cors": False})
    assert "access-control-allow-origin" not in client.get("/world/country.json").headers
    assert "access-control-allow-origin" not in client.get("/-/baked.json").headers


def test_own_pages(tmp_path: Path) -> None:
    baked = baked_of(tmp_path, world=WORLD)
    client = TestClient(create_app(baked))
    assert client.get("/-/healthz").text == "ok"
    assert client.get("/-/baked.json").json() == {"ok": True, "format": 1, "digest": baked.digest}
    assert client.get("/-/versions.json").json()["sqlite"]["version"]
    assert client.get("/-/settings.json").json()["default_page_size"] == 100
    (database,) = client.get("/-/databases.json").json()["databases"]
    assert (database["name"], database["is_mutable"]) == ("world", False)
    assert str(tmp_path) not in client.get("/-/databases.json").text


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/world/", "/world"),
        ("/world/country/?_size=1", "/world/country?_size=1"),
        ("//evil/example/", "/evil/example"),
        ("//evil.example/", None),
        ("//evil.example/%2e%2e/", None),
        ("/world/%5C%5Cevil/", None),
        ("/world/odd%20name~2F~25~2Ex", "/world/odd+name~2F~25~2Ex"),
        ("/world/odd%20name~2F~25~2Ex.json?_size=1", "/world/odd+name~2F~25~2Ex.json?_size=1"),
        ("/world?sql=select+1", "/world/-/query?sql=select+1"),
        ("/world.json?sql=select+1", "/world/-/query.json?sql=select+1"),
        (
            "/world/country?_filter_column=people&_filter_op=gt&_filter_value=5&_sort=name&_sort_by_desc=on",
            "/world/country?_sort_desc=name&people__gt=5",
        ),
        ("/world/country?_filter_column=&_filter_op=exact&_filter_value=&_sort=", "/world/country"),
        ("/world/country?_filter_column_1=name&_filter_op_1=isnull&_filter_value_1=", "/world/country?name__isnull=1"),
    ],
)
def test_redirects_stay_here(client: TestClient, path: str, location: str | None) -> None:
    response = client.get("http://testserver" + path)
    assert response.status_code == (302 if location else 404)
    assert response.headers.get("location") == location


def test_urls_follow_the_path_the_site_is_mounted_under(serve: Serve) -> None:
    client = serve(world=WORLD, settings={"base_url": "/data/"})
    for path in ("/data/world/country", "/world/country"):
        page = client.get(path)
        assert page.status_code == 200
        assert 'href="/data/world/country?_sort=name"' in page.text
    assert client.get("/data/world/").headers["location"] == "/data/world"
    assert (
        client.get("/data/world/city.json?_size=1")
        .json()["next_url"]
        .startswith("http://testserver/data/world/city.json?")
    )


def test_urls_follow_the_root_path(tmp_path: Path) -> None:
    client = TestClient(create_app(baked_of(tmp_path, world=WORLD)), root_path="/mounted")
    assert 'href="/mounted/world"' in client.get("/mounted/").text


def test_a_preview_sees_what_is_written(tmp_path: Path) -> None:
    baked = baked_of(tmp_path, world=WORLD)
    client = TestClient(create_app(Baked(baked.manifest, baked.paths, immutable=False)))
    first = client.get("/world/country.json")
    assert "etag" not in first.headers
    with apsw.Connection(str(baked.paths["world"])) as connection:
        connection.execute("delete from country where code = 'AT'")
    connection.close()
    assert [row["code"] for row in client.get("/world/country.json").json()["rows"]] == ["CH", "LI"]


def test_a_filter_is_said_in_english(client: TestClient) -> None:
    page = client.get("/world/country?people__gt=50000&name__contains=s&_sort_desc=people").text
    page = re.sub(r' <a class="remove".*?</a>', "", page)
    assert "2 rows where people &gt; 50000 and name contains “s” sorted by people descending" in page


def test_a_database_in_utf16(serve: Serve) -> None:
    broken = "cast(x'00d8' as text)"
    table = "pragma encoding = 'UTF-16le'; create table t(a text primary key);"
    client = serve(data=f"{table} insert into t values('é'), ({broken}), ('z')")
    found, path = [], "/data/t.json?_size=1&_shape=arrays"
    while path:
        body = client.get(path).json()
        found += [row[0] for row in body["rows"]]
        path = body["next_url"]
    assert sorted(found) == ["z", "é", "\ufffd"]


def test_virtual_tables(serve: Serve) -> None:
    client = serve(data="create virtual table docs using fts5(body); insert into docs values('one'), ('two')")
    assert client.get("/data/docs.json").json()["rows"] == [{"rowid": 1, "body": "one"}, {"rowid": 2, "body": "two"}]
    assert client.get("/data/docs/2").status_code == 200


def test_a_view_that_cannot_be_read_is_not_there(serve: Serve) -> None:
    client = serve(
        data="create table t(a); create view broken as select nope from t; create view fine as select a from t"
    )
    assert client.get("/data/broken.json").status_code == 404
    assert client.get("/data/fine.json").status_code == 200
    assert client.get("/data").status_code == 200


@pytest.mark.parametrize("host", ["a<script>", 'a"b', "a>b", "a b", "x/y", "x?y", "u@x", "", "a" * 261, "\xff"])
def test_what_is_no_host_is_not_repeated(serve: Serve, host: str) -> None:
    client = serve(data="create table t(a); insert into t values(1), (2)")
    answer = client.get("/data/t.json?_size=1", headers={b"host": host.encode("latin-1")})
    assert answer.json()["next_url"].startswith("/data/t.json?_size=1&_next=")
    assert answer.headers["link"].startswith("</data/t.json?")
    for path in ("/robots.txt", "/data/t?_size=1", "/data/t.json?_extra=request"):
        assert not host or host not in client.get(path, headers={b"host": host.encode("latin-1")}).text


@pytest.mark.parametrize("host", ["example.org", "localhost:8001", "[::1]:80", "a_b.example", "xn--bcher-kva.example"])
def test_a_host_stands_before_addresses(serve: Serve, host: str) -> None:
    client = serve(data="create table t(a); insert into t values(1), (2)")
    found = client.get("/data/t.json?_size=1", headers={"host": host}).json()["next_url"]
    assert found.startswith(f"http://{host}/data/t.json")
