"""The target ``fly`` against a Fly that really runs what it is given: what visitors see, and what is left behind."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import click
import faulty_registry
import httpx
import pytest
from fly_api import Problem
from fly_cloud import App, Cloud
from fly_vm import Lease, Vm
from line import LIMIT, Client, make_database, program, result
from workshop import Workshop

from baked_publish import commands, pipeline
from baked_publish.bake import BakeOptions
from baked_publish.deployment import Change
from baked_publish.errors import (
    LockedError,
    PlanRefused,
    PreflightError,
    PublishError,
    StageError,
    TargetError,
    UsageError,
)
from baked_publish.ingredients import Ingredients, baking
from baked_publish.machines import store
from baked_publish.machines.changes import changed
from baked_publish.machines.options import FlyOptions
from baked_publish.report import Silent
from baked_publish.targets.fly import FlyPublisher
from baked_publish.verify import verify
from baked_publish.wish import Wish

EVERY: Final = 0.05
"""Seconds between two questions of a visitor."""


@dataclass(frozen=True, kw_only=True)
class Flight(Workshop[FlyPublisher]):
    """A Fly as a target, and a folder to publish from."""

    target: type[FlyPublisher] = FlyPublisher
    cloud: Cloud

    @property
    def app(self) -> App:
        return self.cloud.apps["data"]

    @property
    def machines(self) -> list[Vm]:
        return list(self.app.machines.values())

    def visitor(self) -> Client:
        return Client(self.live().url, pause=EVERY)


@pytest.fixture
def flight(
    fly_cloud: Cloud, fly_options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Flight]:
    monkeypatch.setenv("BAKED_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    with httpx.Client(timeout=LIMIT) as http:
        yield Flight(cloud=fly_cloud, options=fly_options, folder=tmp_path, http=http)


# What visitors see


def test_from_nothing_to_an_url_to_new_data_and_back_nobody_sees_a_failure(flight: Flight) -> None:
    first = flight.publish(1)
    assert first.action == "published"
    assert flight.version() == 1
    with flight.visitor() as visitor:
        visitor.wait_for(1)
        assert flight.publish(2).action == "published"
        visitor.wait_for(2)
        assert flight.publish(2).action == "unchanged"
        assert pipeline.rollback(flight.publisher(), None, Wish(), flight.told).action == "rolled back"
        visitor.wait_for(1)
    assert visitor.failures == []
    assert first.at is not None
    assert flight.live().revision == first.at.revision
    verify(flight.publisher(), flight.live(), Silent())
    assert len(flight.machines) == 1


def test_a_server_that_does_not_come_up_is_removed_and_nobody_notices(flight: Flight) -> None:
    flight.publish(1)
    with flight.visitor() as visitor, pytest.raises(StageError, match=r"does not serve after 4 s \(checks: "):
        flight.publish(2, plugin="raise RuntimeError('no')", start_timeout=4.0)
    assert visitor.failures == []
    assert set(visitor.versions) == {1}
    assert len(flight.machines) == 1


def test_a_first_publish_that_fails_leaves_no_app(flight: Flight) -> None:
    flight.cloud.full.add("ams")
    with pytest.raises(StageError, match="there is no room for it there"):
        flight.publish(1)
    assert not flight.cloud.apps
    flight.cloud.full.clear()
    with pytest.raises(StageError, match="does not serve"):
        flight.publish(1, plugin="raise RuntimeError('no')", start_timeout=4.0)
    assert not flight.cloud.apps
    flight.cloud.create_app("data", "personal")
    flight.cloud.full.add("ams")
    with pytest.raises(StageError, match="there is no room for it there"):
        flight.publish(1)
    assert list(flight.cloud.apps) == ["data"], "an app that was there stays there"


def test_an_app_that_is_there_and_empty_needs_a_region(flight: Flight) -> None:
    flight.cloud.create_app("data", "personal")
    assert list(flight.publisher(region=()).lacking()) == ["region"]
    with pytest.raises(PreflightError, match="region: nothing is live in the app that would tell where: give --region"):
        flight.publish(1, region=())
    flight.publish(1)
    assert not flight.publisher(region=()).lacking()
    assert flight.publish(2, region=()).action == "published"


def test_another_image_than_asked_is_refused(flight: Flight) -> None:
    flight.cloud.swaps = "sha256:" + "0" * 64
    with pytest.raises(StageError, match="Fly started another one"):
        flight.publish(1)
    assert not flight.cloud.apps


def test_a_preview_has_an_url_of_its_own_until_it_is_promoted(flight: Flight) -> None:
    flight.publish(1)
    outcome = flight.publish(2, Wish(preview=True))
    assert outcome.at is not None
    assert flight.version(outcome.at.url) == 2
    assert flight.version() == 1
    waiting = next(vm for vm in flight.machines if vm.cordoned)
    assert waiting.wanted == "stopped", "a preview that waits costs its file system alone"
    with flight.visitor() as visitor:
        assert pipeline.promote(flight.publisher(), None, Wish(), flight.told).action == "promoted"
        visitor.wait_for(2)
    assert visitor.failures == []
    assert set(flight.cloud.apps) == {"data"}


def test_machines_that_rest_start_for_visitors_and_for_a_publish(flight: Flight) -> None:
    flight.publish(1)
    assert flight.cloud.rest("data") == 1
    assert flight.version() == 1
    flight.cloud.rest("data")
    assert flight.publish(2).action == "published"
    assert flight.version() == 2


# What is asked of Fly


def test_a_machine_is_made_in_one_request_with_all_it_needs(flight: Flight) -> None:
    flight.publish(1, region=("ams", "fra"), memory=512, min_machines=1, soft_limit=5, hard_limit=9, autostop="suspend")
    calls = [call for call in flight.cloud.calls if call.method == "POST" and call.path == "/v1/apps/data/machines"]
    assert [call.body["region"] for call in calls] == ["ams", "fra"]
    body = calls[0].body
    assert body["skip_service_registration"] is True
    config = body["config"]
    service = config["services"][0]
    assert config["image"] == f"{flight.cloud.images.host}/data@sha256:{flight.live().artifact_digest}"
    assert config["guest"] == {"cpu_kind": "shared", "cpus": 1, "memory_mb": 512}
    assert config["stop_config"] == {"signal": "SIGTERM", "timeout": "10s"}
    assert config["env"]["BAKED_TRUSTED_PROXIES"] == "2"
    assert {key: config["metadata"][key] for key in ("fly_platform_version", "fly_process_group")} == {
        "fly_platform_version": "v2",
        "fly_process_group": "app",
    }
    assert service["concurrency"] == {"type": "requests", "soft_limit": 5, "hard_limit": 9}
    assert (service["autostop"], service["autostart"], service["min_machines_running"]) == ("suspend", True, 1)
    assert [check["path"] for check in service["checks"]] == ["/-/healthz"]
    updates = [call.path for call in flight.cloud.calls if call.method == "POST" and call.path.count("/") == 5]
    assert updates == [], "checks and limits get lost when a machine is changed in parts: none is"
    assert {ip["shared"] for ip in flight.app.ips} == {True, False}


def test_other_options_are_a_change_and_the_region_stays(flight: Flight) -> None:
    flight.publish(1)
    assert flight.publish(1, region=()).action == "unchanged"
    outcome = flight.publish(1, region=(), memory=512)
    assert outcome.action == "published"
    assert ("change", "memory", "256", "512") in [(c.kind, c.what, c.before, c.after) for c in outcome.changes]
    assert [vm.config["guest"]["memory_mb"] for vm in flight.machines] == [512]


def test_the_plan_tells_what_is_made_uploaded_and_paid_and_a_dry_run_makes_none_of_it(flight: Flight) -> None:
    outcome = flight.publish(1, Wish(dry_run=True))
    told = [(change.kind, change.what.split(",")[0], change.after) for change in outcome.changes]
    assert ("create", "app data", "in the organization personal") in told
    assert any(kind == "upload" and what.startswith("layer of database data") for kind, what, _ in told)
    assert [after for kind, _, after in told if kind == "cost"][1] == "$2.19"
    assert flight.cloud.apps == {}
    assert not any(call.method == "POST" for call in flight.cloud.calls)


def test_a_dry_run_finishes_nothing_that_was_interrupted(flight: Flight) -> None:
    flight.publish(1)
    flight.killed(2, "Fly.cordon", "before")
    machines, asked = {vm.id for vm in flight.machines}, len(flight.cloud.calls)
    assert flight.publish(3, Wish(dry_run=True)).action == "planned"
    ways = {(call.method, call.path.rpartition("/")[2]) for call in flight.cloud.calls[asked:] if call.method != "GET"}
    assert ways <= {("POST", "exec")}  # by which what is live is asked for what it holds
    assert {vm.id for vm in flight.machines} == machines


def test_a_name_of_ones_own_is_planned_asked_for_and_looked_at(flight: Flight) -> None:
    created = ("create", "certificate for www.example.org")
    first = flight.publish(1, domain=("www.example.org",))
    assert created in [(change.kind, change.what) for change in first.changes]
    assert flight.app.certificates == ["www.example.org"]
    assert (
        "warning: www.example.org has no certificate yet: let its DNS name data.fly.dev as CNAME; Fly then certifies it"
    ) in flight.told.lines
    flight.cloud.pointed.add("www.example.org")
    second = flight.publish(2, domain=("www.example.org",))
    assert created not in [(change.kind, change.what) for change in second.changes]
    assert flight.app.certificates == ["www.example.org"]
    assert "https://www.example.org has its certificate" in flight.told.lines


def test_a_certificate_that_cannot_be_asked_for_is_a_warning_and_asked_for_by_the_next_run(flight: Flight) -> None:
    flight.cloud.fails("POST", "/certificates/acme", 422)
    assert flight.publish(1, domain=("www.example.org",)).action == "published"
    assert [each for each in flight.told.lines if "a certificate could not be asked for: Fly answered 422" in each]
    machines = {each.id for each in flight.machines}
    again = flight.publish(1, domain=("www.example.org",))
    assert (again.action, [each.what for each in again.changes]) == ("unchanged", ["certificate for www.example.org"])
    assert flight.app.certificates == ["www.example.org"]
    assert {each.id for each in flight.machines} == machines


def test_an_image_that_fly_would_not_unpack_is_refused_before_anything_is_sent(
    flight: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.LARGEST == 8_000_000_000
    monkeypatch.setattr(store, "LARGEST", 1000)
    with pytest.raises(TargetError, match=r"the image would weigh [\d,]+ bytes unpacked.* Fly takes 1,000 at most"):
        flight.publish(1)
    assert flight.cloud.apps == {}
    assert {call.method for call in flight.cloud.calls} == {"GET"}
    assert flight.cloud.images.count("POST", "/blobs/uploads") == 0


def test_a_new_value_of_a_secret_is_a_change(flight: Flight) -> None:
    with pytest.raises(PreflightError, match="region: a new app needs one"):
        flight.publish(1, region=(), org=None)
    flight.cloud.create_app("data", "personal")
    with pytest.raises(PreflightError, match=r"secret KEY: it is not set: run `fly secrets set"):
        flight.publish(1, secret=("KEY",))
    flight.publish(1)
    flight.app.secrets["KEY"] = "one"
    added = flight.publish(1, secret=("KEY",))
    assert (added.action, Change("add", "secret KEY") in added.changes) == ("published", True)
    assert flight.publish(1, secret=("KEY",)).action == "unchanged"
    flight.app.secrets["KEY"] = "two"
    changed = flight.publish(1, secret=("KEY",))
    assert (changed.action, Change("change", "secret KEY") in changed.changes) == ("published", True)
    assert flight.machines[0].config["env"]["KEY"] == "two"
    assert Change("remove", "secret KEY") in flight.publish(1, Wish(dry_run=True)).changes


# What goes wrong on the way


def test_a_bad_day_of_fly_and_its_registry_is_waited_for(flight: Flight, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baked_publish.machines.launch.PAUSE", 0.1)
    cloud = flight.cloud
    cloud.unknown = 2
    cloud.boots = 1.0
    cloud.fails("GET", "/machines", 502)
    cloud.fails("POST", "/exec", 429, 2)
    cloud.fails("POST", "/uncordon", 429)
    cloud.images.breaks("HEAD", "/manifests/sha256:", faulty_registry.says(404), times=4)
    assert flight.publish(1).action == "published"
    assert flight.version() == 1


@pytest.mark.parametrize("step", ["uncordon", "metadata"])
def test_a_promotion_that_fails_is_undone(flight: Flight, step: str) -> None:
    flight.publish(1)
    before = flight.live().revision
    flight.cloud.fails("POST", f"/{step}", 500)
    with flight.visitor() as visitor, pytest.raises(PublishError, match="500"):
        flight.publish(2)
    assert visitor.failures == []
    assert set(visitor.versions) == {1}
    assert flight.live().revision == before
    assert len(flight.machines) == 1
    assert flight.publish(2).action == "published"


def test_machines_that_cannot_be_retired_are_a_warning_and_the_next_publish_retires_them(flight: Flight) -> None:
    flight.publish(1)
    flight.cloud.fails("POST", "/cordon", 500)
    assert flight.publish(2).action == "published"
    assert any("machines that were live before stay" in line for line in flight.told.lines)
    assert flight.publish(2).action == "unchanged"
    assert [vm.cordoned for vm in flight.machines] == [False]


@pytest.mark.parametrize(
    ("step", "when", "version"),
    [
        ("Fly.note", "before", 1),
        ("Fly.uncordon", "before", 2),
        ("Fly.uncordon", "after", 2),
        ("Fly.cordon", "after", 2),
        ("Fly.stop", "after", 2),
        ("Fly.destroy", "after", 2),
    ],
)
def test_killed_in_a_promotion_it_is_finished_or_as_if_it_never_was(
    flight: Flight, step: str, when: str, version: int
) -> None:
    flight.publish(1)
    first = flight.live().revision
    with flight.visitor() as visitor:
        flight.killed(2, step, when)
        assert (flight.live().revision != first) is (version == 2)
        assert flight.publish(2).action == ("unchanged" if version == 2 else "published")
        visitor.wait_for(2)
    assert visitor.failures == []
    assert [vm.cordoned for vm in flight.machines] == [False]
    assert len(flight.publisher().history()) == 2


@pytest.mark.parametrize("removed", [True, False])
def test_a_promotion_that_was_killed_is_undone_where_its_machines_do_not_come_up(
    flight: Flight,
    removed: bool,  # noqa: FBT001
) -> None:
    flight.publish(1)
    first = flight.live().revision
    with flight.visitor() as visitor:
        flight.killed(2, "Fly.uncordon", "before")
        broken = next(vm for vm in flight.machines if vm.cordoned)
        broken.digest = "sha256:" + "0" * 64
        with flight.publisher().lock():
            assert flight.live().revision == first
        if not removed:
            assert flight.publish(2).action == "published"
            visitor.wait_for(2)
            assert broken not in flight.machines
    assert visitor.failures == []
    assert [line for line in flight.told.lines if f"{first} is live again" in line]
    if removed:
        pipeline.unpublish(flight.publisher(), flight.told)
        assert flight.cloud.apps == {}


def test_the_first_machine_of_several_may_go_and_the_rest_is_live_still(flight: Flight) -> None:
    flight.publish(1, machines=2)
    flight.publish(2, machines=2)
    live = flight.live()
    leader = next(vm for vm in flight.machines if vm.config["metadata"]["baked_index"] == "0")
    flight.cloud.destroy(flight.app, leader, force=True)
    assert flight.live() == replace(live, token=flight.live().token)
    assert len(flight.publisher().history()) == 2
    assert flight.publisher().candidates() == []


def test_machines_that_the_list_does_not_show_yet_are_waited_for(
    flight: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baked_publish.machines.launch.PAUSE", 0.1)
    flight.cloud.unlisted = 2
    assert flight.publish(1, machines=2).action == "published"
    assert [vm.cordoned for vm in flight.machines] == [False, False]


def test_images_of_deployments_that_are_forgotten_go_as_well(flight: Flight) -> None:
    for version in (1, 2, 3):
        files = [make_database(flight.folder / "data.db", version)]
        bake = lambda: baking(files, Ingredients(), BakeOptions(), Silent())  # noqa: B023, E731 - called at once
        pipeline.publish(flight.publisher("forgotten"), bake, Wish(keep=1), Silent())  # no other test pushes there
    repository = flight.cloud.ground.registry.folder / "docker/registry/v2/repositories/forgotten"
    held = {each.parent.name for each in repository.glob("_manifests/revisions/sha256/*/link")}
    kept = {each.artifact_digest for each in flight.publisher("forgotten").history()}
    assert (len(kept), held) == (2, kept)


@pytest.mark.parametrize("lost", ["/apps", "/ip_assignments"])
def test_what_was_made_though_its_answer_got_lost_is_taken(flight: Flight, lost: str) -> None:
    made: Any = {"/apps": flight.cloud.create_app, "/ip_assignments": flight.cloud.assign}[lost]

    def spoiled(*about: Any) -> Any:
        made(*about)
        raise Problem(502, "the answer got lost")

    setattr(flight.cloud, made.__name__, spoiled)
    assert flight.publish(1).action == "published"
    assert len(flight.app.ips) == 2


def test_a_preview_that_fails_half_way_leaves_no_app(flight: Flight) -> None:
    flight.publish(1)
    flight.cloud.fails("POST", "/metadata/baked_standing", 500)
    with pytest.raises(PublishError, match="500"):
        flight.publish(2, Wish(preview=True))
    assert set(flight.cloud.apps) == {"data"}
    assert len(flight.machines) == 1


def test_a_preview_is_not_shown_where_somebody_else_has_visitors(flight: Flight) -> None:
    flight.publish(1)
    flight.publish(2, Wish(preview=True))
    (theirs,) = flight.cloud.apps["data-preview"].machines.values()
    theirs.config["metadata"] = {}
    with pytest.raises(TargetError, match=r"the app 'data-preview', and baked-.* there is not ours"):
        flight.publish(3, Wish(preview=True))
    assert list(flight.cloud.apps["data-preview"].machines.values()) == [theirs]


def test_what_a_deployment_does_not_say_of_itself_is_no_change() -> None:
    assert list(changed({"memory": 256}, FlyOptions(secret_digests=(("KEY", "1"),)).kept())) == []


@pytest.mark.parametrize("step", ["stage/Fly.create", "stage/Fly.take_lease"])
def test_killed_while_machines_are_made_leaves_nothing_to_the_next_run(flight: Flight, step: str) -> None:
    flight.publish(1)
    flight.killed(2, step, "after")
    assert flight.publish(2).action == "published"
    assert len(flight.machines) == 1


# Two at once


def test_a_second_publish_from_another_machine_stays_out(flight: Flight, monkeypatch: pytest.MonkeyPatch) -> None:
    flight.publish(1)
    with flight.publisher().lock():
        monkeypatch.setenv("BAKED_STATE_HOME", str(flight.folder / "another"))
        with pytest.raises(LockedError, match=r"baked-data from .* has the lease of machine baked-.* until "):
            flight.publish(2)
    assert flight.publish(2).action == "published"


@pytest.mark.parametrize("bars", [True, False])
def test_a_lease_is_ours_again_after_each_command_whether_or_not_it_bars_our_own(flight: Flight, bars: bool) -> None:  # noqa: FBT001
    flight.cloud.bars_commands = bars
    flight.publish(1)
    with flight.publisher().lock():
        assert [vm.held is not None for vm in flight.machines] == [True]
        taken = flight.cloud.count("DELETE", "/lease")
    publisher = flight.publisher()
    with publisher.lock():
        verify(publisher, flight.live(), Silent())
        assert [vm.held is not None for vm in flight.machines] == [True]
        lent = flight.cloud.count("DELETE", "/lease") - taken - 1  # one is given back at the end
        assert (lent > 0) is bars
    assert all(
        call.query["ttl"] == ["600"]
        for call in flight.cloud.calls
        if call.path.endswith("/lease") and call.method == "POST"
    )


def test_who_takes_a_lease_that_we_lent_is_told_of(flight: Flight, monkeypatch: pytest.MonkeyPatch) -> None:
    flight.publish(1)
    run = Vm.run

    def slow(vm: Vm, *how: Any) -> Any:
        vm.lease = Lease("theirs", "baked-data from elsewhere", "somebody", time.time() + 60)
        return run(vm, *how)

    monkeypatch.setattr(Vm, "run", slow)
    with pytest.raises(LockedError, match="another publish is under way"):
        flight.publish(2)
    assert flight.version() == 1


def test_of_two_first_publishes_at_once_one_stays_out(flight: Flight, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes: dict[str, str] = {}
    flight.cloud.create_app("data", "personal")
    ready = threading.Barrier(2, timeout=LIMIT)
    create = flight.cloud.create

    def together(app: App, body: dict[str, Any]) -> Vm:
        ready.wait()
        return create(app, body)

    monkeypatch.setattr(flight.cloud, "create", together)

    def publish(home: str) -> None:
        env = {"BAKED_STATE_HOME": str(flight.folder / home), "BAKED_BASE_IMAGE": flight.options["base_image"]}
        code = result_code(make_database(flight.folder / f"{home}.db", 1), env)
        outcomes[home] = code

    both = [threading.Thread(target=publish, args=(home,)) for home in ("one", "two")]
    for each in both:
        each.start()
    for each in both:
        each.join(3 * LIMIT)
    assert sorted(outcomes.values()) == ["LockedError", "published"]
    assert len(flight.machines) == 1


def test_who_began_later_gives_way_though_the_list_showed_it_late(
    flight: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[Vm] = []

    def late(*about: Any) -> Any:
        made = next(call for call in flight.cloud.calls if call.method == "POST" and call.path.endswith("/machines"))
        body = json.loads(json.dumps({**made.body, "name": "baked-others-0"}))
        body["config"]["metadata"]["baked_launch"] = "others"
        others.append(flight.cloud.create(flight.app, body))
        others[0].created = "2000-01-01T00:00:00Z"
        return verify(*about)

    monkeypatch.setattr(pipeline, "verify", late)
    with pytest.raises(LockedError, match="it has made machine baked-others-0"):
        flight.publish(1)
    assert flight.machines == others
    assert others[0].cordoned


def result_code(database: Path, env: Mapping[str, str]) -> str:
    """Publish by the program, and return what came of it."""
    words = [sys.executable, "-m", "baked_publish", "fly", str(database), "--app", "data", "--region", "ams", "--json"]
    done = subprocess.run(
        words, env={**os.environ, **env}, capture_output=True, text=True, timeout=3 * LIMIT, check=False
    )
    told = json.loads(done.stdout)
    return str(told["action"] if told["ok"] else told["error"]["kind"])


# What is not ours


def test_machines_that_somebody_else_made_are_not_touched_unless_forced(flight: Flight) -> None:
    flight.publish(1)
    other = flight.machines[0]
    other.config["metadata"] = {"fly_process_group": "app"}
    with pytest.raises(PlanRefused, match="1 machine of app data that baked-data did not make"):
        flight.publish(2)
    assert flight.machines == [other]
    assert flight.publish(2, Wish(force=True)).action == "published"
    pipeline.unpublish(flight.publisher(), flight.told)
    assert flight.machines == [other], "the app stays, for what is not ours in it"


def test_what_preflight_finds_is_told_at_once_with_what_to_do(flight: Flight) -> None:
    with pytest.raises(PreflightError) as caught:
        flight.publish(1, org=None, region=(), memory=100, cpus=3)
    for each in ("--cpus 3: Fly has", "--memory 100: 3 shared", "region: a new app", "organization: a new app needs"):
        assert each in str(caught.value)
    with pytest.raises(PreflightError, match=r"region amz: Fly has no such region.*; there are: ams, arn"):
        flight.publish(1, region=("amz",))
    with pytest.raises(PreflightError, match="choose another --org"):
        flight.publish(1, org="nobodys")
    flight.cloud.foreign.add("data")
    with pytest.raises(PreflightError, match="the app belongs to somebody else: choose another name with --app"):
        flight.publish(1)
    with pytest.raises(UsageError, match="cannot be an app's name"):
        flight.publisher("Data_1")


def test_a_rollback_does_not_ask_whether_a_new_deployment_could_be_made(flight: Flight) -> None:
    flight.publish(1)
    flight.publish(2)
    publisher = flight.publisher(region=("amz",), memory=100, secret=())
    assert not all(each.ok for each in publisher.rehearse())
    assert pipeline.rollback(publisher, None, Wish(), Silent()).action == "rolled back"
    assert flight.version() == 1


def test_a_person_is_asked_for_what_a_new_app_needs(flight: Flight, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def prompt(words: str, **_: Any) -> str:
        asked.append(words)
        return {"organization, such as personal": "personal", "region, such as ams": "fra, ams"}[words]

    monkeypatch.setattr(commands, "at_terminal", lambda: True)
    monkeypatch.setattr(click, "prompt", prompt)
    publisher = flight.publisher(org=None, region=())
    commands.ask_for_the_rest(publisher)
    assert (publisher.given.org, publisher.given.region) == ("personal", ("fra", "ams"))
    flight.cloud.create_app("data", "personal")
    commands.ask_for_the_rest(flight.publisher(org=None, region=()))
    assert asked[2:] == ["region, such as ams"], "an empty app has an organization of its own, and no region"


def test_a_plugins_secret_is_in_the_machine_alone_and_comes_along(flight: Flight) -> None:
    def publish(version: int, secret: str) -> str:
        publisher = flight.publisher()
        publisher.secrets = {"BAKED_SECRET_OURS_KEY": secret}
        files = [make_database(flight.folder / "data.db", version)]
        bake = lambda: baking(files, Ingredients(), BakeOptions(), Silent())  # noqa: E731
        return pipeline.publish(publisher, bake, Wish(), Silent()).action

    assert publish(1, "one") == "published"
    assert publish(1, "one") == "unchanged"
    assert publish(1, "two") == "published"
    pipeline.rollback(flight.publisher(), None, Wish(), Silent())
    assert flight.machines[0].config["env"]["BAKED_SECRET_OURS_KEY"] == "two"  # noqa: S105
    assert "two" not in json.dumps(flight.machines[0].config["metadata"])


def test_a_token_that_is_missing_or_not_taken_is_found_first(flight: Flight, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLY_API_TOKEN", "fm2_old")
    with pytest.raises(PreflightError, match=r"FLY_API_TOKEN is not taken, it may have expired: run `fly auth login`"):
        flight.publish(1)
    monkeypatch.delenv("FLY_API_TOKEN")
    with pytest.raises(PreflightError, match="login at Fly: there is no token: run `fly auth login`"):
        flight.publish(1)


def test_a_token_for_one_app_is_enough_once_there_is_the_app(flight: Flight, monkeypatch: pytest.MonkeyPatch) -> None:
    flight.cloud.tokens["fm2_deploy"] = "data"
    monkeypatch.setenv("FLY_API_TOKEN", "fm2_deploy")
    with pytest.raises(PreflightError, match=r"make the app with `fly apps create data --org personal`"):
        flight.publish(1)
    flight.cloud.create_app("data", "personal")
    assert flight.publish(1).action == "published"
    with pytest.raises(PreflightError, match="a preview needs an app of its own"):
        flight.publish(2, Wish(preview=True))
    assert flight.version() == 1
    assert len(flight.machines) == 1


def test_a_region_without_room_is_told(flight: Flight) -> None:
    flight.cloud.full.add("ams")
    with pytest.raises(StageError, match="choose another --region"):
        flight.publish(1)


# The program


def test_the_program_publishes_looks_and_removes(flight: Flight) -> None:
    env = {"BAKED_BASE_IMAGE": flight.options["base_image"]}
    database = make_database(flight.folder / "data.db", 1)
    words = ("fly", database, "--region", "ams", "--plugins-dir", flight.plugin("print('a word', flush=True)"))
    published = result(*words, env=env, limit=3 * LIMIT)
    assert flight.version(published["url"]) == 1
    assert result("status", "fly", "data")["answers"] is True
    assert [each["live"] for each in result("history", "fly", "data")["deployments"]] == [True]
    assert " ams a word\n" in program("logs", "fly", "data").stdout
    result("unpublish", "fly", "data", "--yes")
    assert flight.cloud.apps == {}
