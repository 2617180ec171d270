"""``/-/verify`` tells what the files really hold, to whoever has the token."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest
from baking import baked_of
from starlette.testclient import TestClient

from baked_core import verify
from baked_core.app import create_app

SECRET = "sesame" * 3
TOKEN = {"authorization": f"Bearer {SECRET}"}
DATA = "create table t(a); insert into t values(1), (2); create table [empty one](b)"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    baked = baked_of(tmp_path, data=DATA, files={"site/templates/x.html": "hello"})
    with TestClient(create_app(baked, verify_token=SECRET)) as client:
        yield client


def test_what_is_there_agrees_with_the_manifest(client: TestClient) -> None:
    body = client.get("/-/verify", headers=TOKEN).json()
    manifest = body["manifest"]
    assert body["format"] == manifest["format"] == 1
    found, expected = body["databases"]["data"], manifest["databases"]["data"]
    assert (found["size"], found["sha256"]) == (expected["size"], expected["sha256"])
    assert found["tables"] == {"t": 2, "empty one": 0}
    assert body["files"] == manifest["files"]


def test_a_database_swapped_under_the_manifest_shows(client: TestClient, tmp_path: Path) -> None:
    assert client.get("/data/t.json").status_code == 200
    path = tmp_path / "databases/data.db"
    path.unlink()
    with apsw.Connection(str(path)) as other:
        other.execute("create table t(a); create table [empty one](b)")
    other.close()
    body = client.get("/-/verify", headers=TOKEN).json()
    assert body["databases"]["data"]["tables"]["t"] == 0
    assert body["databases"]["data"]["sha256"] != body["manifest"]["databases"]["data"]["sha256"]


def test_a_file_that_is_gone_shows(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "site/templates/x.html").unlink()
    assert client.get("/-/verify", headers=TOKEN).json()["files"]["site/templates/x.html"] == {"sha256": "", "size": -1}


@pytest.mark.parametrize("given", [{}, {"authorization": "Bearer wrong"}, {"authorization": SECRET}])
def test_without_the_token_there_is_no_such_page(client: TestClient, given: dict[str, str]) -> None:
    refused, unknown = client.get("/-/verify", headers=given), client.get("/-/verifx", headers=given)
    assert refused.status_code == unknown.status_code == 404
    assert refused.text.replace("verify", "verifx") == unknown.text
    assert {**refused.headers} == {**unknown.headers}


def test_without_a_token_set_nobody_gets_in(tmp_path: Path) -> None:
    client = TestClient(create_app(baked_of(tmp_path, data=DATA)))
    assert client.get("/-/verify", headers={"authorization": "Bearer None"}).status_code == 404
    assert client.get("/-/verify", headers={"authorization": "Bearer "}).status_code == 404


def test_one_at_a_time(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    look: Callable[..., object] = verify._look

    def slow(serving: object) -> object:
        begun.set()
        assert go_on.wait(20)
        return look(serving)

    monkeypatch.setattr(verify, "_look", slow)
    first = threading.Thread(target=client.get, args=("/-/verify",), kwargs={"headers": TOKEN})
    first.start()
    try:
        assert begun.wait(20)
        second = client.get("/-/verify", headers=TOKEN)
        assert (second.status_code, second.headers["retry-after"]) == (503, "5")
    finally:
        go_on.set()
        first.join(20)
    assert client.get("/-/verify", headers=TOKEN).status_code == 200
