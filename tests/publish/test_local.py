"""The target ``local`` with real processes: what visitors see while deployments come, go, crash and are killed."""

import http.client
import os
import random
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from kept import Artifacts, Local, alive, baked, kill, release, wait_until
from line import LIMIT, Client

from baked_publish.builders.directory import Directory
from baked_publish.errors import LockedError, NotFoundError, StageError, StorageError, TargetError, UsageError
from baked_publish.keeper.hand import LARGEST, open_log
from baked_publish.report import Report, Silent
from baked_publish.targets.local import LocalOptions, LocalPublisher


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    return baked(tmp_path_factory.mktemp("baked"), 1, 2, 3)


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, artifacts: Artifacts) -> Iterator[Local]:
    monkeypatch.setenv("BAKED_STATE_HOME", str(tmp_path / "state"))
    with httpx.Client(timeout=LIMIT) as http:
        made = Local(artifacts, http)
        yield made
        made.publisher().unpublish()
    assert not (tmp_path / "state" / "local" / "data").exists()


def spoiled(artifact: Directory, path: str, code: str) -> Directory:
    """Return ``artifact`` with ``code`` appended to one file of its serving app."""

    class Spoiled(Directory):
        def write(self, folder: Path, report: Report, **how: Any) -> None:
            super().write(folder, report, **how)
            file = folder / "app" / "baked_core" / path
            text = file.read_text()
            file.unlink()
            file.write_text(text + code)

    return Spoiled(artifact.bundle)


# What visitors see


@pytest.mark.parametrize("keep_alive", [True, False], ids=["keep-alive", "a connection a request"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_hand_over_fails_no_request_and_never_goes_back(local: Local, keep_alive: bool, workers: int) -> None:  # noqa: FBT001
    first = local.publish(1, workers=workers)
    with Client(first.url, pause=0.002, keep_alive=keep_alive) as visitor:
        visitor.wait_for(1)
        for version in (2, 3):
            assert local.publish(version, workers=workers).url == first.url
            visitor.wait_for(version)
        publisher = local.publisher()
        publisher.promote(publisher.recall(publisher.history()[1]))
        visitor.wait_for(2)
    assert not visitor.failures
    assert visitor.changes == [1, 2, 3, 2]
    assert len(local.contact.ask("status")["crews"]) == 1


def test_many_open_connections_move_together(local: Local) -> None:
    url = local.publish(1).url
    second = local.stage(2)
    with ExitStack() as stack:
        visitors = [http.client.HTTPConnection(url.removeprefix("http://"), timeout=LIMIT) for _ in range(50)]
        for each in visitors:
            stack.callback(each.close)
        seen = [ask(each) for each in visitors]
        ports = [each.sock.getsockname() for each in visitors]
        promoting = threading.Thread(target=local.publisher().promote, args=(second,))
        promoting.start()
        while promoting.is_alive() or seen[-1] != 2:
            seen += [ask(each) for each in visitors]
        promoting.join()
        moved = [
            each.sock is not None and each.sock.getsockname() == port
            for each, port in zip(visitors, ports, strict=True)
        ]
    assert moved.count(False) <= 1  # the one that was being answered came back by another connection
    assert sorted(seen) == seen


def refused(url: str) -> bool:
    try:
        httpx.get(url)
    except httpx.ConnectError:
        return True
    except httpx.ReadError:  # the last process that held the socket is about to end
        pass
    return False


def ask(visitor: http.client.HTTPConnection) -> int:
    visitor.request("GET", "/data/state.json?_shape=array")
    return 2 if b'"version":2' in visitor.getresponse().read().replace(b" ", b"") else 1


def test_a_crash_of_the_app_fails_only_what_was_under_way(local: Local) -> None:
    url = local.publish(1).url
    with Client(url, pause=0.002) as visitor:
        visitor.wait_for(1)
        (before,) = local.hands()
        kill(before)
        wait_until(lambda: local.hands() not in ([], [before]))
        asked = len(visitor.versions)
        wait_until(lambda: len(visitor.versions) > asked + 5)
    assert len(visitor.failures) <= 1


def test_one_of_two_workers_crashes_and_comes_back(local: Local) -> None:
    url = local.publish(1, workers=2).url
    before = local.hands()
    kill(before[0])
    wait_until(lambda: len(local.hands()) == 2)
    assert before[1] in local.hands()
    assert local.version(url) == 1


# The keeper dies


def test_a_dead_keeper_is_followed_by_another_that_adopts_what_runs(local: Local) -> None:
    live = local.publish(1, workers=2)
    preview = local.publisher().keep(local.stage(3))
    before, keeper = sorted(local.hands()), local.keeper()
    with Client(live.url, pause=0.002) as visitor:
        visitor.wait_for(1)
        kill(keeper)
        assert local.version(live.url) == 1
        wait_until(lambda: len(list(local.folder.run.glob("orphan-*.sock"))) == 3)
        assert local.publisher().fetch(live, "/-/healthz", {}) == b"ok"
        assert local.keeper() != keeper
        assert sorted(local.hands()) == before
        assert local.version(preview.url) == 3
        local.publish(2)
        visitor.wait_for(2)
    assert not visitor.failures
    assert visitor.changes == [1, 2]


def test_a_keeper_of_another_version_is_replaced_and_nothing_stops(local: Local) -> None:
    live = local.publish(1)
    before, keeper = local.hands(), local.keeper()
    with Client(live.url, pause=0.002) as visitor:
        visitor.wait_for(1)
        local.contact.ask("retire")
        wait_until(lambda: not alive(keeper))
        local.contact.ensure()
        assert local.hands() == before
        local.publish(2)
        visitor.wait_for(2)
    assert not visitor.failures


@pytest.mark.parametrize("seed", range(4))
def test_a_keeper_killed_while_it_promotes_leaves_one_of_the_two(local: Local, seed: int) -> None:
    live = local.publish(1)
    candidate, keeper = local.stage(2), local.keeper()
    pause = random.Random(seed).uniform(0, 0.02)  # noqa: S311 - a moment, not a secret

    def cut() -> None:
        time.sleep(pause)
        kill(keeper)

    with Client(live.url, pause=0.002) as visitor:
        visitor.wait_for(1)
        cutting = threading.Thread(target=cut)
        cutting.start()
        with suppress(TargetError):
            local.publisher().promote(candidate)
        cutting.join()
        local.contact.ensure()
        now = local.publisher().live()
        assert now is not None
        expected = {live.revision: 1, candidate.revision: 2}[now.revision]
        visitor.wait_for(expected)
    assert not visitor.failures
    assert visitor.changes in ([1], [1, 2])
    wait_until(lambda: sum(crew["visited"] for crew in local.contact.ask("status")["crews"].values()) == 1)


def test_after_a_restart_of_the_machine_the_same_url_comes_back(local: Local) -> None:
    live = local.publish(1)
    hands = local.hands()
    kill(local.keeper())
    kill(*hands)
    assert local.publisher().live() == live
    with pytest.raises(TargetError, match="is not running"):
        local.publisher().fetch(live, "/-/healthz", {})
    publisher = local.publisher()
    assert publisher.promote(publisher.recall(live)) == live
    assert local.version(live.url) == 1


def test_any_command_that_changes_something_brings_back_what_should_be_live(local: Local) -> None:
    live = local.publish(1)
    hands = local.hands()
    kill(local.keeper())
    kill(*hands)
    local.stage(2)
    assert local.version(live.url) == 1


# Candidates that fail


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("\nraise SystemExit('no luck today')\n", "no luck today"),
        ("\nimport time\ntime.sleep(60)\n", "did not come up"),
    ],
    ids=["it ends", "it never answers"],
)
def test_an_app_that_does_not_come_up_is_told_with_its_last_words_and_removed(
    local: Local, code: str, words: str
) -> None:
    live = local.publish(1)
    with pytest.raises(StageError, match=words):
        local.publisher(start_timeout=2.0).stage(spoiled(local.artifacts[2], "errors.py", code), release(2), "t")
    assert local.publisher().live() == live
    assert not local.publisher().candidates()
    assert len(list((local.folder.path / "deployments").iterdir())) == 1
    assert local.version(live.url) == 1


def test_the_first_candidate_that_fails_leaves_nothing(local: Local) -> None:
    code = "\nraise SystemExit('no luck today')\n"
    with pytest.raises(StageError):
        local.publisher().stage(spoiled(local.artifacts[2], "errors.py", code), release(2), "t")
    assert not local.folder.path.exists()


def test_an_app_that_dies_as_it_goes_live_leaves_the_old_one(local: Local) -> None:
    live = local.publish(1)
    code = "\nServer.take_up = lambda *_: os._exit(7)\n"
    with Client(live.url, pause=0.002) as visitor:
        visitor.wait_for(1)
        publisher = local.publisher()
        candidate = publisher.stage(spoiled(local.artifacts[2], "worker.py", code), release(2), "t")
        with pytest.raises(TargetError, match="died as it was to go live"):
            publisher.promote(candidate)
        asked = len(visitor.versions)
        wait_until(lambda: len(visitor.versions) > asked + 5)
    assert not visitor.failures
    assert visitor.changes == [1]
    assert local.publisher().live() == live


def test_a_staged_release_is_taken_up_again(local: Local) -> None:
    first = local.stage(1)
    assert local.stage(1) == first
    assert first.token == "token 1"  # noqa: S105 - a test's


# Addresses


def test_a_port_in_use_is_named_before_the_bake_and_when_bound(local: Local) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        publisher = local.publisher(port=port)
        (amiss,) = [finding for finding in publisher.preflight() if not finding.ok]
        assert f"port {port} on 127.0.0.1 is in use" in amiss.fix
        candidate = local.stage(1, port=port)
        with pytest.raises(TargetError, match=rf"port {port} on 127.0.0.1 is in use.*--port"):
            publisher.promote(candidate)
    assert publisher.live() is None
    assert publisher.promote(candidate).url == f"http://127.0.0.1:{port}"


def test_an_address_stays_until_another_is_asked_for(local: Local) -> None:
    first = local.publish(1)
    assert local.publisher().given == LocalOptions(host="127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    moved = local.publish(2, port=port)
    assert moved.url == f"http://127.0.0.1:{port}"
    assert local.version(moved.url) == 2
    wait_until(lambda: refused(first.url))
    assert local.publisher().given == LocalOptions(host="127.0.0.1", port=port)
    assert local.publish(3).url == moved.url


def test_its_own_port_on_another_host_is_not_called_a_stranger_s(local: Local) -> None:
    live = local.publish(1)
    port = int(live.url.rpartition(":")[2])
    candidate = local.stage(2, host="0.0.0.0", port=port)  # noqa: S104 - never bound
    with pytest.raises(TargetError, match=f"'data' holds port {port} on 127.0.0.1 itself"):
        local.publisher(host="0.0.0.0", port=port).promote(candidate)  # noqa: S104 - never bound
    assert local.publisher().live() == live


def test_a_plan_names_a_move_and_more_workers(local: Local) -> None:
    live = local.publish(1)
    changes = local.publisher(port=1, workers=3).plan(local.artifacts[1], live)
    assert [(each.what, each.after) for each in changes] == [("address", "http://127.0.0.1:1"), ("workers", "3")]
    assert not local.publisher().plan(local.artifacts[1], live)


# The state folder


def test_everything_is_for_its_owner_only_and_no_token_shows(local: Local) -> None:
    local.publish(1)
    folder = local.folder
    (revision,) = folder.records()
    assert stat.S_IMODE(folder.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    for path in (folder.path / "state.json", folder.token_file(revision), folder.log(revision), folder.keeper_log):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    words = subprocess.run(["ps", "-A", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert "token 1" not in words


def test_nobody_of_our_session_holds_the_server(local: Local) -> None:
    local.publish(1)
    ours = os.getsid(0)
    assert all(os.getsid(pid) != ours for pid in (local.keeper(), *local.hands()))


def test_files_that_did_not_change_are_shared_but_not_by_force(local: Local) -> None:
    local.publish(1)
    changed, forced = local.stage(2), local.publisher().stage(local.artifacts[1], release(1), "t")
    live = local.publisher().live()
    assert live is not None

    def node(revision: str, path: str) -> int:
        return (local.folder.bundle(revision) / path).stat().st_ino

    app = "app/baked_core/server.py"
    assert node(live.revision, app) == node(changed.revision, app)
    assert node(live.revision, app) != node(forced.revision, app)
    assert node(live.revision, "databases/data.db") != node(changed.revision, "databases/data.db")


def test_old_deployments_are_pruned_and_what_is_live_is_not(local: Local) -> None:
    for version in (1, 2, 3):
        local.publish(version)
    publisher = local.publisher()
    newest = publisher.history()
    publisher.prune(1)
    assert publisher.history() == newest[:2]
    assert len(local.folder.records()) == 2
    publisher.prune(0)
    assert publisher.history() == newest[:1]


def test_unpublish_ends_all_processes(local: Local) -> None:
    live = local.publish(1, workers=2)
    pids = [local.keeper(), *local.hands()]
    local.publisher().unpublish()
    wait_until(lambda: not any(map(alive, pids)))
    with pytest.raises(httpx.ConnectError):
        httpx.get(live.url)
    assert local.publisher().live() is None


def test_a_state_folder_that_was_removed_ends_all_processes(local: Local) -> None:
    local.publish(1)
    pids = [local.keeper(), *local.hands()]
    shutil.rmtree(local.folder.path)
    wait_until(lambda: not any(map(alive, pids)))


def test_a_deep_state_folder_has_its_sockets_elsewhere(
    local: Local, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BAKED_STATE_HOME", str(tmp_path / ("deep" * 40)))
    live = local.publish(1)
    run = local.folder.run
    try:
        assert not run.is_relative_to(tmp_path)
        assert stat.S_IMODE(run.stat().st_mode) == 0o700
        assert local.version(live.url) == 1
    finally:
        local.publisher().unpublish()
    assert not run.exists()


def test_a_newer_state_is_refused(local: Local) -> None:
    folder = local.folder
    folder.make()
    (folder.path / "state.json").write_text('{"format": 2}')
    with pytest.raises(StorageError, match=r"has format 2, this version of baked-data reads format 1"):
        local.publisher()
    (folder.path / "state.json").unlink()


def test_a_lock_names_its_holder(local: Local) -> None:
    code = (
        "from kept import *\nlocal = LocalPublisher(LocalOptions(), 'data', httpx.Client(), Silent())\n"
        "with local.lock():\n    print('held', flush=True)\n    input()"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "support")}
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            with pytest.raises(LockedError, match=f"under way in process {other.pid}"), local.publisher().lock():
                pass
        finally:
            other.kill()
            other.wait(LIMIT)
    with local.publisher().lock():
        pass


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"BAKED_STATE_HOME": "/proc/nothing"}, "set BAKED_STATE_HOME"),
        ({}, "this user has no home folder: set BAKED_STATE_HOME"),
    ],
    ids=["read-only", "no home"],
)
def test_a_state_folder_that_cannot_be_used_says_what_to_set(env: dict[str, str], message: str) -> None:
    """A user that no password file knows is one whose look-up fails."""
    code = (
        "import httpx\nfrom baked_publish.targets.local import LocalOptions, LocalPublisher\n"
        "from baked_publish.report import Silent\nfrom baked_publish.errors import StorageError\n"
        "try:\n    LocalPublisher(LocalOptions(), 'data', httpx.Client(), Silent()).preflight()\n"
        "except StorageError as exc:\n    print(exc)\n"
    )
    words = [sys.executable, "-c", "import os, pwd\npwd.getpwuid = lambda uid: {}[uid]\n" + code]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert message in done.stdout, done.stderr


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a" * 64, "ä"])
def test_a_name_that_cannot_be_a_folder_is_refused(local: Local, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a name"):
        LocalPublisher(LocalOptions(), name, local.http, Silent())


def test_logs_show_what_the_live_app_wrote_and_follow_it(local: Local) -> None:
    with pytest.raises(NotFoundError, match="nothing is live"):
        list(local.publisher().logs(False))
    live = local.publish(1)
    log = local.folder.log(live.revision)
    with log.open("a") as written:
        written.write("first\n")
    assert list(local.publisher().logs(False)) == ["first"]
    following = local.publisher().logs(True)
    assert next(following) == "first"
    with log.open("a") as written:
        written.write("second\n")
    assert next(following) == "second"


def test_a_log_does_not_grow_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    with path.open("wb") as log:
        log.truncate(LARGEST + 1)
    with open_log(path) as log:
        log.write(b"anew")
    assert path.read_bytes() == b"anew"
    assert (tmp_path / "app.log.1").stat().st_size == LARGEST + 1


def test_a_share_of_the_visitors_is_refused(local: Local) -> None:
    with pytest.raises(TargetError, match="not 10 %"):
        local.publisher().promote(local.stage(1), 10)
