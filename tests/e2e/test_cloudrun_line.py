"""Cloud Run, from files to visitors, on a stand-in that really runs what it is given."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from faulty_registry import says
from google_cloud import Cloud
from line import LIMIT, Client, make_database, program, result
from workshop import Told

from baked_publish import pipeline, planning
from baked_publish.bake import BakeOptions
from baked_publish.cloudrun import findings, service
from baked_publish.cloudrun.options import CloudRunOptions
from baked_publish.cloudrun.storage import VERSIONS
from baked_publish.deployment import Change, Deployment
from baked_publish.errors import (
    LockedError,
    NotFoundError,
    PlanRefused,
    PreflightError,
    PublishError,
    StageError,
    TargetError,
    VerifyError,
)
from baked_publish.ingredients import Ingredients, baking
from baked_publish.pipeline import Outcome
from baked_publish.report import Silent
from baked_publish.targets.cloudrun import CloudRunPublisher
from baked_publish.vendors import google_run
from baked_publish.verify import verify
from baked_publish.wish import Wish

KILLED = Path(__file__).parents[1] / "support" / "killed.py"
PAUSE = 0.05
"""Seconds between two questions of a visitor."""
REGION = "region, such as europe-west1"
CHANGES = {"POST", "PATCH", "DELETE"}


@dataclass
class Shop:
    """Publishes to the stand-in, from this process."""

    google: Cloud
    folder: Path
    options: CloudRunOptions
    http: httpx.Client

    def publisher(self, **more: Any) -> CloudRunPublisher:
        return CloudRunPublisher(replace(self.options, **more), "data", self.http, Silent())

    def baking(self, version: int, **how: Any) -> pipeline.Baking:
        database = make_database(self.folder / "data.db", version, **how)
        return lambda: baking((database,), Ingredients(), BakeOptions(), Silent())

    def publish(self, version: int, wish: Wish = Wish(), **more: Any) -> Outcome:  # noqa: B008 - frozen
        return pipeline.publish(self.publisher(**more), self.baking(version), wish, Silent())

    def live(self) -> Deployment:
        live = self.publisher().live()
        assert live is not None
        return live

    def version(self, url: str) -> int:
        answer = self.http.get(f"{url}/data/state.json?_shape=array").raise_for_status()
        found: int = answer.json()[0]["version"]
        return found

    def changes(self) -> list[str]:
        """Return what was asked for that changes something; a check alone does not."""
        asked = [each for each in self.google.asked if each.method in CHANGES and not each.check_only]
        return [f"{each.method} {each.path}" for each in asked]

    def service(self) -> Mapping[str, Any]:
        return self.google.services.get("projects/clouds-test/locations/europe-west1/services/data")


@pytest.fixture
def shop(
    google: Cloud, cloudrun_options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    monkeypatch.setenv("BAKED_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    with httpx.Client(timeout=LIMIT) as http:
        yield Shop(google, tmp_path, CloudRunOptions(**cloudrun_options), http)


# What goes well


def test_the_program_publishes_shows_and_removes_a_service(shop: Shop) -> None:
    database = make_database(shop.folder / "data.db", 1)
    where = ("--region", "europe-west1")
    planned = result("cloudrun", database, "--service", "data", *where, "--dry-run", env=environment(shop))
    kinds = {change["kind"] for change in planned["changes"]}
    assert kinds == {"add", "create", "upload", "cost"}
    assert not [each for each in shop.changes() if "testIamPermissions" not in each and "/token" not in each]
    first = result("cloudrun", database, "--service", "data", *where, env=environment(shop))
    assert first["action"] == "published"
    assert shop.version(first["url"]) == 1
    assert result("status", "cloudrun", "data", *where)["answers"] is True
    assert len(result("history", "cloudrun", "data", *where)["deployments"]) == 1
    assert result("unpublish", "cloudrun", "data", *where, "--yes")["ok"] is True
    assert result("status", "cloudrun", "data", *where, code=NotFoundError.exit_code)["ok"] is False
    assert not shop.google.services.held
    assert not shop.google.storage.versions("clouds-test/baked-data/data")


def environment(shop: Shop) -> dict[str, str]:
    return {"BAKED_BASE_IMAGE": str(shop.options.base_image)}


def test_what_is_missing_is_listed_whole_where_nobody_can_be_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(shop.folder / "none.json"))
    database = make_database(shop.folder / "data.db", 1)
    done = program("cloudrun", database)
    assert done.returncode == 2
    first, *needs = done.stderr.splitlines()
    assert first == "Error: cloudrun needs 3 more:"
    assert needs[0].startswith("  Google Cloud project: --project or BAKED_CLOUDRUN_PROJECT or GOOGLE_CLOUD_PROJECT")
    assert needs[1] == "  region, such as europe-west1: -r --region or BAKED_CLOUDRUN_REGION or CLOUDSDK_RUN_REGION"
    assert "credentials of GOOGLE_APPLICATION_CREDENTIALS cannot be used" in needs[2]


def test_visitors_see_the_old_data_then_the_new_and_no_failure_between(shop: Shop) -> None:
    shop.publish(1)
    with Client(shop.live().url, pause=PAUSE) as visitor:
        visitor.wait_for(1)
        shop.publish(2)
        visitor.wait_for(2)
        pipeline.rollback(shop.publisher(), None, Wish(), Silent())
        visitor.wait_for(1)
    assert not visitor.failures
    assert list(visitor.changes) == [1, 2, 1]


def test_a_first_publish_is_closed_until_it_is_verified(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def watched(*about: Any) -> Any:
        manifest = verify(*about)
        seen.append(shop.http.get(shop.service()["uri"]).status_code)
        return manifest

    monkeypatch.setattr(pipeline, "verify", watched)
    shop.publish(1)
    assert seen == [403]
    assert shop.version(shop.live().url) == 1


def test_a_canary_gets_its_share_until_it_gets_all(shop: Shop) -> None:
    shop.publish(1)
    url = shop.live().url
    assert shop.publish(2, Wish(canary=30)).action == "canary"
    seen = [shop.version(url) for _ in range(100)]
    assert 5 <= seen.count(2) <= 60  # 30 expected; so far off once in a hundred million
    assert [each.percent for each in shop.publisher().candidates()] == [30]
    assert shop.live().url == url
    assert shop.publish(2, Wish(canary=60)).action == "canary"
    assert [each.percent for each in shop.publisher().candidates()] == [60]
    assert pipeline.promote(shop.publisher(), None, Wish(), Silent()).action == "promoted"
    assert {shop.version(url) for _ in range(20)} == {2}


def test_rolling_back_ends_a_canary(shop: Shop) -> None:
    shop.publish(1)
    before = shop.live()
    shop.publish(2, Wish(canary=50))
    assert pipeline.rollback(shop.publisher(), None, Wish(), Silent()).action == "rolled back"
    assert shop.live() == before
    assert {shop.version(before.url) for _ in range(20)} == {1}
    assert not shop.publisher().candidates()


def test_a_first_publish_cannot_be_a_canary(shop: Shop) -> None:
    with pytest.raises(NotFoundError, match="a canary needs what it is beside"):
        shop.publish(1, Wish(canary=10))
    assert not shop.google.services.held


def test_old_deployments_stay_at_their_urls_as_many_as_wanted(shop: Shop) -> None:
    for version in (1, 2, 3):
        shop.publish(version, tags=1)
    newest, before, oldest = shop.publisher().history()
    assert shop.version(before.url) == 2
    assert (shop.version(newest.url), oldest.url) == (3, "")
    pipeline.rollback(shop.publisher(), oldest.revision, Wish(), Silent())
    assert shop.version(newest.url) == 1


def test_another_setting_or_secret_is_a_change_and_the_same_is_none(shop: Shop) -> None:
    shop.google.runtime.secrets["key"] = ["one"]
    given: dict[str, Any] = {"secret": (("KEY", "key"),)}
    shop.publish(1, **given)
    assert shop.publish(1, **given).action == "unchanged"
    changed = shop.publish(1, **given, memory="1Gi")
    assert ("change", "memory", "512Mi", "1Gi") in [
        (each.kind, each.what, each.before, each.after) for each in changed.changes
    ]
    shop.google.runtime.secrets["key"].append("two")
    rotated = shop.publish(1, **given, memory="1Gi")
    assert rotated.action == "published"
    assert ("secret", "KEY key:1", "KEY key:2") in [(each.what, each.before, each.after) for each in rotated.changes]


def test_a_plugins_secret_is_in_its_revision_and_comes_back_with_it(shop: Shop) -> None:
    def publish(version: int, value: str) -> str:
        publisher = shop.publisher()
        publisher.secrets = {"BAKED_SECRET_A": value}
        at = pipeline.publish(publisher, shop.baking(version), Wish(), Silent()).at
        assert at is not None
        return at.revision

    first = publish(1, "one")
    assert publish(1, "one") == first
    assert publish(1, "two") != first
    pipeline.rollback(shop.publisher(), first, Wish(), Silent())
    assert shop.live().revision == first
    held = shop.google.services.find(shop.service()["name"]).revisions[first]
    assert {"name": "BAKED_SECRET_A", "value": "one"} in held["containers"][0]["env"]


def test_images_of_pruned_deployments_are_removed(shop: Shop) -> None:
    for version in (1, 2, 3):
        shop.publish(version, Wish(keep=1))
    path = "clouds-test/baked-data/data"
    kept = {f"sha256:{each.artifact_digest}" for each in shop.publisher().history()}
    held = {
        each: shop.google.runtime.ground.registry.json(f"{path}/manifests/{each}")
        for each in shop.google.storage.versions(path)
    }
    images = {each for each, told in held.items() if "subject" not in told and "manifests" not in told}
    assert (len(kept), images) == (2, kept)
    assert {told["subject"]["digest"] for told in held.values() if "subject" in told} == kept


def test_the_repository_keeps_as_many_images_as_the_publish_that_keeps_most(shop: Shop) -> None:
    def kept() -> int:
        rules = shop.google.storage.get("projects/clouds-test/locations/europe-west1", "baked-data")["cleanupPolicies"]
        assert rules["baked-data-old"]["action"] == "DELETE"
        assert rules["baked-data-old"]["condition"]["tagState"] == "UNTAGGED"
        count: int = rules["baked-data-newest"]["mostRecentVersions"]["keepCount"]
        return count

    shop.publish(1, Wish(keep=1))
    assert kept() == (1 + 1) * VERSIONS
    preview = shop.publish(4, Wish(preview=True)).at
    assert preview is not None
    tags = shop.google.runtime.ground.registry.json("clouds-test/baked-data/data/tags/list")["tags"]
    held = {f"held-{each.artifact_digest[:12]}" for each in (shop.live(), preview)}
    assert held <= set(tags)
    path = "projects/clouds-test/locations/europe-west1/repositories/baked-data"
    rules = shop.google.storage.repositories[path]["cleanupPolicies"]
    rules["theirs"] = {"id": "theirs", "action": "KEEP", "condition": {"tagPrefixes": ["release"]}}
    shop.publish(2, Wish(keep=2))
    assert kept() == (2 + 1) * VERSIONS
    assert "theirs" in shop.google.storage.repositories[path]["cleanupPolicies"], "a rule of somebody else's stays"
    shop.publish(1, Wish(keep=1))
    assert kept() == (2 + 1) * VERSIONS
    shop.google.identity.denied.add("artifactregistry.repositories.update")
    assert shop.publish(3, Wish(keep=4)).action == "published"
    assert kept() == (2 + 1) * VERSIONS


def test_a_repository_that_somebody_else_made_gets_no_rule(shop: Shop) -> None:
    path = "projects/clouds-test/locations/europe-west1/repositories/baked-data"
    shop.google.storage.repositories[path] = {"name": path, "format": "DOCKER"}
    shop.publish(1)
    assert "cleanupPolicies" not in shop.google.storage.repositories[path]


def test_whom_iam_allows_alone_may_visit(shop: Shop) -> None:
    shop.publish(1)
    url = shop.live().url
    closed = shop.publish(1, allow_unauthenticated=False)
    assert Change("change", "visitors", "everybody", "whom IAM allows") in closed.changes
    assert shop.http.get(url).status_code == 403
    assert planning.answers(shop.publisher(), shop.live())
    opened = shop.publish(1)
    assert Change("change", "visitors", "whom IAM allows", "everybody") in opened.changes
    assert shop.version(url) == 1


def test_a_closed_service_stays_closed_whatever_brings_it_up(shop: Shop) -> None:
    def closed() -> bool:
        return shop.http.get(shop.service()["uri"]).status_code == 403

    where = ("--region", "europe-west1")
    said = ("--service", "data", *where, "--no-allow-unauthenticated")
    for version, more in ((1, ("--preview",)), (2, ())):
        result("cloudrun", make_database(shop.folder / "data.db", version), *said, *more, env=environment(shop))
        if more:
            result("promote", "cloudrun", "data", *where)
        assert closed()
    result("rollback", "cloudrun", "data", *where)
    assert closed()
    assert planning.answers(shop.publisher(), shop.live())
    shop.publish(3)
    assert not closed()
    pipeline.rollback(shop.publisher(), None, Wish(), Silent())
    assert closed(), "it comes back as it was"


@pytest.mark.parametrize("refused", [False, True])
def test_a_rollback_lets_nobody_in_who_was_shut_out_since(shop: Shop, refused: bool) -> None:  # noqa: FBT001
    shop.google.services.refuses_switch = refused
    shop.publish(1)
    first, url = shop.live().revision, shop.live().url
    shop.publish(2, allow_unauthenticated=False)
    pipeline.rollback(shop.publisher(), None, Wish(), Silent())
    assert shop.live().revision == first
    assert shop.http.get(url).status_code == 403
    assert shop.publish(1, allow_unauthenticated=True).action == "unchanged"
    assert shop.live().revision == first, "nothing new was made of it"
    assert shop.version(url) == 1


def test_where_the_switch_is_refused_the_policy_opens_the_service(shop: Shop) -> None:
    shop.google.services.refuses_switch = True
    shop.publish(1)
    assert not shop.service().get("invokerIamDisabled")
    assert shop.version(shop.live().url) == 1
    assert shop.publish(1).action == "unchanged"


def test_where_nobody_may_be_let_in_it_is_told_with_what_to_do_and_nothing_is_left(shop: Shop) -> None:
    shop.google.services.refuses_switch = shop.google.services.refuses_everybody = True
    with pytest.raises(TargetError, match=r"do not belong to a permitted customer.*--no-allow-unauthenticated"):
        shop.publish(1)
    assert not shop.google.services.held
    assert shop.publish(1, allow_unauthenticated=False).action == "published"


def test_images_that_stay_when_a_service_is_removed_are_told(shop: Shop) -> None:
    shop.publish(1)
    shop.google.breaks("DELETE", "/packages/data$", 403, "PERMISSION_DENIED")
    publisher, told = shop.publisher(), Told()
    publisher.report = told
    pipeline.unpublish(publisher, told)
    assert any("the images stay" in each and "gcloud artifacts docker images delete" in each for each in told.lines)


def test_a_repository_that_another_publish_makes_meanwhile_is_taken(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = shop.google.storage.create

    def taken(*about: Any) -> Any:
        create(*about)
        return create(*about)

    monkeypatch.setattr(shop.google.storage, "create", taken)
    assert shop.publish(1).action == "published"


def test_a_domain_is_mapped_once(shop: Shop) -> None:
    mapping = Change("create", "domain mapping data.example.org")
    assert mapping in shop.publish(1, domain="data.example.org").changes
    assert mapping not in shop.publish(2, domain="data.example.org").changes
    assert shop.google.domains["data.example.org"]["spec"] == {"routeName": "data"}


def test_a_domain_that_could_not_be_mapped_is_mapped_by_the_next_run(shop: Shop) -> None:
    shop.google.breaks("POST", "domainmappings", 403, "PERMISSION_DENIED")
    first = shop.publish(1, domain="data.example.org")
    assert not shop.google.domains
    again = shop.publish(1, domain="data.example.org")
    assert shop.google.domains["data.example.org"]["spec"] == {"routeName": "data"}
    assert (again.action, again.at and again.at.revision) == ("unchanged", first.at and first.at.revision)
    assert [each.what for each in again.changes] == ["domain mapping data.example.org"]
    assert shop.publish(1, domain="data.example.org").changes == ()


def test_a_log_tells_what_the_server_wrote(shop: Shop) -> None:
    plugins = shop.folder / "plugins"
    plugins.mkdir()
    (plugins / "ours.py").write_text("print('first is up')")
    database = make_database(shop.folder / "data.db", 1)
    bake = lambda: baking((database,), Ingredients(plugins_dir=plugins), BakeOptions(), Silent())  # noqa: E731
    pipeline.publish(shop.publisher(), bake, Wish(), Silent())
    shop.google.unsearched = 2
    done = program("logs", "cloudrun", "data", "--region", "europe-west1", env=environment(shop))
    assert done.returncode == 0, done.stderr
    revision = shop.live().revision
    assert [line.partition(" ")[2] for line in done.stdout.splitlines() if "first" in line] == [
        f"{revision} first is up"
    ]


def test_an_api_that_is_not_enabled_is_planned_enabled_and_waited_for(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "PAUSE", 0.1)
    shop.google.disabled |= {"run.googleapis.com", "artifactregistry.googleapis.com"}
    planned = shop.publish(1, Wish(dry_run=True))
    assert "API run.googleapis.com" in [each.what for each in planned.changes]
    assert shop.google.disabled
    assert shop.publish(1).action == "published"
    assert not shop.google.disabled


# What goes wrong


def untouched(shop: Shop, kind: type[PublishError], words: str, wish: Wish = Wish(), **more: Any) -> None:  # noqa: B008
    """Publish in vain, while a visitor asks all the time; nothing that is live may change."""
    before = shop.live()
    with Client(before.url, pause=PAUSE) as visitor:
        visitor.wait_for(1)
        with pytest.raises(kind, match=words):
            shop.publish(2, wish, **more)
    assert not visitor.failures
    assert list(visitor.changes) == [1]
    assert shop.live() == before
    assert not shop.publisher().candidates()


def killed(shop: Shop, version: int, step: str, when: str) -> None:
    """Publish in another process, which dies at ``step``."""
    database = make_database(shop.folder / "data.db", version)
    target = f"{CloudRunPublisher.__module__}:{CloudRunPublisher.__name__}"
    given = {"base_image": shop.options.base_image, "project": shop.options.project, "region": shop.options.region}
    words: list[Any] = [sys.executable, KILLED, target, "data", database, step, when, json.dumps(given)]
    done = subprocess.run(words, cwd=shop.folder, capture_output=True, timeout=LIMIT, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize(
    "step", ["stage before", "stage/Run.create after", "promote before", "Run.update after", "promote after"]
)
def test_a_first_publish_that_is_killed_is_open_whole_or_not_at_all_and_a_second_heals(shop: Shop, step: str) -> None:
    killed(shop, 1, *step.split())
    done = step in {"Run.update after", "promote after"}
    held = list(shop.google.services.held.values())
    assert [each.public for each in held] == ([] if step == "stage before" else [done])
    assert shop.publish(1).action == ("unchanged" if done else "published")
    assert shop.version(shop.live().url) == 1
    assert len(shop.publisher().history()) == 1
    assert not shop.publisher().candidates()


@pytest.mark.parametrize("removed", [True, False])
def test_a_first_publish_that_is_killed_beside_an_image_that_never_starts_is_cleared_away(
    shop: Shop,
    removed: bool,  # noqa: FBT001
) -> None:
    shop.google.runtime.start_limit, usual = 0.0, shop.google.runtime.start_limit
    try:
        killed(shop, 1, "stage/Run.revision", "before")
    finally:
        shop.google.runtime.start_limit = usual
    assert [each.ready for each in shop.google.services.held.values()] == [[]]
    if removed:
        pipeline.unpublish(shop.publisher(), Silent())
        assert not shop.google.services.held
    assert shop.publish(2).action == "published"
    assert shop.version(shop.live().url) == 2


@pytest.mark.parametrize("step", ["stage/Run.update after", "Run.update before", "Run.update after"])
def test_visitors_never_notice_that_a_publish_was_killed(shop: Shop, step: str) -> None:
    shop.publish(1)
    with Client(shop.live().url, pause=PAUSE) as visitor:
        visitor.wait_for(1)
        killed(shop, 2, *step.split())
        assert shop.publish(2).action == ("unchanged" if step == "Run.update after" else "published")
        visitor.wait_for(2)
    assert not visitor.failures
    assert list(visitor.changes) == [1, 2]


def test_an_image_that_never_starts_leaves_what_is_live(shop: Shop) -> None:
    shop.publish(1)
    shop.google.runtime.start_limit, usual = 0.0, shop.google.runtime.start_limit
    try:
        untouched(shop, StageError, "failed to start and listen on the port")
    finally:
        shop.google.runtime.start_limit = usual
    assert shop.publish(2).action == "published"
    assert len(shop.google.services.find(shop.service()["name"]).revisions) == 2  # what failed is cleared away


def test_a_first_image_that_never_starts_leaves_nothing(shop: Shop) -> None:
    shop.google.runtime.start_limit, usual = 0.0, shop.google.runtime.start_limit
    try:
        with pytest.raises(StageError, match="failed to start"):
            shop.publish(1)
    finally:
        shop.google.runtime.start_limit = usual
    assert not shop.google.services.held


def test_another_image_than_the_one_asked_for_is_caught(shop: Shop) -> None:
    shop.publish(1)
    old = shop.service()["template"]["containers"][0]["image"]
    shop.google.runtime.instead = lambda _asked: old
    untouched(shop, VerifyError, "serves Bundle")


def test_a_revision_that_is_ready_before_it_answers_is_waited_for(shop: Shop) -> None:
    shop.google.runtime.hasty = True
    assert shop.publish(1).action == "published"
    assert shop.version(shop.live().url) == 1


def test_traffic_that_does_not_move_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.publish(1)
    monkeypatch.setattr(service, "SETTLING", 2.0)
    before = shop.live()
    shop.google.services.unroutable = True
    with pytest.raises(PublishError):
        shop.publish(2, start_timeout=3.0)
    shop.google.services.unroutable = False
    assert shop.version(before.url) == 1
    assert shop.publish(2).action == "published"
    assert shop.version(before.url) == 2


def test_a_manifest_that_is_unknown_right_after_it_was_accepted_is_waited_for(shop: Shop) -> None:
    shop.google.registry.breaks("HEAD", r"/manifests/sha256:", says(404), times=3, after=2)
    assert shop.publish(1).action == "published"


@pytest.mark.parametrize(("code", "status"), [(429, "RESOURCE_EXHAUSTED"), (503, "UNAVAILABLE"), (500, "INTERNAL")])
def test_a_moment_of_weakness_is_bridged(shop: Shop, code: int, status: str) -> None:
    shop.google.breaks("GET", r"/v2/.*/services/data", code, status, times=2)
    shop.google.breaks("GET", r"/v1/.*/repositories/", code, status, times=2)
    assert shop.publish(1).action == "published"


@pytest.mark.parametrize("code", [429, 503])
def test_a_moment_of_weakness_in_a_change_is_bridged(shop: Shop, code: int) -> None:
    def weak() -> None:
        for method, path in (("POST", "/services$"), ("PATCH", "/services/data"), ("GET", "/operations/")):
            shop.google.breaks(method, path, code, "UNAVAILABLE", times=2)

    weak()
    assert shop.publish(1).action == "published"
    weak()
    assert shop.publish(2).action == "published"
    assert shop.version(shop.live().url) == 2
    shop.google.breaks("DELETE", "/services/data$", code, "UNAVAILABLE")
    weak()
    pipeline.unpublish(shop.publisher(), Silent())
    assert not shop.google.services.held


def test_slow_operations_are_waited_for(shop: Shop) -> None:
    shop.google.services.slow = 1.5
    assert shop.publish(1).action == "published"


def test_an_operation_that_never_ends_is_given_up(shop: Shop) -> None:
    shop.publish(1)
    shop.google.services.slow = 20.0
    began = time.monotonic()
    with pytest.raises(PublishError):
        shop.publish(2, start_timeout=1.0)
    assert time.monotonic() - began < LIMIT
    shop.google.services.slow = 0.0
    assert shop.version(shop.live().url) == 1


def test_a_change_of_somebody_else_at_the_same_time_is_kept(shop: Shop) -> None:
    shop.publish(1)
    shop.google.breaks("PATCH", "services/data", 409, "ABORTED", times=2)
    assert shop.publish(2).action == "published"


def test_a_missing_permission_is_named_with_the_command_that_grants_it(shop: Shop) -> None:
    shop.google.identity.denied.add("run.services.setIamPolicy")
    with pytest.raises(PreflightError) as raised:
        shop.publish(1)
    assert str(raised.value) == (
        "permission run.services.setIamPolicy: gcloud projects add-iam-policy-binding clouds-test "
        "--member=serviceAccount:publisher@clouds-test.iam.gserviceaccount.com --role=roles/run.admin"
    )
    assert not [each for each in shop.changes() if "serviceId" in each]


def test_what_is_given_for_one_thing_alone_does(shop: Shop) -> None:
    images = {f"artifactregistry.repositories.{each}" for each in ("get", "uploadArtifacts", "downloadArtifacts")}
    path = "projects/clouds-test/locations/europe-west1/repositories/baked-data"
    shop.google.storage.repositories[path] = {"name": path, "format": "DOCKER"}
    shop.google.runtime.secrets["key"] = ["one"]
    shop.google.identity.given_elsewhere |= {*images, "iam.serviceAccounts.actAs", "secretmanager.versions.get"}
    assert shop.publish(1, secret=(("KEY", "key"),)).action == "published"
    assert all(each.ok for each in shop.publisher().preflight())
    shop.google.identity.denied.add("iam.serviceAccounts.actAs")
    amiss = [each.what for each in shop.publisher().preflight() if not each.ok]
    assert amiss == ["permission iam.serviceAccounts.actAs"]
    nobody = shop.publisher(service_account="nobody@clouds-test.iam.gserviceaccount.com")
    shop.google.identity.denied.clear()
    assert [each.what for each in nobody.preflight() if not each.ok] == ["permission iam.serviceAccounts.actAs"]


def test_who_may_not_look_which_apis_are_enabled_may_publish(shop: Shop) -> None:
    shop.google.identity.denied.add("serviceusage.services.get")
    assert shop.publish(1).action == "published"


def test_a_project_that_is_not_ours_is_told(shop: Shop) -> None:
    (amiss,) = [each for each in shop.publisher(project="theirs").preflight() if not each.ok]
    assert amiss.what == "project 'theirs'"
    assert amiss.fix.startswith("there is none, or service account publisher@clouds-test.iam.gserviceaccount.com may")


def test_a_region_that_there_is_not_is_told_with_those_there_are(shop: Shop) -> None:
    told = refused_before_the_bake(shop, region="europe-west11")
    assert told.startswith(
        "region 'europe-west11': Cloud Run has none of this name for the project, did you mean 'euro"
    )
    assert told.endswith("europe-west3, us-central1, us-east1, us-west1")
    shop.google.identity.denied.add("run.locations.list")
    assert refused_before_the_bake(shop, region="mars-west1").endswith(": check --region")


def test_a_token_that_google_does_not_know_is_told_by_doctor_and_publish(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "ya29.worn-out")
    (amiss,) = [each for each in shop.publisher().doctor() if not each.ok]
    assert amiss.what == "credentials: GOOGLE_OAUTH_ACCESS_TOKEN"
    assert "run `gcloud auth application-default login`" in amiss.fix
    shop.google.identity.denied |= {"run.services.update", "run.services.create"}
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN")
    (amiss,) = [each for each in shop.publisher().doctor() if not each.ok]
    assert amiss.what == "permissions run.services.create, run.services.update", "a role is told of once"


def test_a_full_region_is_told_before_the_bake(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.google.services.most_services = 0
    monkeypatch.setattr(google_run, "FIRST_WAIT", 0.01)
    assert refused_before_the_bake(shop) == (
        "options, as Cloud Run checks them: making service 'data': a quota is used up: Quota exceeded for total "
        "allowable number of services per region; ask for more of it, or try again later; a quota can be raised at "
        "https://console.cloud.google.com/iam-admin/quotas"
    )


def refused_before_the_bake(shop: Shop, **more: Any) -> str:
    def baking() -> NoReturn:
        raise AssertionError("the bake began")

    with pytest.raises(PreflightError) as raised:
        pipeline.publish(shop.publisher(**more), baking, Wish(), Silent())
    assert not [each for each in shop.changes() if "/v2/" in each]
    return str(raised.value)


@pytest.mark.parametrize("again", [False, True])
def test_what_cloud_run_does_not_take_is_told_before_the_bake(shop: Shop, again: bool) -> None:  # noqa: FBT001
    if again:
        shop.publish(1)
        shop.google.asked.clear()
    shop.google.breaks("PATCH" if again else "POST", "services", 400, "INVALID_ARGUMENT")
    assert "options, as Cloud Run checks them: " in refused_before_the_bake(shop, service_account="nobody@nowhere")
    (checked,) = [each for each in shop.google.asked if each.check_only]
    assert checked.body["template"]["serviceAccount"] == "nobody@nowhere"
    if again:  # a revision of what is live, which is surely there
        assert checked.body["template"]["containers"][0]["image"].startswith(shop.google.registry.host)


def test_a_check_that_only_the_real_image_could_meet_stops_nobody(shop: Shop) -> None:
    shop.google.breaks("POST", "services", 400, "FAILED_PRECONDITION")
    told = [each for each in shop.publisher().rehearse() if "as Cloud Run checks them" in each.what]
    assert [each.ok for each in told] == [True]
    assert "could not be asked" in told[0].what


def test_a_rollback_needs_nothing_but_what_it_changes(shop: Shop) -> None:
    shop.publish(1)
    shop.publish(2)
    shop.google.asked.clear()
    shop.google.services.most_services = 0
    shop.google.identity.denied |= {"artifactregistry.repositories.uploadArtifacts", "run.services.create"}
    with pytest.raises(PreflightError, match=r"artifactregistry\.repositories\.uploadArtifacts"):
        shop.publish(3)
    assert pipeline.rollback(shop.publisher(), None, Wish(), Silent()).action == "rolled back"
    assert shop.version(shop.live().url) == 1
    assert not [each for each in shop.google.asked if each.check_only]
    shop.google.identity.denied.add("run.services.update")
    with pytest.raises(PreflightError, match=r"permission run\.services\.update: gcloud"):
        pipeline.rollback(shop.publisher(), None, Wish(), Silent())


def test_doctor_tells_what_is_missing_beside_the_rest(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    findings = result("doctor", "cloudrun", code=PreflightError.exit_code)["findings"]
    assert [(each["ok"], each["what"], each["fix"]) for each in findings] == [
        (False, REGION, "give -r --region or BAKED_CLOUDRUN_REGION or CLOUDSDK_RUN_REGION"),
        (True, findings[1]["what"], ""),
    ]
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(shop.folder / "none.json"))
    amiss = [each["what"] for each in result("doctor", "cloudrun", code=5)["findings"] if not each["ok"]]
    assert amiss == ["Google Cloud project", REGION, "credentials for Google Cloud"]


def test_doctor_tells_how_much_of_the_quotas_is_used(shop: Shop) -> None:
    shop.publish(1)
    found = shop.publisher().doctor()
    assert all(each.ok for each in found)
    assert found[-1].what == (
        "quotas: 1 of 1000 services and 1 of 2000 tags in this region, 1 of 1000 revisions of 'data'"
    )


def test_credentials_that_are_not_accepted_any_more_are_told_with_what_to_do(shop: Shop) -> None:
    shop.google.identity.revoked = True
    with pytest.raises(PreflightError, match="run `gcloud auth application-default login`"):
        shop.publish(1)


def test_a_service_that_somebody_else_made_is_overwritten_by_force_alone(shop: Shop) -> None:
    shop.publish(1)
    held = shop.google.services.find(shop.service()["name"])
    held.spec["annotations"] = {"theirs": "stays"}
    with pytest.raises(PlanRefused, match="service data, which baked-data did not make"):
        shop.publish(2)
    assert shop.publish(2, Wish(force=True)).action == "published"
    assert held.spec["annotations"]["theirs"] == "stays"
    assert shop.version(shop.live().url) == 2


def test_a_secret_that_is_not_there_is_told_before_the_bake(shop: Shop) -> None:
    with pytest.raises(PreflightError, match="the secret 'key' is not in project 'clouds-test': make it with"):
        shop.publish(1, secret=(("KEY", "key"),))


def test_two_machines_do_not_publish_at_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.publish(1)
    others: list[BaseException | None] = []

    def second() -> None:
        try:
            shop.publish(3)
            others.append(None)
        except PublishError as exc:
            others.append(exc)

    def interrupted(*about: Any) -> Any:
        monkeypatch.setattr(pipeline, "verify", verify)
        monkeypatch.setenv("BAKED_STATE_HOME", str(shop.folder / "another machine"))
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(3 * LIMIT)
        assert not thread.is_alive(), "the other publish hangs, or this machine is too busy to tell"
        return verify(*about)

    monkeypatch.setattr(pipeline, "verify", interrupted)
    shop.publish(2)
    assert isinstance(others[0], LockedError)
    assert shop.version(shop.live().url) == 2
    assert not [key for key in shop.service()["annotations"] if "lease" in key]
    assert shop.publish(3).action == "published"


def test_who_lost_the_lease_changes_nothing_any_more(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.publish(1)

    def interrupted(*about: Any) -> Any:
        held = shop.google.services.find(shop.service()["name"])
        held.spec["annotations"] = {key: each for key, each in held.spec["annotations"].items() if "lease" not in key}
        return verify(*about)  # as if another one had come after its end, and were done

    monkeypatch.setattr(pipeline, "verify", interrupted)
    with pytest.raises(LockedError, match="the lease of 'data' ended, and another publish took its place"):
        shop.publish(2)
    assert shop.version(shop.live().url) == 1
    monkeypatch.setattr(pipeline, "verify", verify)
    assert shop.publish(3).action == "published"


def test_a_lease_is_given_back_though_the_service_changes_meanwhile(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = service.Service._release

    def disturbed(self: service.Service) -> None:
        shop.google.breaks("PATCH", "services/data", 409, "ABORTED", times=2)
        release(self)

    monkeypatch.setattr(service.Service, "_release", disturbed)
    shop.publish(1)
    assert not [key for key in shop.service()["annotations"] if "lease" in key]


def test_no_body_holds_what_the_vendors_types_do_not_know_and_no_field_twice(shop: Shop) -> None:
    shop.publish(1)
    shop.publish(2)
    bodies = [each for each in shop.google.asked if each.method == "PATCH" and "/services/" in each.path]
    assert {each.check_only for each in bodies} == {True, False}
    for each in bodies:
        told = {key for key in each.body if key not in {"name", "etag"}}
        assert told == set(each.query["updateMask"].split(",")), json.dumps(each.body)
        assert each.check_only or each.body["etag"], "what is changed is what was read"
