"""A BLOB is downloaded as the file that it is; what is no BLOB is said."""

from collections.abc import Callable
from hashlib import sha256

import pytest
from starlette.testclient import TestClient

from baked_core.blob import sniff

Serve = Callable[..., TestClient]

PNG = b"\x89PNG\r\n\x1a\n\x00\x00"
DATA = f"""
create table picture(id integer primary key, "the data" blob, note text, n integer);
insert into picture values(1, x'{PNG.hex()}', 'text', 5), (2, x'', null, null);
create table keyed(k blob primary key, d blob); insert into keyed values(x'00ff', x'ffd8ff');
create view v as select "the data" as d from picture where id = 1;
"""


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(data=DATA)


@pytest.mark.parametrize(
    "path",
    [
        "picture/1.blob?_blob_column=the+data",
        f"picture.blob?_blob_column=the+data&_blob_hash={sha256(PNG).hexdigest()}",
        "picture.blob?_blob_column=the+data&id=1",
        "v.blob?_blob_column=d",
        "-/query.blob?sql=select+%22the+data%22+as+d+from+picture+where+id=:i&i=1&_blob_column=d",
        f"-/query.blob?sql=select+*+from+picture&_blob_column=the+data&_blob_hash={sha256(PNG).hexdigest()}",
    ],
)
def test_a_blob_is_a_file(client: TestClient, path: str) -> None:
    response = client.get(f"/data/{path}")
    assert (response.status_code, response.content) == (200, PNG), response.text
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-disposition"].startswith("attachment;")
    assert response.headers["content-disposition"].endswith(".png")
    assert response.headers["x-content-type-options"] == "nosniff"


def test_an_empty_blob_and_a_key_that_is_one(client: TestClient) -> None:
    response = client.get("/data/picture/2.blob?_blob_column=the+data")
    assert (response.content, response.headers["content-type"]) == (b"", "application/octet-stream")
    assert client.get("/data/keyed/:x00ff.blob?_blob_column=d").headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("picture/1.blob?_blob_column=note", 400, "holds text, no BLOB"),
        ("picture/1.blob?_blob_column=n", 400, "holds a number, no BLOB"),
        ("picture/2.blob?_blob_column=note", 400, "holds nothing, no BLOB"),
        ("picture/1.blob?_blob_column=notes", 400, "did you mean 'note'?"),
        ("picture/1.blob", 400, "Add _blob_column="),
        ("picture/9.blob?_blob_column=note", 404, "no row '9'"),
        ("picture.blob?_blob_column=note", 400, "_blob_hash"),
        ("picture.blob?_blob_column=the+data&_blob_hash=00", 404, "'00'"),
        ("picture.blob?_blob_column=the+data&id=7", 404, "no rows"),
        ("-/query.blob?sql=select+nope&_blob_column=a", 400, "nope"),
        ("-/query.blob?sql=select+1+as+a&_blob_column=b", 400, "there are: a"),
    ],
)
def test_what_is_no_blob(client: TestClient, path: str, status: int, says: str) -> None:
    response = client.get(f"/data/{path}")
    assert response.status_code == status
    assert says in response.json()["error"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"GIF89a...", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVE", "audio/wav"),
        (b"RIFF\x00\x00\x00\x00nope", "application/octet-stream"),
        (b"\x00\x00\x00\x20ftypavif", "image/avif"),
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"%PDF-1.7", "application/pdf"),
        (b"<html><script>", "application/octet-stream"),
        (b"<svg onload=x>", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_kinds_are_told_by_first_bytes_and_never_something_that_runs(data: bytes, kind: str) -> None:
    assert sniff(data)[0] == kind
