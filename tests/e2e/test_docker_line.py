"""The whole line on a Docker engine, as a person types it, under a visitor who asks every 20 ms from first to last."""

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from engine import Daemon
from line import LIMIT, PROGRAM, Client, make_database, program, result

from baked_publish.engine.record import NAME


@pytest.fixture
def here(
    engine: Daemon, docker_options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Give a folder with an engine and a state of its own; whatever is left running is unpublished."""
    monkeypatch.setenv("BAKED_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAKED_BASE_IMAGE", docker_options["base_image"])
    monkeypatch.setenv("BAKED_DOCKER_NETWORK", docker_options["network"])
    yield tmp_path
    program("unpublish", "docker", "data", "--yes")
    with engine.client() as client:
        assert not client.containers(all=True, filters={"label": f"{NAME}=data"})
        assert not client.images("baked-data/data")


def published(database: Path, *args: object) -> str:
    """Publish and return the URL on standard output, which holds nothing else."""
    done = program("docker", database, *args)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    return done.stdout.strip()


def test_strangers_are_locked_in_within_a_container_that_is_read_only(here: Path) -> None:
    """All that needs no kernel of its own is armed there; whatever is sorted finds room without a disk."""
    url = published(make_database(here / "data.db", 1, rows=200_000))
    told = httpx.get(f"{url}/-/versions.json").json()["strangers_sql"]
    assert told["mode"] == "processes"
    locks = {"memory", "file_size", "processes", "open_files", "seccomp", "ends_with_app", "first_to_go"}
    assert locks <= set(told["armed"])
    assert set(told["not_armed"]) <= {"landlock"}
    sql = "with recursive n(n) as (select 1 union all select n + 1 from n limit 20000) select n from n order by -n"
    assert httpx.get(f"{url}/data/-/query.json", params={"sql": sql}).json()["rows"][0] == {"n": 20000}
    text = f"'{'[' * 500}{']' * 500}' || substr(' ', a.id)"
    longest = f"select sum(length(json_pretty({text}))) from items a, items b, items c"
    answer = httpx.get(f"{url}/data/-/query.json", params={"sql": longest}, timeout=LIMIT)
    assert (answer.status_code, answer.json()["ok"]) == (400, False)
    with httpx.stream("GET", f"{url}/data/items.csv?_stream=on&_sort_desc=name", timeout=LIMIT) as answer:
        assert list(islice(answer.iter_lines(), 2))[1].split(",")[1] == "item 99999"


@pytest.mark.parametrize("keep_alive", [True, False], ids=["keep-alive", "a connection a request"])
def test_a_visitor_sees_no_mixed_state_and_a_port_that_closes_for_a_moment(here: Path, keep_alive: bool) -> None:  # noqa: FBT001
    data = here / "data.db"
    url = published(make_database(data, 1))
    with Client(url, keep_alive=keep_alive) as visitor:
        visitor.wait_for(1)
        assert result("docker", data)["action"] == "unchanged"
        done = program("docker", make_database(data, 2))
        assert done.stdout.strip() == url
        assert re.search(r"the port was closed for \d+\.\d\d s", done.stderr), done.stderr
        visitor.wait_for(2)
        assert published(make_database(data, 3), "--preview") != url
        assert result("promote", "docker", "data")["action"] == "promoted"
        visitor.wait_for(3)
        assert result("rollback", "docker", "data")["action"] == "rolled back"
        visitor.wait_for(2)
        broken = here / "plugins"
        broken.mkdir()
        (broken / "broken.py").write_text("raise RuntimeError('this plugin never starts')\n")
        refused = program("docker", make_database(data, 4), "--plugins-dir", broken)
        assert refused.returncode == 7
        assert "this plugin never starts" in refused.stderr
        assert published(make_database(data, 5), "--memory", "400m") == url
        visitor.wait_for(5)
    assert visitor.changes == [1, 2, 3, 2, 5]
    assert all(each.startswith("ConnectError") for each in visitor.failures), visitor.failures
    assert program("unpublish", "docker", "data", "--yes").returncode == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_two_publishes_at_once_leave_one_of_the_two(here: Path) -> None:
    url = published(make_database(here / "data.db", 1))
    codes: list[int] = []

    def one(version: int) -> None:
        folder = here / str(version)
        folder.mkdir()
        codes.append(program("docker", make_database(folder / "data.db", version)).returncode)

    with Client(url) as visitor:
        visitor.wait_for(1)
        threads = [threading.Thread(target=one, args=(version,)) for version in (2, 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        visitor.wait_for(httpx.get(f"{url}/data/state.json").json()["rows"][0]["version"])
    assert sorted(codes) in ([0, 0], [0, 9])
    assert all(each.startswith("ConnectError") for each in visitor.failures), visitor.failures


@pytest.mark.parametrize("step", ["stage", "promote"])
@pytest.mark.parametrize("when", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_publish_leaves_one_state_whole(here: Path, when: signal.Signals, step: str) -> None:
    url = published(make_database(here / "data.db", 1))
    words = [*PROGRAM, "docker", str(make_database(here / "data.db", 2))]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ) as child:
        assert child.stderr is not None
        for line in child.stderr:
            if line.startswith(step):
                child.send_signal(when)
                break
        child.communicate(timeout=LIMIT)
    assert child.returncode in {0, {signal.SIGINT: 130, signal.SIGTERM: 143}[when]}
    status = result("status", "docker", "data")
    assert status["answers"]
    assert not status["previews"]
    assert status["live"]["url"] == url
    seen = httpx.get(f"{url}/data/state.json").json()["rows"][0]["version"]
    assert seen == (1 if step == "stage" else seen)
    assert published(make_database(here / "data.db", 2)) == url


def test_the_commands_tell_what_is_there(here: Path) -> None:
    assert program("status", "docker", "data").returncode == 11
    url = published(make_database(here / "data.db", 1), "--port", free_port())
    published(make_database(here / "data.db", 2))
    history = result("history", "docker", "data")["deployments"]
    assert [each["live"] for each in history] == [True, False]
    assert history[0]["previous"] == history[1]["revision"]
    assert {each["url"] for each in history} == {url}
    assert program("logs", "docker", "data").returncode == 0
    assert program("rollback", "docker", "data", "nonsense").returncode == 11
    assert program("promote", "docker", "data").returncode == 11


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
