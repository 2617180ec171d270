"""The whole line on this machine, as a person types it, under a visitor who asks every 20 ms from first to last."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import killed
import pytest
from killed import STEPS
from line import LIMIT, PROGRAM, Client, make_database, program, result

from baked_publish.room import LOCKS


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder with a state of its own; whatever is left running in it is unpublished."""
    monkeypatch.setenv("BAKED_STATE_HOME", str(tmp_path / "state"))
    yield tmp_path
    for name in ("data", "other"):
        program("unpublish", "local", name, "--yes")


def published(database: Path, *args: object) -> str:
    """Publish and return the URL on standard output, which holds nothing else."""
    done = program("local", database, *args)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    return done.stdout.strip()


def test_strangers_are_locked_in_under_a_keeper_as_the_doctor_says(here: Path) -> None:
    url = published(make_database(here / "data.db", 1))
    told = httpx.get(f"{url}/-/versions.json").json()["strangers_sql"]
    assert told["mode"] == "processes"
    findings = {each["what"]: each["ok"] for each in result("doctor", "local")["findings"]}
    assert {LOCKS[name] for name in told["armed"]} == {LOCKS[name] for name in LOCKS if findings.get(LOCKS[name])}
    assert {"memory", "file_size", "open_files", "processes", "seccomp"} <= set(told["armed"])
    answer = httpx.get(f"{url}/data/-/query.json", params={"sql": "select count(*) as n from items"})
    assert answer.json()["rows"] == [{"n": 500}]


@pytest.mark.parametrize("keep_alive", [True, False], ids=["keep-alive", "a connection a request"])
def test_a_visitor_sees_no_failure_and_no_mixed_state(here: Path, keep_alive: bool) -> None:  # noqa: FBT001
    data = here / "data.db"
    url = published(make_database(data, 1))
    with Client(url, keep_alive=keep_alive) as visitor:
        visitor.wait_for(1)
        assert result("local", data)["action"] == "unchanged"
        assert published(make_database(data, 2)) == url
        visitor.wait_for(2)
        assert published(make_database(data, 3), "--preview") != url
        assert result("promote", "local", "data")["action"] == "promoted"
        visitor.wait_for(3)
        assert result("rollback", "local", "data")["action"] == "rolled back"
        visitor.wait_for(2)
        broken = here / "plugins"
        broken.mkdir()
        (broken / "broken.py").write_text("raise RuntimeError('this plugin never starts')\n")
        assert program("local", make_database(data, 4), "--plugins-dir", broken).returncode == 7
        assert published(make_database(data, 5), "--workers", "2") == url
        visitor.wait_for(5)
    assert not visitor.failures
    assert visitor.changes == [1, 2, 3, 2, 5]
    assert program("unpublish", "local", "data", "--yes").returncode == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_a_publish_killed_at_any_step_is_noticed_by_no_visitor(here: Path) -> None:
    """Kill a publish at each step in turn, let a second run heal, and watch from outside all the while."""
    data = here / "data.db"
    target = "baked_publish.targets.local:LocalPublisher"
    with Client(published(make_database(data, 1))) as visitor:
        visitor.wait_for(1)
        for version, (step, when) in enumerate(STEPS, 2):
            words = [sys.executable, killed.__file__, target, "data", str(make_database(data, version)), step, when]
            done = subprocess.run(words, capture_output=True, timeout=LIMIT, check=False)
            assert done.returncode == -signal.SIGKILL, done.stderr.decode()
            assert result("local", data)["action"] in {"published", "unchanged"}
            visitor.wait_for(version)
            assert not result("status", "local", "data")["previews"]
    assert not visitor.failures
    assert visitor.changes == list(range(1, len(STEPS) + 2))


def test_two_publishes_at_once_leave_one_of_the_two(here: Path) -> None:
    url = published(make_database(here / "data.db", 1))
    codes: list[int] = []

    def one(version: int) -> None:
        folder = here / str(version)
        folder.mkdir()
        codes.append(program("local", make_database(folder / "data.db", version)).returncode)

    with Client(url) as visitor:
        visitor.wait_for(1)
        threads = [threading.Thread(target=one, args=(version,)) for version in (2, 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        visitor.wait_for(httpx.get(f"{url}/data/state.json").json()["rows"][0]["version"])
    assert sorted(codes) in ([0, 0], [0, 9])
    assert not visitor.failures


@pytest.mark.parametrize("when", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_publish_leaves_what_was_live(here: Path, when: signal.Signals) -> None:
    url = published(make_database(here / "data.db", 1))
    words = [*PROGRAM, "local", str(make_database(here / "data.db", 2))]
    with Client(url) as visitor:
        visitor.wait_for(1)
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            assert child.stderr is not None
            for line in child.stderr:
                if line.startswith("stage"):
                    child.send_signal(when)
                    break
            child.communicate(timeout=LIMIT)
        assert child.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[when]
    assert not visitor.failures
    assert visitor.changes == [1]
    status = result("status", "local", "data")
    assert status["answers"]
    assert not status["previews"]
    assert published(make_database(here / "data.db", 2)) == url


def test_the_server_outlives_the_shell(here: Path) -> None:
    words = [*PROGRAM, "local", str(make_database(here / "data.db", 1))]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as shell:
        url = shell.communicate(timeout=LIMIT)[0].strip()
    with pytest.raises(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGHUP)
    assert httpx.get(f"{url}/-/healthz").status_code == 200


def test_a_port_in_use_is_named(here: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = program("local", make_database(here / "data.db", 1), "--port", port)
    assert done.returncode == 5
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr
    assert program("status", "local", "data").returncode == 11
