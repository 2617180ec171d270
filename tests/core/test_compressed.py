"""Compressed answers: the same words in fewer bytes, for whoever takes them and nobody else."""

import gzip
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

Serve = Callable[..., TestClient]

DATA = """
create table t(id integer primary key, name text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
insert into t select i, 'name of number ' || i from n;
create table small(a); create table pictures(id integer primary key, data blob);
insert into pictures values(1, randomblob(5000));
"""


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(data=DATA, settings={"max_returned_rows": 20000})


def raw(client: TestClient, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and the bytes as they went over the wire."""
    with client.stream("GET", path, headers=headers) as response:
        return response.status_code, dict(response.headers), b"".join(response.iter_raw())


@pytest.mark.parametrize(
    "path",
    [
        "/data/t",
        "/data/t.json",
        "/data/t.csv",
        "/data/t.csv?_stream=on",
        "/data/t.json?_size=max",
        "/-/static/style.css",
    ],
)
def test_text_is_compressed_and_comes_back(client: TestClient, path: str) -> None:
    _, plain_headers, plain = raw(client, path, **{"accept-encoding": "identity"})
    status, headers, packed = raw(client, path, **{"accept-encoding": "gzip, br"})
    assert (status, headers["content-encoding"], headers["vary"]) == (200, "gzip", "accept-encoding")
    assert "content-encoding" not in plain_headers
    assert gzip.decompress(packed) == plain
    assert len(packed) * 2 < len(plain)
    assert int(headers.get("content-length", len(packed))) == len(packed)


@pytest.mark.parametrize("path", ["/data/small.json", "/data.db", "/data/pictures/1.blob?_blob_column=data"])
def test_what_would_not_shrink_stays_as_it_is(client: TestClient, path: str) -> None:
    status, headers, _ = raw(client, path, **{"accept-encoding": "gzip"})
    assert (status, "content-encoding" in headers) == (200, False)


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("br;q=1, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, br", False),
        ("br", False),
        ("", False),
        ("notgzip", False),
    ],
)
def test_only_who_takes_it_gets_it(client: TestClient, accepted: str, *, packed: bool) -> None:
    assert ("content-encoding" in raw(client, "/data/t", **{"accept-encoding": accepted})[1]) is packed


def test_each_form_has_a_tag_of_its_own_and_both_are_known(client: TestClient) -> None:
    plain = raw(client, "/data/t.json", **{"accept-encoding": "identity"})[1]["etag"]
    packed = raw(client, "/data/t.json", **{"accept-encoding": "gzip"})[1]["etag"]
    assert packed == plain[:-1] + '-gz"'
    for tag, accepted in ((packed, "gzip"), (plain, "gzip"), (plain, "identity"), (f'"x", W/{packed}', "gzip")):
        status, headers, body = raw(client, "/data/t.json", **{"accept-encoding": accepted, "if-none-match": tag})
        assert (status, body) == (304, b"")
        assert headers["etag"] == (packed if accepted == "gzip" else plain)


def test_a_stream_that_fails_does_not_end_well(serve: Serve) -> None:
    client = serve(data=DATA, settings={"max_csv_mb": 1})
    grown = "/data/-/query.csv?sql=select+hex(randomblob(500))+as+a+from+t"
    with pytest.raises(Exception, match="max_csv_mb allows no more"):
        raw(client, grown, **{"accept-encoding": "gzip"})
