"""Side by side with Datasette 1.0a41: the same configurations let the same readers see the same, or less.

Where Datasette answers 403, here is 403 or 404; where we show less than Datasette, the reason stands beside it.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import peer
import pytest
from baking import baked_of
from house import CHECKOUT
from starlette.testclient import TestClient

from baked_core.app import create_app

JSON = dict[str, Any]

DATA = """
create table t1(id integer primary key, v); insert into t1 values(1, 2);
create table t2(id integer primary key, v); insert into t2 values(1, 2);
create view v2 as select * from t2;
"""
PLACES = [
    *("/.json", "/a.json", "/a/t1.json", "/a/t1/1.json", "/a/t2.json", "/a/v2.json", "/a/q.json", "/a/nope.json"),
    *("/a/-/query.json?sql=select+1", "/a/t1.json?_where=1=1", "/a.db", "/b.json", "/b/t1.json", "/b.db"),
    *("/-/databases.json", "/-/config.json", "/a/-/schema.json"),
]
ACTORS: list[JSON | None] = [None, {"id": "x"}, {"id": "y", "roles": ["staff"]}]
X, STAFF = {"id": "x"}, {"roles": ["staff"]}
FILE = ("/a.db", "/b.db")


def of_a(**said: Any) -> JSON:
    return {"databases": {"a": said}}


def of_t1(**said: Any) -> JSON:
    return of_a(tables={"t1": said})


def of_q(**said: Any) -> JSON:
    return of_a(queries={"q": {"sql": "select 1 as one", **said}})


CASES: list[tuple[JSON, tuple[str, ...]]] = [
    ({}, ()),
    *(({"allow": block}, ()) for block in (True, False, {}, X, STAFF, {"unauthenticated": True}, {"id": "*"})),
    ({"allow": False, **of_a(allow=True)}, ()),
    ({"allow": False, **of_t1(allow=True)}, FILE),
    ({"allow": X, "allow_sql": True}, ()),
    *((of_a(allow=block), ()) for block in (False, X, STAFF)),
    (of_a(allow=X, tables={"t1": {"allow": STAFF}}), FILE),
    (of_a(allow=False, tables={"t1": {"allow": True}}), FILE),
    (of_a(allow=False, allow_sql=True), ()),
    (of_a(allow=False, queries={"q": {"sql": "select 1", "allow": True}}), ()),
    *((of_t1(allow=block), FILE) for block in (False, X, {"unauthenticated": True})),
    (of_t1(permissions={"view-table": X}), FILE),
    (of_t1(allow=X, permissions={"view-table": STAFF}), FILE),
    (of_t1(allow=True, permissions={"view-table": X}), FILE),
    (of_q(allow=X), ()),
    (of_q(permissions={"view-query": X}), ()),
    ({"allow_sql": False}, ()),
    ({"allow_sql": X}, ()),
    ({"allow_sql": False, **of_a(allow_sql=True)}, ()),
    (of_a(allow_sql=STAFF), ()),
    (of_a(permissions={"execute-sql": X}), ()),
    ({"settings": {"default_allow_sql": False}}, ()),
    ({"settings": {"default_allow_sql": False}, **of_a(allow_sql=X)}, ()),
    ({"permissions": {"execute-sql": X}}, ()),
    ({"permissions": {"view-instance": X}}, ()),
    ({"permissions": {"view-database": X}}, ()),
    ({"permissions": {"view-table": X}}, FILE),
    ({"permissions": {"view-query": X}}, ()),
    ({"permissions": {"view-database-download": X}}, ()),
    ({"permissions": {"view-table": False}, **of_a(allow=X)}, FILE),
    (of_a(permissions={"view-database-download": STAFF}), ()),
    (of_a(permissions={"view-table": X, "view-query": STAFF}), FILE),
    (of_a(permissions={"view-database": X}), ()),
]
"""Configurations, and where we show less: the file, of which Datasette gives all to whoever may see the database."""


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Ask Datasette, and return what it answers: by case, actor and place."""
    home = tmp_path_factory.mktemp("peer")
    baked_of(home, a=DATA, b=DATA)
    python = peer.install(home / "peer")
    asked = {"configs": [completed(config) for config, _ in CASES], "actors": ACTORS, "places": PLACES}
    script = CHECKOUT / "tests" / "support" / "peer_permissions.py"
    done = subprocess.run(
        [python, script, home / "databases"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def completed(config: JSON) -> JSON:
    """Give database ``a`` a query in any case."""
    databases = config.get("databases", {})
    told = databases.get("a", {})
    return {**config, "databases": {**databases, "a": {"queries": {"q": {"sql": "select 1 as one"}}, **told}}}


PLUGIN = """
import json
from baked_core.hookspecs import hookimpl

@hookimpl
def actor_from_request(request):
    told = request.headers.get("x-actor")
    return json.loads(told) if told else None
"""


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: json.dumps(CASES[number][0]))
def test_the_same_readers_see_the_same(theirs: list[list[list[int]]], tmp_path: Path, number: int) -> None:
    config, less = CASES[number]
    told = completed(config)
    settings = told.pop("settings", {})
    baked = baked_of(tmp_path, settings=settings, metadata=told, files={"site/plugins/p.py": PLUGIN}, a=DATA, b=DATA)
    with TestClient(create_app(baked), follow_redirects=False) as client:
        for actor, answers in zip(ACTORS, theirs[number], strict=True):
            headers = {"x-actor": json.dumps(actor)} if actor else {}
            for place, status in zip(PLACES, answers, strict=True):
                ours = client.get(place, headers=headers).status_code
                if place in less and status == 200:
                    assert ours in {200, 403}
                    continue
                assert (ours == 200) is (status == 200), (actor, place, ours, status)
                assert ours in {200, 403, 404}
