"""The target ``docker`` with a real engine: what is refused, what fails, and what is live afterwards."""

import json
import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from engine import Daemon, inside
from kept import wait_until
from line import LIMIT
from workshop import Workshop

from baked_publish import pipeline, planning
from baked_publish.bake import BakeOptions
from baked_publish.engine import loading
from baked_publish.errors import NotFoundError, PreflightError, StageError, TargetError, UsageError
from baked_publish.images.archive import archive_blocks
from baked_publish.images.config import USER
from baked_publish.ingredients import Ingredients, baking
from baked_publish.report import Silent
from baked_publish.targets.docker import DockerPublisher
from baked_publish.verify import verify
from baked_publish.wish import Wish


@dataclass(frozen=True, kw_only=True)
class Dock(Workshop[DockerPublisher]):
    """An engine as a target, and a folder for databases and plugins."""

    target: type[DockerPublisher] = DockerPublisher
    engine: Daemon

    def names(self) -> set[str]:
        with self.engine.client() as client:
            return {name.lstrip("/") for each in client.containers(all=True) for name in each["Names"]}

    def inspect(self, container: str = "data") -> Any:
        with self.engine.client() as client:
            return client.inspect_container(container)

    @contextmanager
    def stranger(self, name: str) -> Iterator[str]:
        """Make a container that is not ours, of the image that is live."""
        with self.engine.client() as client:
            made = client.create_container(self.inspect()["Image"], name=name)
            try:
                yield made["Id"]
            finally:
                client.remove_container(made["Id"], force=True)


@pytest.fixture
def dock(
    docker_options: dict[str, Any], engine: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Dock]:
    monkeypatch.setenv("BAKED_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    with httpx.Client(timeout=LIMIT) as http:
        made = Dock(engine=engine, options=docker_options, folder=tmp_path, http=http)
        yield made
        made.publisher().unpublish()
    assert not made.names()


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Listen at a port as another program would."""
    with socket.create_server(("127.0.0.1", port)):
        yield


# What runs


def test_a_container_can_do_nothing_but_serve(dock: Dock) -> None:
    dock.publish(1)
    config = dock.inspect()["HostConfig"]
    assert config["ReadonlyRootfs"]
    assert config["CapDrop"] == ["ALL"]
    assert config["SecurityOpt"] == ["no-new-privileges"]
    assert config["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    assert dock.inspect()["Config"]["User"] == USER
    status = dict(line.split(":\t") for line in inside(dock.engine, "data", "cat", "/proc/1/status").splitlines())
    assert status["Uid"].split() == status["Gid"].split() == ["65532"] * 4
    assert {status[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    for place in ("/", "/tmp", "/opt/baked/bundle/databases"):  # noqa: S108 - in the container
        tried = f"import pathlib\ntry: pathlib.Path('{place}/x').write_text('')\nexcept OSError as e: print(e.strerror)"
        assert inside(dock.engine, "data", "python3", "-c", tried) == "Read-only file system\n"


def test_the_token_is_in_no_image(dock: Dock) -> None:
    outcome = dock.publish(1)
    assert outcome.at is not None
    token = dock.live().token.encode()
    assert len(token) > 40
    with dock.engine.client() as client:
        image = dock.inspect()["Image"]
        saved = b"".join(client.get_image(image))
        assert b"baked_core" in saved
        assert token not in saved
        known: Any = client
        assert token.decode() not in json.dumps([known.inspect_image(image), known.history(image)])
    assert token.decode() not in "\n".join(dock.told.lines)
    assert token.decode() not in repr(outcome)


def test_limits_are_planned_and_held(dock: Dock) -> None:
    dock.publish(1)
    outcome = dock.publish(1, memory="300m", cpus=1.5, pids_limit=99, restart="always")
    assert {(change.what, change.after) for change in outcome.changes} == {
        ("Memory", str(300 << 20)),
        ("MemorySwap", str(300 << 20)),
        ("NanoCpus", "1500000000"),
        ("PidsLimit", "99"),
    }
    config = dock.inspect()["HostConfig"]
    assert (config["Memory"], config["NanoCpus"], config["PidsLimit"]) == (300 << 20, 1_500_000_000, 99)
    assert config["RestartPolicy"]["Name"] == "always"
    assert dock.inspect("data--1")["HostConfig"]["RestartPolicy"]["Name"] == "no"
    pipeline.rollback(dock.publisher(), None, Wish(), dock.told)
    config = dock.inspect()["HostConfig"]
    assert (config["Memory"], config["PidsLimit"], config["RestartPolicy"]["Name"]) == (0, 512, "unless-stopped")


def test_an_address_stays_until_another_one_is_asked_for(dock: Dock) -> None:
    first = dock.publish(1).at
    assert first is not None
    second = dock.publish(2)
    assert second.at is not None
    assert second.at.url == first.url
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    third = dock.publish(2, port=port)
    assert [(change.what, change.after) for change in third.changes] == [("address", f"http://127.0.0.1:{port}")]
    assert dock.live().url == f"http://127.0.0.1:{port}"
    assert dock.publish(2).action == "unchanged"
    assert not dock.inspect("data--2")["State"]["Running"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(first.url)


def test_a_bridge_network_publishes_a_port(dock: Dock) -> None:
    dock.engine.network("testing")
    first = dock.publish(1, network="testing").at
    assert first is not None
    assert dock.version() == 1
    second = dock.publish(2, network="testing").at
    assert second is not None
    assert second.url == first.url
    assert dock.version() == 2
    assert not dock.publisher().candidates()
    pipeline.rollback(dock.publisher(network="testing"), None, Wish(), dock.told)
    assert dock.version() == 1
    assert list(dock.inspect()["NetworkSettings"]["Ports"]) == ["8080/tcp"]


def test_the_time_that_the_port_was_closed_is_told(dock: Dock) -> None:
    dock.publish(1)
    assert not gaps(dock)
    dock.publish(2)
    pipeline.rollback(dock.publisher(), None, Wish(), dock.told)
    assert len(gaps(dock)) == 2
    assert all(0 < gap < LIMIT for gap in gaps(dock))


def test_a_port_that_moves_is_never_closed(dock: Dock) -> None:
    dock.publish(1)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    dock.publish(2, port=port)
    assert not gaps(dock)


def gaps(dock: Dock) -> list[float]:
    """Return the seconds that the report told of."""
    found = [re.fullmatch(r"the port was closed for (\d+\.\d\d) s", line) for line in dock.told.lines]
    return [float(each[1]) for each in found if each]


# What is sent


def test_a_changed_row_sends_no_layer_that_the_engine_has(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = counting(monkeypatch)
    dock.publish(4001)  # no other test's image
    dock.publish(4002)
    assert len(sent) == 2
    assert sent[1] < 100_000
    dock.publish(4001, Wish(force=True))
    assert len(sent) == 2, "an image that the engine has was sent again"


def test_an_engine_that_wants_every_layer_gets_it(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = counting(monkeypatch)
    monkeypatch.setattr(loading, "known", lambda layers, _held: {layer.blob.descriptor.digest for layer in layers})
    assert dock.publish(4003).action == "published"  # no other test's image
    assert sent[0] < 100_000 < sent[1]
    assert any("sending every layer" in line for line in dock.told.lines)


def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how many bytes of each archive the engine takes."""
    sent: list[int] = []

    def counted(*args: Any, **kwargs: Any) -> Iterator[bytes]:
        sent.append(0)
        for block in archive_blocks(*args, **kwargs):
            sent[-1] += len(block)
            yield block

    monkeypatch.setattr(loading, "archive_blocks", counted)
    return sent


# What fails


@pytest.mark.parametrize(
    ("options", "plugin", "said"),
    [
        ({"memory": "16m"}, "", r"it ran out of its 16 MB of memory: give it more with --memory"),
        ({}, "raise RuntimeError('never')", r"it ended with exit code [13]\.(.|\n)*never"),
        ({"start_timeout": 12.0}, "import time\nprint('asleep')\ntime.sleep(600)", r"within 12 s(.|\n)*asleep"),
    ],
    ids=["out of memory", "ended", "never healthy"],
)
def test_a_server_that_does_not_come_up_changes_nothing(
    dock: Dock, options: Mapping[str, Any], plugin: str, said: str
) -> None:
    dock.publish(1)
    before, names = dock.live(), dock.names()
    with pytest.raises(StageError, match=said):
        dock.publish(2, plugin=plugin, **options)
    assert dock.live() == before
    assert dock.names() == names
    assert dock.version() == 1
    assert len(images(dock)) == 1


def images(dock: Dock) -> list[str]:
    """Return the tags of our images."""
    with dock.engine.client() as client:
        return [tag for each in client.images("baked-data/data") for tag in each["RepoTags"]]


def test_a_port_of_somebody_else_is_refused_before_the_bake(dock: Dock) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other, pytest.raises(PreflightError, match="is in use by"):
        dock.publish(1, port=other.getsockname()[1])
    assert not dock.names()


@pytest.mark.parametrize("network", ["host", "testing"])
def test_a_port_that_is_taken_in_the_middle_brings_the_old_one_back(dock: Dock, network: str) -> None:
    if network == "testing":
        dock.engine.network(network)
    dock.publish(1, network=network)
    before = dock.live()
    preview = dock.publish(2, Wish(preview=True), network=network).at
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        publisher = dock.publisher(network=network, port=port, start_timeout=3.0)
        with publisher.lock(), pytest.raises(TargetError, match="could not be taken over, what was live is live"):
            publisher.promote(publisher.candidates()[0])
    assert dock.live() == before
    assert dock.version() == 1
    assert [each.revision for each in dock.publisher().candidates()] == [preview and preview.revision]


def test_a_container_that_is_not_ours_is_left_alone(dock: Dock) -> None:
    dock.publish(1)
    with dock.stranger("other") as stranger:
        with pytest.raises(PreflightError, match="there is a container 'other': it is not one of ours"):
            pipeline.publish(
                dock.publisher("other"), lambda: baking([], Ingredients(), BakeOptions(), dock.told), Wish(), dock.told
            )
        pipeline.unpublish(dock.publisher(), dock.told)
        assert dock.names() == {"other"}
        with dock.engine.client() as client:
            image = client.inspect_container(stranger)["Image"]
            assert image in {each["Id"] for each in client.images()}, "somebody else's container needs it"


def test_what_the_options_say_is_checked_first(dock: Dock) -> None:
    with pytest.raises(PreflightError, match=r"no network 'nowhere': choose one of (\w+, )*host"):
        dock.publish(1, network="nowhere")
    with pytest.raises(PreflightError, match=r"--memory lots: 'lots' is no size: write for example 512m"):
        dock.publish(1, memory="lots")
    with pytest.raises(PreflightError, match=r"--memory 1m: engines give 6m at least"):
        dock.publish(1, memory="1m")
    with pytest.raises(PreflightError, match=r"--cpus -1: give a number above 0"):
        dock.publish(1, cpus=-1)
    for name in ("Data", "a--b", "-a", "a" * 64, "a b", ""):
        with pytest.raises(UsageError, match="cannot be a name here"):
            dock.publisher(name)


# What outlives a fault


PROMOTION = (
    ("host", "create", "after"),
    ("host", "start", "after"),
    ("host", "terminate", "after"),
    ("host", "rename", "before"),
    ("host", "rename", "after"),
    ("host", "remove", "before"),
    ("host", "rest", "before"),
    ("testing", "stop", "after"),
    ("testing", "start", "after"),
)
"""What the engine is asked in a promotion, in order; after the renaming, it is done."""


@pytest.mark.parametrize(("network", "act", "when"), PROMOTION, ids=["-".join(each) for each in PROMOTION])
def test_a_promotion_killed_anywhere_heals(dock: Dock, network: str, act: str, when: str) -> None:
    if network == "testing":
        dock.engine.network(network)
    dock.publish(1, network=network)
    before = dock.live()
    dock.killed(2, f"Engine.{act}", when, network=network)
    promoted = act in {"remove", "rest"}
    assert (dock.live().revision != before.revision) is promoted
    with dock.publisher().lock():
        pass
    verify(dock.publisher(), dock.live(), Silent())
    assert dock.version() == (2 if promoted else 1)
    assert "data--next" not in dock.names()
    assert dock.publish(2, network=network).action == ("unchanged" if promoted else "published")
    assert dock.version() == 2
    assert dock.names() == {"data", "data--1"}
    assert not dock.inspect("data--1")["State"]["Running"]


def test_a_container_that_somebody_ended_comes_up_again(dock: Dock) -> None:
    first = dock.publish(1).at
    with dock.engine.client() as client:
        client.stop("data", timeout=10)
    with pytest.raises(TargetError, match="is not running"):
        verify(dock.publisher(), dock.live(), Silent())
    again = dock.publish(1)
    assert again.action == "published"
    assert first is not None
    assert again.at is not None
    assert (again.at.revision, again.at.url) == (first.revision, first.url)
    assert dock.version() == 1
    assert len(dock.publisher().history()) == 1
    assert dock.names() == {"data"}


def test_what_is_live_comes_back_with_its_engine(dock: Dock) -> None:
    dock.publish(1)
    dock.publish(2)
    dock.engine.stop()
    try:
        with pytest.raises(PreflightError, match=r"the Docker engine at unix://.*: .*: start Docker"):
            dock.publish(3)
    finally:
        dock.engine.start()
    wait_until(lambda: planning.answers(dock.publisher(), dock.live()))
    assert dock.version() == 2
    assert not dock.inspect("data--1")["State"]["Running"]


def test_an_image_is_removed_with_its_last_deployment(dock: Dock) -> None:
    for version in (1, 2, 3):
        dock.publish(version, Wish(keep=1))
    assert len(images(dock)) == 2
    pipeline.unpublish(dock.publisher(), dock.told)
    assert not images(dock)


def test_an_old_deployment_of_another_name_is_not_found(dock: Dock) -> None:
    dock.publish(1)
    gone = dock.live()
    pipeline.unpublish(dock.publisher(), dock.told)
    with pytest.raises(NotFoundError, match="is not on this engine"):
        dock.publisher().recall(gone)


# The log


def test_the_log_is_shown_and_followed_into_the_next_deployment(dock: Dock) -> None:
    dock.publish(1, plugin="print('first is up')")
    assert "first is up" in list(dock.publisher().logs(follow=False))
    seen: list[str] = []
    publisher = dock.publisher()

    def follow() -> None:
        for line in publisher.logs(follow=True):
            seen.append(line)
            if line == "second is up":
                return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    wait_until(lambda: "first is up" in seen)
    dock.publish(2, plugin="print('second is up')")
    thread.join(LIMIT)
    assert not thread.is_alive()
    assert seen.count("first is up") == 1
    assert seen[-1] == "second is up"


def test_a_lock_names_the_process_that_has_it(dock: Dock) -> None:
    with dock.publisher().lock(), pytest.raises(Exception, match=f"under way in process {os.getpid()}"):
        dock.publish(1)
