"""Queries wait in turn, end when their client leaves, and leave the rest of the app alone."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacked import Attacked, attacked

SQL = b"/attacked/-/query.json?sql="
NUMBERS = b"with+recursive+n(i)+as+(select+1+union+all+select+i%2B1+from+n"
ENDLESS = NUMBERS + b")+select+count(*)+from+n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Attacked]:
    """Start a server with one place for SQL, and long limits."""
    with attacked(tmp_path, num_sql_processes=1, sql_queue=4, sql_time_limit_ms=60_000) as server:
        yield server


@contextlib.contextmanager
def asking(server: Attacked, target: bytes) -> Iterator[socket.socket]:
    """Ask, and do not wait for the answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as sock:
        sock.sendall(b"GET %b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n" % target)
        time.sleep(0.3)
        yield sock


def test_a_client_that_leaves_ends_its_query(server: Attacked) -> None:
    began = time.monotonic()
    with asking(server, SQL + ENDLESS):
        pass
    assert server.ask(SQL + b"select+1").status == 200
    assert time.monotonic() - began < 30


def test_a_client_that_leaves_the_queue_is_forgotten(server: Attacked) -> None:
    with asking(server, SQL + ENDLESS):
        for _ in range(6):
            with asking(server, b"/attacked/-/query?sql=select+1"):
                pass
        with asking(server, b"/attacked/-/query?sql=select+1") as waits:
            waits.setblocking(False)
            with pytest.raises(BlockingIOError):
                waits.recv(1)


def test_what_finds_no_room_is_told_at_once_when_to_come_back(server: Attacked) -> None:
    with asking(server, SQL + ENDLESS), asking(server, SQL + b"select+1"):
        began = time.monotonic()
        told = server.ask(SQL + b"select+1")
        assert told.status == 429, told
        assert 1 <= int(told.headers["retry-after"]) <= 60
        assert told.headers["cache-control"] == "no-store"
        assert json.loads(told.body)["ok"] is False
        with asking(server, b"/attacked/-/query?sql=select+1"):
            told = server.ask(b"/attacked/-/query?sql=select+1")
            assert told.status == 503, told
            assert told.headers["retry-after"]
        assert time.monotonic() - began < 20


def test_the_rest_answers_meanwhile(server: Attacked) -> None:
    with asking(server, SQL + ENDLESS):
        for target in (b"/-/healthz", b"/attacked/item", b"/attacked/item/7.json", b"/-/versions.json"):
            assert server.ask(target).status == 200


def test_csv_comes_whole_and_slow_readers_are_waited_for(server: Attacked) -> None:
    target = b"/attacked/-/query.csv?sql=" + NUMBERS + b"+limit+400000)+select+i,i,i+from+n"
    with asking(server, target) as sock:
        time.sleep(1.0)
        body = b""
        while data := sock.recv(1 << 16):
            body += data
    assert b"400000,400000,400000\r\n" in body
    assert body.endswith(b"0\r\n\r\n")
    assert server.ask(SQL + b"select+1").status == 200


def test_a_query_that_ends_its_process_is_told_so(server: Attacked) -> None:
    told = server.ask(SQL + NUMBERS + b"+limit+99)+select+hex(randomblob(400000))+as+x+from+n+order+by+x")
    assert told.status == 400
    assert "memory" in json.loads(told.body)["error"]
    assert server.ask(SQL + b"select+1").status == 200
