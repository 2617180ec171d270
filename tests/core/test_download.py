"""A database file is answered whole or in part, exactly as it lies in the Bundle."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import apsw
import pytest
from baking import baked_of
from starlette.testclient import TestClient

from baked_core.app import create_app
from baked_core.bundle import Baked

Serve = Callable[..., TestClient]

DATA = "create table t(a); insert into t values(1)"


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(data=DATA)


def test_the_whole_file(client: TestClient, tmp_path: Path) -> None:
    content = (tmp_path / "databases" / "data.db").read_bytes()
    response = client.get("/data.db")
    assert (response.status_code, response.content) == (200, content)
    assert response.headers["content-length"] == str(len(content))
    assert response.headers["etag"] == f'"{sha256(content).hexdigest()}"'
    assert response.headers["content-disposition"] == 'attachment; filename="data.db"'
    assert response.headers["content-type"] == "application/vnd.sqlite3"
    assert response.headers["access-control-allow-origin"] == "*"
    head = client.head("/data.db")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(content)))


def test_a_part(client: TestClient, tmp_path: Path) -> None:
    content = (tmp_path / "databases" / "data.db").read_bytes()
    response = client.get("/data.db", headers={"range": "bytes=16-31"})
    assert (response.status_code, response.content) == (206, content[16:32])
    assert response.headers["content-range"] == f"bytes 16-31/{len(content)}"
    assert client.get("/data.db", headers={"range": "bytes=-16"}).content == content[-16:]
    etag = response.headers["etag"]
    assert client.get("/data.db", headers={"range": "bytes=0-0", "if-range": etag}).status_code == 206
    assert client.get("/data.db", headers={"range": "bytes=0-0", "if-range": '"old"'}).status_code == 200
    assert client.get("/data.db", headers={"range": f"bytes={len(content)}-"}).status_code == 416


@pytest.mark.parametrize(("asked", "status"), [("bytes=9999999-", 416), ("bytes=5-3", 400), ("lines=1-2", 400)])
def test_a_part_that_is_none_is_refused_as_safely_as_anything(client: TestClient, asked: str, status: int) -> None:
    response = client.get("/data.db", headers={"range": asked})
    assert response.status_code == status
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert "cache-control" in client.get("/data.db", headers={"range": "bytes=0-1"}).headers


@pytest.mark.parametrize("asked", ["{}", "W/{}", '"other", {}', "*"])
def test_it_is_not_sent_again(client: TestClient, asked: str) -> None:
    etag = client.get("/data.db").headers["etag"]
    response = client.get("/data.db", headers={"if-none-match": asked.format(etag)})
    assert (response.status_code, response.content) == (304, b"")


def test_a_file_that_is_not_there(client: TestClient) -> None:
    response = client.get("/daat.db")
    assert response.status_code == 404
    assert "did you mean 'data.db'?" in response.json()["error"]


@pytest.mark.parametrize(
    "how",
    [
        {"settings": {"allow_download": False}},
        {"metadata": {"databases": {"data": {"allow_download": False}}}},
    ],
)
def test_it_can_be_switched_off(serve: Serve, how: dict[str, object]) -> None:
    client = serve(data=DATA, other=DATA, **how)
    assert client.get("/data.db").status_code == 403
    assert client.get("/other.db").status_code == (200 if "metadata" in how else 403)


def test_the_database_in_memory_is_no_file(serve: Serve) -> None:
    assert serve(data=DATA, settings={"crossdb": True}).get("/_memory.db").status_code == 404


def test_a_preview_sends_the_file_as_it_is_now(tmp_path: Path) -> None:
    baked = baked_of(tmp_path, data=DATA)
    client = TestClient(create_app(Baked(baked.manifest, baked.paths, immutable=False)))
    first = client.get("/data.db").headers["etag"]
    with apsw.Connection(str(baked.paths["data"])) as connection:
        connection.execute("create table u(a)")
    connection.close()
    again = client.get("/data.db", headers={"if-none-match": first})
    assert again.status_code == 200
    assert again.content == baked.paths["data"].read_bytes()
