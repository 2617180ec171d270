"""``publish serve``: the files as they are now, with the flags of ``datasette serve``."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest
from line import LIMIT, PROGRAM, make_database, program

from baked_publish.errors import ConfigError


@contextmanager
def serving(*args: object) -> Iterator[str]:
    """Run the server until the block ends; yield its URL."""
    words = [*PROGRAM, "serve", *map(str, args)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield child.stdout.readline().strip()
        finally:
            child.send_signal(signal.SIGINT)
            assert child.wait(LIMIT) == 0


def rows(url: str, path: str = "/data/items.json") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(url + path, timeout=LIMIT).json()["rows"]
    return found


def test_what_is_served_follows_the_file(tmp_path: Path) -> None:
    data = make_database(tmp_path / "data.db", 1)
    with serving(data, "-p", 0) as url:
        assert rows(url)[0]["version"] == 1
        with apsw.Connection(str(data)) as writer:
            writer.execute("update items set version = 2; create table another(x)")
        writer.close()
        deadline = time.monotonic() + LIMIT
        while "another" not in httpx.get(url).text:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert rows(url)[0]["version"] == 2
        assert httpx.get(f"{url}/data/another.json").status_code == 200


def test_metadata_settings_static_and_templates_are_seen(tmp_path: Path) -> None:
    metadata, static, templates = tmp_path / "m.yaml", tmp_path / "pictures", tmp_path / "templates"
    metadata.write_text("title: All that we know\n")
    static.mkdir()
    (static / "a.txt").write_text("hello")
    templates.mkdir()
    (templates / "index.html").write_text("<h1>Mine</h1>")
    data = make_database(tmp_path / "data.db", 1)
    with serving(data, "-p", 0, "-m", metadata, "-s", "default_page_size", 3, "--static", f"photos:{static}") as url:
        assert "All that we know" in httpx.get(url).text
        assert httpx.get(f"{url}/photos/a.txt").text == "hello"
        assert len(rows(url)) == 3
    with serving(data, "-p", 0, "--template-dir", templates) as url:
        assert "<h1>Mine</h1>" in httpx.get(url).text


def test_reload_follows_the_metadata(tmp_path: Path) -> None:
    metadata = tmp_path / "metadata.yaml"
    metadata.write_text("title: Before\n")
    with serving(make_database(tmp_path / "data.db", 1), "-p", 0, "--reload", "-m", metadata) as url:
        assert "Before" in httpx.get(url).text
        metadata.write_text("title: Afterwards\n")
        deadline = time.monotonic() + LIMIT
        while "Afterwards" not in httpx.get(url).text:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_file_that_breaks_leaves_what_was_served(tmp_path: Path) -> None:
    data = make_database(tmp_path / "data.db", 1)
    with serving(data, "-p", 0, "-q") as url:
        partial = tmp_path / "other.db"
        partial.write_bytes(b"this is no database")
        partial.replace(data)
        time.sleep(1.5)
        assert httpx.get(f"{url}/-/healthz").status_code == 200
        assert "items" in httpx.get(url).text


def test_immutable_files_and_cors(tmp_path: Path) -> None:
    data = make_database(tmp_path / "data.db", 1)
    with serving("-i", data, "-p", 0, "--cors") as url:
        answer = httpx.get(f"{url}/data/items.json")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert httpx.get(f"{url}/-/databases.json").json()["databases"][0]["is_mutable"] is False
    with serving(data, "-p", 0) as url:
        assert "access-control-allow-origin" not in httpx.get(f"{url}/data/items.json").headers
        assert httpx.get(f"{url}/-/databases.json").json()["databases"][0]["is_mutable"] is True


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    http = httpx.Client(transport=httpx.HTTPTransport(uds=str(path)))
    with http, serving(make_database(tmp_path / "data.db", 1), "--uds", path):
        assert http.get("http://here/-/healthz").status_code == 200
    assert not path.exists()


def test_a_root_path_stands_before_every_link(tmp_path: Path) -> None:
    with serving(make_database(tmp_path / "data.db", 1), "-p", 0, "--root-path", "/data-desk") as url:
        page = httpx.get(url).text
    assert 'href="/data-desk/data"' in page
    assert 'href="/data"' not in page


def test_a_folder_of_datasettes_layout(tmp_path: Path) -> None:
    make_database(tmp_path / "data.db", 1)
    (tmp_path / "metadata.json").write_text('{"title": "From the folder"}')
    with serving(tmp_path, "-p", 0) as url:
        assert "From the folder" in httpx.get(url).text
        assert rows(url)


def test_csv_is_served_as_a_table(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_text("zip,name\n00501,Holtsville\n")
    with serving(tmp_path / "places.csv", "-p", 0) as url:
        assert rows(url, "/places/places.json") == [{"rowid": 1, "zip": "00501", "name": "Holtsville"}]


def test_a_port_in_use_and_nothing_to_serve_are_said_in_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = program("serve", make_database(tmp_path / "data.db", 1), "-p", taken.getsockname()[1])
    assert done.returncode == 5
    assert "choose another port" in done.stderr
    assert program("serve").returncode == 2


@pytest.mark.parametrize("when", [signal.SIGTERM])
def test_sigterm_ends_it(tmp_path: Path, when: signal.Signals) -> None:
    words = [*PROGRAM, "serve", str(make_database(tmp_path / "data.db", 1)), "-p", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(when)
        assert child.wait(LIMIT) in {0, 143}


def test_crossdb_joins_across_databases(tmp_path: Path) -> None:
    files = [make_database(tmp_path / f"{name}.db", number) for number, name in enumerate(("one", "two"))]
    sql = "select one.state.version as a, two.state.version as b from one.state join two.state using (id)"
    with serving(*files, "-p", 0, "--crossdb") as url:
        answer = httpx.get(f"{url}/_memory/-/query.json", params={"sql": sql})
        assert answer.json()["rows"] == [{"a": 0, "b": 1}]
        for hostile in ("attach 'x.db' as x", "create table one.t(x)", "create table t(x)", "detach one"):
            assert httpx.get(f"{url}/_memory/-/query.json", params={"sql": hostile}).status_code == 400
    with serving(*files, "-p", 0) as url:
        assert httpx.get(f"{url}/_memory/-/query.json", params={"sql": sql}).status_code == 404


def test_a_secret_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    make_database(tmp_path / "data.db", 1)
    (tmp_path / "m.yaml").write_text("tokens: {alice: {$env: NOT_THERE_AT_ALL}}")
    done = program("serve", tmp_path / "data.db", "-m", tmp_path / "m.yaml", "-p", "0")
    assert done.returncode == ConfigError.exit_code, done.stderr
    assert "the token of 'alice' needs the environment variable 'NOT_THERE_AT_ALL': set it" in done.stderr
