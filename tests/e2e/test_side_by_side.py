"""Side by side with Datasette 1.0a41 on the same file: the same status, rows and JSON, or a difference that is argued.

``side_by_side.txt`` lists the addresses. One that is followed by ``# why`` differs on purpose, and must.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import apsw
import peer
import pytest
from baking import baked_of

LIMIT = 60.0
LIST = Path(__file__).with_name("side_by_side.txt").read_text("utf-8").splitlines()
LISTED = [line.split("  # ") for line in LIST if line.startswith("/")]
LEFT_OUT = {"next", "next_url", "toggle_url", "query_ms", "error", "errors"}
"""Keys that hold tokens, hosts, times or words of their own."""

DATA = """
create table country(code text primary key, name text, people integer, area real);
insert into country values('AT', 'Austria', 9000000, 83871.5), ('CH', 'Switzerland', 8700000, 41285);
insert into country values('LI', 'Liechtenstein', 39000, 160);
create table city(id integer primary key, name text, country text references country(code), tags text, founded text,
  size integer);
insert into city values(1, 'Vienna', 'AT', '["big", "old"]', '1900-01-01', 5), (2, 'Graz', 'AT', '["old"]', null, 5);
insert into city values(3, 'Bern', 'CH', '["big"]', '1901-02-03', 6);
insert into city values(9223372036854775807, 'Vaduz', 'LI', '[]', null, 6);
create table plain(a, b); insert into plain values(x'00ff', 9e999), (null, 'text'), ('{"x": 1}', -9e999);
create table "odd name/%.x"("a b" integer primary key, "c""d"); insert into "odd name/%.x" values(1, '<b>');
create view big as select name, people from country where people > 1000000;
create table article(id integer primary key, title text, body text);
insert into article values(1, 'apple pie', 'sweet "quoted"'), (2, 'banana split', 'cold apple'), (3, 'cherry', 'red');
create virtual table article_fts using fts5(title, body, content="article");
insert into article_fts(article_fts) values('rebuild');
create table tag(id integer primary key, tag text); insert into tag values(1, 'fruit'), (2, 'cake');
create table article_tag(article_id integer references article(id), tag_id integer references tag(id),
  primary key(article_id, tag_id));
insert into article_tag values(1, 1), (1, 2), (2, 1);
create table picture(id integer primary key, data blob, note text); insert into picture values(1, x'89504e47', 'n');
create table pair(a text, b text, c int, primary key(a, b));
insert into pair values('x', 'y', 1), ('x,', '/', 2), ('', 'z', 3);
create table many(id integer primary key, g text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 2500)
insert into many select i, 'g' || (i % 40) from n;
create table ref(id integer primary key, a integer references tag(id), b integer references article(id));
insert into ref values(1, 1, 99), (2, null, 2);
"""


class Stay(urllib.request.HTTPRedirectHandler):
    """Shows redirects instead of following them."""

    def redirect_request(self, *_args: Any) -> None:
        """Go nowhere."""


CONFIG: dict[str, Any] = {
    "databases": {
        "world": {
            "queries": {
                "bigger": {"sql": "select name from country where people > :n order by name", "title": "Bigger than"},
                "countries": {"sql": "select code, name from country order by code", "hide_sql": True},
            },
            "tables": {"article_tag": {"facets": ["tag_id"]}, "tag": {"sortable_columns": ["tag"]}},
        }
    }
}
"""What both are told of the data."""
OPENER = urllib.request.build_opener(Stay)


@pytest.fixture(scope="session")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Serve the same file with both, and give their addresses, the peer's first."""
    home = tmp_path_factory.mktemp("side_by_side")
    database = home / "databases" / "world.db"
    baked_of(home, metadata=CONFIG, world=DATA)
    (home / "config.json").write_text(json.dumps(CONFIG))
    bin_ = peer.install(home / "peer").parent
    with ExitStack() as stack:
        ports = [free_port(), free_port()]
        theirs = [str(bin_ / "datasette"), "serve", "-i", str(database), "-p", str(ports[0]), "--cors"]
        theirs += ["-c", str(home / "config.json")]
        ours = [sys.executable, "-m", "baked_core", str(home)]
        for words, port in ((theirs, ports[0]), (ours, ports[1])):
            env = {**os.environ, "HOST": "127.0.0.1", "PORT": str(port)}
            process = stack.enter_context(
                subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
            stack.callback(process.kill)
            wait(port)
        yield f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


def wait(port: int) -> None:
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            get(f"http://127.0.0.1:{port}/-/versions.json")
        except OSError:
            assert time.monotonic() < deadline, "a server gave no answer"
            time.sleep(0.05)
        else:
            return


def get(url: str) -> tuple[int, str, Any]:
    """Return status, place of a redirect, and the body: JSON without what may differ, or text of CSV.

    JSON comes with its type, who may read it, and whether a header leads to a next page.
    """
    try:
        response = OPENER.open(url, timeout=LIMIT)
    except urllib.error.HTTPError as exc:
        response = exc
    with response:
        body, kind = response.read(), response.headers["content-type"] or ""
        place = (response.headers["location"] or "").replace("~20", "+")
        if "json" in kind:
            told = [kind, response.headers["access-control-allow-origin"], "next" in (response.headers["link"] or "")]
            return response.status, place, [told, tidy(json.loads(body))]
        return response.status, place, body if ".csv" in url else None


def tidy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: tidy(each) for name, each in value.items() if name not in LEFT_OUT}
    return [tidy(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("path", "why"), [(line[0], line[1] if len(line) > 1 else "") for line in LISTED])
def test_the_same_answer(sides: tuple[str, str], path: str, why: str) -> None:
    theirs, ours = get(sides[0] + path), get(sides[1] + path)
    if why:
        assert ours != theirs, "they agree: take the reason out of the list"
        assert ours[0] < 500
    else:
        assert ours == theirs


def test_the_list_is_long_enough() -> None:
    assert len({path for path, *_ in LISTED}) >= 400


def test_both_read_a_whole_database() -> None:
    connection = apsw.Connection(":memory:")
    connection.execute(DATA)
    assert connection.execute("select count(*) from many").get == 2500
