"""A quick statement runs where it was asked; one that is not done in a moment is begun again in a thread."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from baked_core import database
from baked_core.connection import Connection

Serve = Callable[..., TestClient]

NUMBERS = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)"
DATA = f"""
create table t(a integer primary key, b); {NUMBERS} insert into t select i, i from n;
create table folded(a text collate nocase, b, primary key(a collate binary)) without rowid;
{NUMBERS} insert into folded select 'x' || i, i from n;
"""


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Name the threads that read, in order."""
    names: list[str] = []
    fetch = Connection.fetch

    def noted(self: Connection, *args: Any, **more: Any) -> Any:
        names.append(threading.current_thread().name.partition("_")[0])
        return fetch(self, *args, **more)

    monkeypatch.setattr(Connection, "fetch", noted)
    return names


def test_what_is_quick_and_what_is_not(serve: Serve, threads: list[str]) -> None:
    client = serve(data=DATA)
    for path in ("t.json", "t/5.json", "folded/x5.json"):
        assert client.get(f"/data/{path}").status_code == 200
    assert "sql" not in threads
    threads.clear()
    for path in ("t.json?b=5", "t.json?_sort=b", "t.json?_size=1000"):
        assert client.get(f"/data/{path}").status_code == 200
    assert threads == ["sql"] * 3
    threads.clear()
    for path in ("-/query.json?sql=select+1", "t.json?_where=1"):
        assert client.get(f"/data/{path}").status_code == 200
    assert not threads  # another process read


def test_what_takes_longer_is_begun_again(serve: Serve, threads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "MOMENT", 0.0)
    body = serve(data=DATA).get("/data/folded.json?_shape=arrayfirst&_size=2").json()
    assert body == ["x1", "x10"]
    assert threads[-1] == "sql"
    assert len(threads) == 2


def test_large_rows_are_never_quick(serve: Serve, threads: list[str]) -> None:
    client = serve(data="create table t(a integer primary key, b); insert into t values(1, zeroblob(9000))")
    assert client.get("/data/t/1.json").status_code == 200
    assert threads == ["sql"]
