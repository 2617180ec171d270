"""Permissions: what one reader may not see is nowhere. All that is private here has ``zq`` in its name or value."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from baking import baked_of
from secrets_of_an_office import ALICE, ALLOWED, DATA, METADATA, TOKEN, VAULT
from starlette.testclient import TestClient

from baked_core.app import create_app

Serve = Callable[..., TestClient]

FORMATS = ("", ".json", ".csv", ".atom")
PLACES = [
    *("/", "/.json", "/-/", "/-/jump.json?q=", "/-/queries", "/-/queries.json", "/robots.txt", "/sitemap.xml"),
    *(f"/-/{name}{kind}" for name in ("databases", "config", "schema", "openapi", "plugins") for kind in ("", ".json")),
    *("/-/versions.json", "/-/settings.json", "/-/threads.json", "/-/actor.json", "/-/schema.md", "/-/baked.json"),
    *("/data", "/data.json", "/data/-/schema", "/data/-/schema.json", "/data/-/schema.md", "/data/-/queries.json"),
    *(f"/data/{name}{kind}" for name in ("staff", "visit", "names", "sizes", "people") for kind in FORMATS),
    *(f"/data/average{kind}?staff=1" for kind in FORMATS),
    *(f"/data/broken{kind}?x=a" for kind in FORMATS),
    "/data/average.json?staff=1&_extra=query,debug,request,metadata,columns,render_cell,database,private,extras",
    *(
        "/data/average/-/definition.json",
        "/data/staff/-/schema.json",
        "/data/visit/-/schema",
        "/data/sizes/-/schema.json",
    ),
    *(f"/data/staff/1{kind}" for kind in FORMATS),
    "/data/staff/1.json?_extra=columns,primary_keys,column_details,query,metadata,foreign_key_tables,database,private",
    *("/data/staff/-/autocomplete.json?q=a", "/data/staff/-/autocomplete.json?_initial=1"),
    "/data/staff.json?_extra=count,count_sql,facet_results,facets_timed_out,suggested_facets,human_description_en,columns",
    "/data/staff.json?_extra=all_columns,primary_keys,column_details,display_columns,render_cell,debug,request,query",
    "/data/staff.json?_extra=metadata,extras,database,table,renderers,custom_table_templates,sorted_facet_results",
    "/data/staff.json?_extra=table_definition,view_definition,is_view,private,expandable_columns,form_hidden_args",
    *("/data/staff.json?_labels=on", "/data/staff?_labels=on", "/data/staff.csv?_stream=on&_labels=on"),
    *("/data/visit?_search=morning", "/data/visit.json?_labels=on", "/data/visit.json?_extra=suggested_facets"),
    *("/data/staff?_facet=name", "/data/staff?_sort=name&_size=1", "/data/staff.json?_where=1=1", "/data/nothing"),
    *("/data/staf", "/data/team", "/data/pay", "/nothing", "/vault", "/data/staff/9", "/data/team_", "/data/pai"),
    *("/data/staff?mail=1", "/data/staff.json?_sort=mail", "/data/staff.json?_col=mail", "/data/staff.json?_facet=mal"),
    *("/data/staff.json?_label=tem", "/data/visit.json?_fts_table=team_search", "/data/visit.json?_search_txt=a"),
    *("/data/-/query?sql=select+1", "/data/-/query.json?sql=select+name+from+staff", "/data/-/query", "/_memory"),
    *("/data.db", "/data/staff.blob?_blob_column=mail", "/data/staff/1.blob?_blob_column=mail", "/data/averag"),
    '/data/staff.json?_through={"table":"pay","column":"amount","value":"1"}',
    '/data/staff.json?_through={"table":"visit","column":"text","value":"morning"}',
]
"""Addresses that name nothing private."""


@pytest.fixture(name="client", scope="module")
def _client(serve_for_module: Serve) -> TestClient:
    return serve_for_module(metadata=METADATA, data=DATA, vault_zq=VAULT)


@pytest.mark.parametrize("place", PLACES)
def test_what_is_private_is_nowhere(client: TestClient, place: str) -> None:
    response = client.get(place)
    assert response.status_code < 500
    assert b"zq" not in response.content.lower(), response.text
    assert "zq" not in str(response.headers).lower()


ASKED = [
    *("/data/joined_{}", "/data/mailing_{}.json", "/data/nested_{}.csv", "/data/likely_{}"),
    *("/data/team_{}", "/data/team_{}.json", "/data/team_{}.csv", "/data/team_{}/1", "/data/team_{}/1.json"),
    *("/data/team_{}/-/schema.json", "/data/team_{}/-/autocomplete.json?_initial=1", "/data/team_{}?_search=red"),
    *(
        "/data/pay_{}.json",
        "/data/all_{}",
        "/data/names_{}.json",
        "/data/mails_{}.csv",
        "/data/team_{}_search",
    ),
    *("/data/team_{}_search_data.json", "/data/team_{}_search_config.json", "/data/terms_{}.json"),
    *(
        "/data/staff_search_{}.json",
        "/data/staff_search_{}_segments.json",
        "/data/paid_{}",
        "/data/theirs_{}.json",
    ),
    *("/data/paid_{}/-/definition.json", "/vault_{}", "/vault_{}.json", "/vault_{}.db", "/vault_{}/inside_{}.json"),
    *("/vault_{}/inside_{}/1", "/vault_{}/-/query.json?sql=select+1", "/vault_{}/-/schema", "/vault_{}/-/queries.json"),
    *("/data/staff.json?mail_{}=ann@zq", "/data/staff.json?mail_{}__isnull=1", "/data/staff?_sort=mail_{}"),
    *("/data/staff.json?_sort_desc=upper_{}", "/data/staff.json?_col=mail_{}", "/data/staff.json?_nocol=mail_{}"),
    *("/data/staff.json?_facet=mail_{}", "/data/staff.json?_facet=twice_{}", "/data/staff.json?_facet_date=mail_{}"),
    *(
        "/data/staff.json?_json=mail_{}",
        "/data/staff/1.blob?_blob_column=mail_{}",
        "/data/staff.json?_search_mail_{}=a",
    ),
    *("/data/visit.json?_fts_table=team_{}_search&_search=red", "/data/visit.json?_fts_pk=mail_{}&_search=red"),
    '/data/staff.json?_through={{"table":"pay_{}","column":"amount","value":"1"}}',
    '/data/visit.json?_through={{"table":"pay_{}","column":"amount","value":"1"}}',
    *("/data/%74eam_{}", "/vault_{}/%69nside_{}", "/vault_{}/x/y/z", "/data/team_{}/1/-/update"),
]
"""Addresses that name something private, and the same with a name that nobody has."""


@pytest.mark.parametrize("place", ASKED)
def test_who_asks_for_it_by_name_learns_no_more_than_of_what_is_not_there(client: TestClient, place: str) -> None:
    private, absent = (
        client.get(place.replace("{}", each).replace("{{", "{").replace("}}", "}")) for each in ("zq", "jq")
    )
    assert private.status_code == absent.status_code
    assert private.status_code >= 400
    assert private.content.replace(b"zq", b"jq") == absent.content.replace(b"zq", b"jq")
    assert dict(private.headers) | {"location": ""} == dict(absent.headers) | {"location": ""}


def test_who_has_the_token_sees_it(client: TestClient) -> None:
    assert client.get("/-/actor.json", headers=ALICE).json()["actor"] == {"id": "alice"}
    listed = client.get("/data.json", headers=ALICE).json()
    private = {each["name"]: each["private"] for each in (*listed["tables"], *listed["views"], *listed["queries"])}
    assert private["team_zq"]
    assert private["all_zq"]
    assert private["paid_zq"]
    assert not private["staff"]
    assert client.get("/data/pay_zq.json?_shape=array", headers=ALICE).json()[0]["amount_zq"] == 7000
    assert client.get("/data/paid_zq.json?_shape=array", headers=ALICE).json()[0]["amount_zq"] == 7000
    assert client.get("/vault_zq/inside_zq/1.json", headers=ALICE).status_code == 200
    assert client.get("/data/staff.json?_labels=on&_shape=array", headers=ALICE).json()[0]["team"]["label"] == "red zq"
    assert client.get("/data/team_zq.json?_search=red", headers=ALICE).json()["rows"][0]["id"] == 1
    assert [each["name"] for each in client.get("/.json", headers=ALICE).json()["databases"]] == ["data", "vault_zq"]


def test_hidden_columns_are_read_by_nobody(client: TestClient) -> None:
    assert client.get("/data/staff.json?_shape=array", headers=ALICE).json() == [
        {"id": 1, "name": "Ann", "team": 1, "day": "2020-01-01", "short": "A"},
        {"id": 2, "name": "Bob", "team": 2, "day": "2020-01-02", "short": "B"},
    ]
    assert client.get("/data/mails_zq.json", headers=ALICE).status_code == 404
    assert client.get("/data.db", headers=ALICE).status_code == 403


def test_what_the_publisher_opens_over_private_tables_answers_and_does_not_tell_how(client: TestClient) -> None:
    assert client.get("/data/sizes.json").json()["rows"] == [{"teams": 2}]
    assert client.get("/data/average.json?staff=1").json()["rows"] == [{"average": 7500.0}]
    assert client.get("/data/average.csv?staff=1").text.splitlines() == ["average", "7500.0"]
    assert "7500" in client.get("/data/average?staff=1").text
    assert "tell whoever publishes it" in client.get("/data/broken.json?x=a").json()["error"]


def test_answers_to_somebody_are_kept_by_nobody(client: TestClient) -> None:
    for place in ("/data/staff.json", "/data/staff", "/", "/-/actor.json", "/data/nothing", "/vault_zq.db"):
        answer = client.get(place, headers=ALICE)
        assert answer.headers["cache-control"] == "private, no-store"
        assert answer.headers["vary"].startswith("Cookie, Authorization")  # and what it is packed with
        if not place.endswith(".db"):
            assert "etag" not in answer.headers
    public = client.get("/data/visit.json")
    assert public.headers["vary"].startswith("Cookie, Authorization")
    assert "max-age" in public.headers["cache-control"]
    again = client.get("/data/visit.json", headers={**ALICE, "if-none-match": public.headers["etag"]})
    assert again.status_code == 200


@pytest.mark.parametrize(
    "token", ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é", sha256(TOKEN.encode()).hexdigest()]
)
@pytest.mark.parametrize("kind", ["Bearer", "bearer", "Basic", "Token"])
def test_another_token_is_nobody_s(client: TestClient, token: str, kind: str) -> None:
    header = {b"authorization": f"{kind} {token}".encode()}
    answer = client.get("/data.json", headers=header)
    assert answer.status_code == 200
    assert b"zq" not in answer.content


def test_the_word_bearer_is_read_in_any_case(client: TestClient) -> None:
    assert client.get("/-/actor.json", headers={"authorization": f"bEARER   {TOKEN} "}).json()["actor"] == {
        "id": "alice"
    }


def test_a_site_for_nobody_says_so_alike_of_what_is_there_and_what_is_not(serve: Serve) -> None:
    client = serve(metadata={**METADATA, "allow": ALLOWED, "title": "zq"}, data=DATA, vault_zq=VAULT)
    bodies = set[bytes]()
    for place in ("/.json", "/data.json", "/nothing.json", "/data/team_zq.json", "/data/visit.json", "/-/config.json"):
        answer = client.get(place)
        assert answer.status_code == 403
        bodies.add(answer.content)
    assert len(bodies) == 1
    assert b"zq" not in bodies.pop()
    assert b"zq" not in client.get("/").content
    assert client.get("/-/healthz").status_code == 200
    assert client.get("/-/baked.json").status_code == 200
    assert client.get("/data/sizes.json").status_code == 200
    assert client.get("/", headers=ALICE).status_code == 200


def test_counts_are_of_what_may_be_seen(client: TestClient) -> None:
    summary = client.get("/.json").json()["databases"]
    assert [(each["name"], each["tables_count"], each["table_rows_sum"], each["views_count"]) for each in summary] == [
        ("data", 2, 4, 2)
    ]
    seen = client.get("/.json", headers=ALICE).json()["databases"]
    assert [(each["name"], each["tables_count"]) for each in seen] == [("data", 5), ("vault_zq", 1)]


def test_sql_may_be_left_to_some(serve: Serve) -> None:
    tokens = {"tokens": METADATA["tokens"]}
    client = serve(metadata={**tokens, "allow_sql": ALLOWED}, data="create table t(a); insert into t values(1)")
    for place in ("/data/-/query.json?sql=select+1", "/data/t.json?_where=a=1", "/data/-/query/parameters.json?sql=:a"):
        assert client.get(place).status_code == 403
        assert client.get(place, headers=ALICE).status_code == 200
    assert "/-/query" not in client.get("/data").text
    assert "/data/-/query" in client.get("/data", headers=ALICE).text
    assert not client.get("/data.json").json()["allow_execute_sql"]


def test_the_file_may_be_left_to_some(serve: Serve) -> None:
    said = {"permissions": {"view-database-download": ALLOWED}, "tokens": METADATA["tokens"]}
    client = serve(metadata=said, data="create table t(a)")
    assert client.get("/data.db").status_code == 403
    assert client.get("/data.db", headers=ALICE).content[:6] == b"SQLite"


def test_sql_across_databases_is_for_those_who_may_see_all_of_them(serve: Serve) -> None:
    metadata = {"tokens": METADATA["tokens"], "databases": {"b": {"tables": {"t": {"allow": ALLOWED}}}}}
    client = serve(metadata=metadata, settings={"crossdb": True}, a="create table t(a)", b="create table t(a)")
    place = "/_memory/-/query.json?sql=select+count(*)+from+b.t"
    assert client.get(place).status_code == 404
    assert client.get("/_memory.json").status_code == 404
    assert client.get(place, headers=ALICE).json()["ok"]


def test_an_actor_s_values_are_parameters_of_queries(serve: Serve) -> None:
    queries = {"me": "select :_actor_id as id, :_actor_team as team, :_actor_none as none"}
    said = {"token": METADATA["tokens"]["alice"], "actor": {"team": ["a"]}}
    client = serve(metadata={"tokens": {"alice": said}, "databases": {"data": {"queries": queries}}}, data=DATA)
    row = client.get("/data/me.json?_shape=array", headers=ALICE).json()[0]
    assert row == {"id": "alice", "team": "['a']", "none": None}
    assert client.get("/data/me.json?_shape=array").json()[0]["id"] is None


def test_a_plugin_may_know_who_asks(serve: Serve) -> None:
    plugin = """
from baked_core.hookspecs import hookimpl

@hookimpl
def actor_from_request(request):
    name = request.cookies.get("name")
    return {"id": name} if name else None
"""
    client = serve(
        metadata={"databases": {"data": {"tables": {"t": {"allow": ALLOWED}}}}},
        data="create table t(a)",
        files={"site/plugins/who.py": plugin},
    )
    assert client.get("/data/t.json").status_code == 404
    assert client.get("/data/t.json", headers={"cookie": "name=alice"}).status_code == 200
    assert client.get("/data/t.json", headers={"cookie": "name=bob"}).status_code == 404
    assert client.get("/-/actor.json", headers={"cookie": "name=bob"}).json()["actor"] == {"id": "bob"}


def test_a_site_that_tells_nothing_of_permissions_pays_nothing(serve: Serve) -> None:
    client = serve(data="create table t(a)")
    answer = client.get("/data/t.json", headers=ALICE)
    assert "vary" not in answer.headers
    assert "max-age" in answer.headers["cache-control"]
    assert "etag" in answer.headers


def test_the_answer_with_a_token_is_json_of_the_same_shape(client: TestClient) -> None:
    public, private = (client.get("/data/visit.json?_extra=private", headers=each).json() for each in ({}, ALICE))
    assert json.dumps(public) == json.dumps(private)
    assert client.get("/data/pay_zq.json?_extra=private", headers=ALICE).json()["private"]


def test_pages_mark_what_not_everybody_sees(client: TestClient) -> None:
    mark = '<small class="private">private</small>'
    for place in ("/data/team_zq", "/data/pay_zq/1", "/data/paid_zq", "/vault_zq", "/data/all_zq"):
        assert f"{mark}</h1>" in client.get(place, headers=ALICE).text
    for place in ("/data", "/data/visit", "/data/sizes", "/data/visit/1", "/data/people"):
        assert f"{mark}</h1>" not in client.get(place, headers=ALICE).text
        assert mark not in client.get(place).text
    assert client.get("/", headers=ALICE).text.count(mark) == 1
    assert 'href="/data.db"' not in client.get("/data").text


def test_a_plugin_that_fails_to_tell_who_asks_is_an_error_that_tells_nothing(tmp_path: Path) -> None:
    plugin = """
from baked_core.hookspecs import hookimpl

@hookimpl
def actor_from_request(request):
    raise ValueError("zq")
"""
    baked = baked_of(tmp_path, data="create table t(a)", files={"site/plugins/who.py": plugin})
    with TestClient(create_app(baked), raise_server_exceptions=False) as client:
        for place in ("/data/t", "/data/t.json", "/nothing"):
            answer = client.get(place)
            assert answer.status_code == 500
            assert "the log says more" in answer.text
            assert "zq" not in answer.text
