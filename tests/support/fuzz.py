"""Fuzz one target for some seconds: ``python fuzz.py TARGET SECONDS FOLDER``.

Atheris leads the inputs to where they run code that has not run yet; it begins with the target's seeds, and leaves an
input that fails in FOLDER. ``FOLDER/FILE`` in place of SECONDS runs that input alone.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["baked_core", "baked_publish"]):
    import fuzz_vendors
    from answered import answers as answered
    from answered import over_httpx
    from baking import baked_of

    from baked_core import keyset, urls
    from baked_core.app import create_app
    from baked_core.args import Args
    from baked_core.errors import BadRequest
    from baked_core.filters import OPERATORS, parse
    from baked_core.manifest import Column
    from baked_core.sql import Term
    from baked_core.values import BrokenText
    from baked_publish.errors import PublishError
    from baked_publish.images import published
    from baked_publish.ledger.ledger import Ledger
    from baked_publish.ledger.shelf import Shelf
    from baked_publish.registry.content import Blob
    from baked_publish.registry.descriptor import LAYER, MANIFEST, Descriptor, digest_of
    from baked_publish.registry.repository import Repository
    from baked_publish.registry.session import Session
    from baked_publish.registry.upload import upload
    from baked_publish.report import Silent

Input = Callable[[bytes], None]

COLUMNS = {
    name: Column(name, kind)
    for name, kind in {"a": "", "n": "INTEGER", "t": "TEXT", "r": "REAL", "_x": "BLOB", "a__b": "NUMERIC"}.items()
}
DATA = """
create table t(id integer primary key, a, name text, far integer references far(id), tags text);
insert into t values(1, x'00', 'one', 1, '["x"]'), (2, 9e999, null, 9, '{}'), (3, cast(x'ff' as text), '', null, '[');
create table far(id integer primary key, name text); insert into far values(1, 'Far');
create table pair(a, b, primary key(a, b)); insert into pair values(null, 1), ('x', x'01');
create view v as select a, name from t;
create virtual table docs using fts5(body); insert into docs values('apple');
"""
PAGES = (
    *("/data/t.json", "/data/t", "/data/t.csv", "/data/pair.json", "/data/docs.json", "/data/v.json", "/data"),
    *("/data/t/1.json", "/data/pair/:n,1", "/", "/-/schema.json", "/data/-/schema", "/data/t.blob", "/-/jump.json"),
)


def arguments(_folder: Path) -> tuple[Input, Sequence[bytes]]:
    """Read any query string, filter, token and key: refused or read, and what is read can be written again."""

    def run(data: bytes) -> None:
        with contextlib.suppress(BadRequest):
            args = Args.parse(data)
            for name, value in args.pairs:
                with contextlib.suppress(BadRequest):
                    found = parse(name, value, COLUMNS)
                    assert found.clause.sql.count("?") == len(found.clause.params)
                    assert parse(*found.argument, COLUMNS).clause == found.clause
                with contextlib.suppress(BadRequest):
                    keyset.decode(value, "scope", [Term("a")])
                with contextlib.suppress(BadRequest):
                    args.number(name)
                    args.flag(name)
                key = urls.decode_key(name)
                assert urls.decode_key(urls.encode_key(key)) == key or any(isinstance(each, BrokenText) for each in key)
                assert urls.tilde_decode(urls.tilde_encode(value)) == value or isinstance(value, BrokenText)

    words = [f"{column}__{operator}=%5B1,%22x%22%5D" for column in COLUMNS for operator in OPERATORS]
    return run, ["&".join(words).encode(), b"a=1&n__gt=5&_next=abc", b":x00ff,:n,:t5=~2F~FF", b"%FF=%00&a[]=%F0%9F"]


def pages(folder: Path) -> tuple[Input, Sequence[bytes]]:
    """Ask the whole app for any address: it answers, and never with 500."""
    baked = baked_of(folder, data=DATA, settings={"sql_time_limit_ms": 100, "facet_time_limit_ms": 50})
    app = create_app(baked)
    loop = asyncio.new_event_loop()

    def run(data: bytes) -> None:
        page = PAGES[data[0] % len(PAGES)] if data else "/"
        query = bytes(byte for byte in data[1:] if byte > 32 and byte != 35)
        status = loop.run_until_complete(_asked(app, page, query))
        assert status in {200, 301, 302, 304, 400, 403, 404, 405}, (status, page, query)

    queries = ["a__in=[1,2]&_sort=a", "_search=apple&_searchmode=raw", "_facet=far&_facet_array=tags&_facet_date=name"]
    queries += [
        "_col=a&_nocol=name&_shape=arrays&_extra=count,suggested_facets",
        "_labels=on&far=1&tags__arraycontains=x",
    ]
    queries += ['_through={"table":"t","column":"id","value":1}', "_fts_table=docs&_search=x&_size=1&_next=abc", "q=a"]
    return run, [bytes([page]) + query.encode() for page in range(len(PAGES)) for query in queries]


async def _asked(app: Any, path: str, query: bytes) -> int:
    statuses: list[int] = []

    said = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not said:  # a visitor who stays says nothing more
            await asyncio.Event().wait()
        return said.pop()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query}
    more = {"headers": [(b"host", b"x")], "scheme": "http", "server": ("x", 80), "http_version": "1.1", "root_path": ""}
    await app({**scope, **more, "client": ("127.0.0.1", 1)}, receive, send)
    return statuses[0]


def answers(_folder: Path) -> tuple[Input, Sequence[bytes]]:
    """Let a registry answer anything: what comes of it is a result, or one of our errors in our own words."""
    import httpx  # noqa: PLC0415 - it is not what is tried
    import stamina  # noqa: PLC0415

    stamina.set_testing(testing=True, attempts=2)
    setattr(time, "sleep", lambda _seconds: None)  # noqa: B010 - for every module
    blob = Blob.of(b"some bytes", LAYER)
    asked: tuple[Callable[[Repository], object], ...] = (
        lambda at: at.find("live"),
        lambda at: at.manifest("live"),
        lambda at: at.manifest(digest_of(b"")),
        lambda at: at.tags(5),
        lambda at: at.has(blob.descriptor.digest),
        lambda at: at.blob(blob.descriptor).read(),
        lambda at: upload(at, blob, lambda _bytes: None),
        lambda at: Shelf(at, "live", Silent()).look(),
        lambda at: published.read("x/data", at, "live"),
        lambda at: at.delete("live"),
    )

    def run(data: bytes) -> None:
        what, transport = asked[data[0] % len(asked)] if data else asked[0], over_httpx(answered(data[1:]))

        with contextlib.suppress(PublishError), Session("127.0.0.1:5000") as session:
            session._http = httpx.Client(transport=transport)
            session._chosen = True
            what(Repository(session, "data"))

    return run, [bytes([number]) + seed for number in range(len(asked)) for seed in _registry_seeds()]


def _registry_seeds() -> Sequence[bytes]:
    layer = Descriptor.of(b"some bytes", LAYER).to_json()
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": layer, "layers": [layer]}).encode()
    ledger = Ledger({}).to_json()
    challenge = b'www-authenticate: Bearer realm="http://127.0.0.1/token",service="x",scope="repository:data:pull"'
    digest = b"docker-content-digest: " + digest_of(manifest).encode()
    kind = b"content-type: " + MANIFEST.encode()
    return (
        b"200\n%b\n%b\ncontent-length: 9\n\n%b" % (kind, digest, manifest),
        b"200\n\n" + ledger,
        b"200\n" + kind + b"\n\n" + manifest + b"\x1e200\n\n" + manifest + b"\x1e200\n\nsome bytes",
        b"401\n"
        + challenge
        + b'\n\n{"errors":[{"code":"UNAUTHORIZED","message":"x"}]}\x1e200\n\n{"token":"t","expires_in":9}',
        b'200\nlink: </v2/data/tags/list?n=5&last=b>; rel="next"\n\n{"tags":["a","b"]}\x1e200\n\n{"tags":null}',
        b"202\nlocation: /v2/data/blobs/uploads/1\nrange: 0-3\n\n\x1e202\nlocation: /x\n\n\x1e201\n\n",
        b"307\nlocation: http://10.0.0.1/x\n\n\x1e429\nretry-after: Wed, 21 Oct 2015 07:28:00 GMT\n\n\x1e206\n\nbytes",
    )


TARGETS: dict[str, Callable[[Path], tuple[Input, Sequence[bytes]]]] = {
    "arguments": arguments,
    "pages": pages,
    "answers": answers,
    "fly": fuzz_vendors.fly,
    "google": fuzz_vendors.google,
}


def main(target: str, seconds: str, folder: str) -> None:
    """Fuzz, or run one input."""
    with tempfile.TemporaryDirectory() as made:
        run, seeds = TARGETS[target](Path(made))
        if not seconds.isdigit():
            run(Path(seconds).read_bytes())
            return
        corpus = Path(folder) / target
        corpus.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds):
            (corpus / f"seed-{number}").write_bytes(seed)
        bounds = [f"-max_total_time={seconds}", "-max_len=2000", "-timeout=20", "-rss_limit_mb=2048", "-verbosity=0"]
        words = [sys.argv[0], str(corpus), *bounds, f"-artifact_prefix={folder}/{target}-", "-print_final_stats=1"]
        atheris.Setup(words, run)
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:4])
