"""CSV is complete, or it ends in an error; never short with a good end."""

import csv
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from io import StringIO
from pathlib import Path

import pytest
from baking import baked_of
from starlette.testclient import TestClient

from baked_core.errors import BrokenOff

Serve = Callable[..., TestClient]

MANY = """
create table t(id integer primary key, a);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)
insert into t select i, 'row ' || i from n;
create view v as select a from t order by id desc;
create table odd(a, b); insert into odd values('x,"y"' || char(10), x'00ff'), (null, 1.5);
"""


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(StringIO(text)))


@pytest.mark.parametrize("argument", ["_stream=on", "_size=max"])
def test_all_rows_are_streamed(serve: Serve, argument: str) -> None:
    client = serve(data=MANY)
    found = rows(client.get(f"/data/t.csv?{argument}").text)
    assert (len(found), found[0], found[-1]) == (3001, ["id", "a"], ["3000", "row 3000"])
    assert rows(client.get(f"/data/v.csv?{argument}").text)[1] == ["row 3000"]
    assert len(rows(client.get(f"/data/t.csv?{argument}&id__gt=2900&_sort_desc=a&_header=off").text)) == 100


def test_a_page_says_where_the_next_one_is(serve: Serve) -> None:
    response = serve(data=MANY).get("/data/t.csv")
    assert len(rows(response.text)) == 101
    assert "_next=" in response.links["next"]["url"]


def test_odd_values_come_back(serve: Serve) -> None:
    found = rows(serve(data=MANY).get("/data/odd.csv?_dl=on").text)
    assert found == [["rowid", "a", "b"], ["1", 'x,"y"\n', "AP8="], ["2", "", "1.5"]]


def test_streaming_can_be_switched_off(serve: Serve) -> None:
    client = serve(data=MANY, settings={"allow_csv_stream": False})
    assert client.get("/data/t.csv?_stream=on").status_code == 403
    assert "_stream" not in client.get("/data/t").text


def test_a_stream_that_fails_does_not_end_well(serve: Serve) -> None:
    client = serve(
        data="create table t(a); insert into t select printf('%.*c', 2000000, 'x')", settings={"max_csv_mb": 1}
    )
    with pytest.raises(BrokenOff, match="max_csv_mb"):
        client.get("/data/t.csv?_stream=on")


def test_a_query_that_runs_out_of_time_half_way_does_not_end_well(serve: Serve) -> None:
    slow = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n where i < 2000 or i < 0"
    client = serve(data=MANY, settings={"sql_time_limit_ms": 300})
    with pytest.raises(BrokenOff, match="time limit"):
        client.get("/data/-/query.csv", params={"sql": slow})


@contextmanager
def server(bundle: Path) -> Iterator[http.client.HTTPConnection]:
    """Serve a Bundle by a process of its own, as it is served when published."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    env = {**os.environ, "HOST": "127.0.0.1", "PORT": str(port)}
    with subprocess.Popen([sys.executable, "-m", "baked_core", bundle], env=env, stderr=subprocess.DEVNULL) as process:
        try:
            yield connected(port)
        finally:
            process.kill()


def connected(port: int) -> http.client.HTTPConnection:
    deadline = time.monotonic() + 20
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.connect()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return connection


def test_a_client_sees_that_a_stream_is_cut(tmp_path: Path) -> None:
    baked_of(
        tmp_path, data=f"{MANY} insert into odd select printf('%.*c', 2000000, 'x'), 1", settings={"max_csv_mb": 1}
    )
    with server(tmp_path) as connection, closing(connection):
        connection.request("GET", "/data/t.csv?_stream=on")
        assert len(connection.getresponse().read().splitlines()) == 3001
        connection.request("GET", "/data/odd.csv?_stream=on")
        response = connection.getresponse()
        assert response.status == 200
        with pytest.raises(http.client.IncompleteRead):
            response.read()


def test_a_browser_saves_csv_under_a_name(serve: Serve) -> None:
    client = serve(data="create table t(a)")
    assert client.get("/data/t.csv").headers["content-type"] == "text/csv; charset=utf-8"
    assert client.get("/data/t.csv?_dl=on").headers["content-disposition"] == 'attachment; filename="t.csv"'
