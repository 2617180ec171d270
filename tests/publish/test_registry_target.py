"""The target ``registry``, against a real one: what is sent and read back, and what two publishes do to each other."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from line import LIMIT, PROGRAM, make_database, program, result
from registry import Registry, serving

from baked_publish import pipeline
from baked_publish.bake import BakeOptions
from baked_publish.deployment import Candidate, Deployment
from baked_publish.errors import (
    LockedError,
    NotFoundError,
    PlanRefused,
    PreflightError,
    TargetError,
    UsageError,
    VerifyError,
)
from baked_publish.images.published import read
from baked_publish.ingredients import Ingredients, baking
from baked_publish.ledger import shelf
from baked_publish.ledger.lease import Lease
from baked_publish.ledger.ledger import Ledger
from baked_publish.pipeline import Outcome, Wish
from baked_publish.registry.descriptor import INDEX, MANIFEST
from baked_publish.report import Silent
from baked_publish.targets.registry import RegistryOptions, RegistryPublisher
from baked_publish.verify import verify

KILLED = Path(__file__).parents[1] / "support" / "killed.py"
FOREIGN = b'{"schemaVersion":2,"mediaType":"%b","manifests":[]}' % INDEX.encode()
FORCED = Wish(force=True)


@dataclass(frozen=True)
class Bench:
    """A repository of its own in a real registry, and a machine to publish from."""

    registry: Registry
    repository: str
    folder: Path
    options: RegistryOptions
    http: httpx.Client

    def name(self, tag: str = "live") -> str:
        return f"{self.registry.host}/{self.repository}:{tag}"

    def publisher(self, tag: str = "live") -> RegistryPublisher:
        return RegistryPublisher(self.options, self.name(tag), self.http, Silent())

    def baking(self, version: int, **how: Any) -> pipeline.Baking:
        database = make_database(self.folder / "data.db", version, **how)
        return lambda: baking((database,), Ingredients(), BakeOptions(), Silent())

    def publish(self, version: int, wish: Wish = Wish(), tag: str = "live", **how: Any) -> Outcome:  # noqa: B008 - frozen
        return pipeline.publish(self.publisher(tag), self.baking(version, **how), wish, Silent())

    def deployed(self, version: int, wish: Wish = Wish(), tag: str = "live", **how: Any) -> Deployment:  # noqa: B008
        at = self.publish(version, wish, tag, **how).at
        assert isinstance(at, Deployment)
        return at

    def tags(self) -> list[str]:
        return sorted(self.registry.json(f"{self.repository}/tags/list")["tags"] or ())

    def manifest(self, reference: str) -> Any:
        return self.registry.json(f"{self.repository}/manifests/{reference}")

    def ledger(self, tag: str = "live") -> Ledger:
        return Ledger.from_json(json.dumps(self.manifest(f"{tag}.baked")).encode(), "here")

    def write_ledger(self, ledger: Ledger, tag: str = "live") -> None:
        self.registry.put(f"{self.repository}/manifests/{tag}.baked", ledger.to_json(), INDEX)

    def digest(self, tag: str = "live") -> str | None:
        live = self.publisher(tag).live()
        return "sha256:" + live.artifact_digest if live else None


@pytest.fixture
def bench(registry: Registry, base_layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("BAKED_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    with httpx.Client(timeout=LIMIT) as http:
        options = RegistryOptions(base_image=f"oci:{base_layout}:3.11")
        yield Bench(registry, f"tests/{uuid4().hex}", tmp_path, options, http)


def sent(bench: Bench, act: Callable[[], object]) -> dict[str, int]:
    """Return the blobs and manifests that the registry has after ``act`` and did not have before, with their sizes."""
    before = bench.registry.blobs()
    act()
    return {digest: size for digest, size in bench.registry.blobs().items() if digest not in before}


def layers(bench: Bench, reference: str = "live") -> list[str]:
    manifest = bench.manifest(reference)
    return [each["digest"] for each in (manifest["config"], *manifest["layers"])]


# What is sent


def test_after_one_changed_row_only_data_manifest_and_config_are_sent(bench: Bench) -> None:
    bench.publish(1)
    before = layers(bench)
    new = sent(bench, lambda: bench.publish(2))
    config, *_, data, manifest = after = layers(bench)
    assert [each for each in after if each not in before] == [config, data, manifest]
    documents = {digest for digest in new if digest not in after and is_blob_of_a_document(bench, digest)}
    blobs = {digest for digest in new if digest in after}
    assert blobs == {config, data, manifest}
    assert len(documents) <= 1
    assert sum(new.values()) < 64_000


def is_blob_of_a_document(bench: Bench, digest: str) -> bool:
    data = json.loads(bench.registry.blob(digest).read_bytes())
    return "schemaVersion" not in data


def test_after_no_change_nothing_is_written(bench: Bench) -> None:
    bench.publish(1)
    before = bench.registry.files()
    assert bench.publish(1).action == "unchanged"
    assert bench.registry.files() == before


def test_a_dry_run_writes_nothing(bench: Bench) -> None:
    before = bench.registry.files()
    assert bench.publish(1, Wish(dry_run=True)).action == "planned"
    assert bench.registry.files() == before
    bench.publish(1)
    before = bench.registry.files()
    outcome = bench.publish(2, Wish(dry_run=True))
    assert [change.before for change in outcome.changes if change.what == f"tag {bench.name()}"] == [bench.digest()]
    assert bench.registry.files() == before


def test_a_second_tag_of_the_repository_gets_what_is_there(bench: Bench) -> None:
    bench.publish(1)
    new = sent(bench, lambda: bench.publish(1, tag="other"))
    assert [json.loads(bench.registry.blob(each).read_bytes())["mediaType"] for each in new] == [INDEX] * len(new)
    assert bench.digest("other") == bench.digest()


# What is said


def test_the_url_is_what_an_engine_pulls(bench: Bench) -> None:
    first, second = bench.deployed(1), bench.deployed(2)
    assert second.url == f"{bench.name()}@sha256:{second.artifact_digest}"
    old = bench.publisher().history()[1]
    assert old.url == f"{bench.registry.host}/{bench.repository}@sha256:{first.artifact_digest}"


def test_the_image_says_nothing_of_the_ledger(bench: Bench) -> None:
    bench.publish(1)
    said = bench.manifest("live").get("annotations", {})
    assert not said.keys() & bench.manifest("live.baked")["manifests"][0]["annotations"].keys() - {"baked-data.bundle"}
    assert [each["digest"] for each in bench.manifest("live.baked")["manifests"]] == [bench.digest()]


@pytest.mark.parametrize(
    "name",
    [
        "localhost/UPPER:tag",
        "localhost/repo:",
        "localhost/repo:live.baked",
        "localhost/repo:" + "t" * 123,
        "localhost/repo@sha256:" + "0" * 64,
    ],
)
def test_a_name_that_cannot_be_published_to_is_told_at_once(name: str) -> None:
    with httpx.Client() as http, pytest.raises(UsageError, match=re.escape(repr(name))):
        RegistryPublisher(RegistryOptions(), name, http, Silent())


def test_a_registry_that_is_not_there_is_told_before_the_bake(bench: Bench) -> None:
    nowhere = replace(bench, registry=replace(bench.registry, host="127.0.0.1:1"))
    with pytest.raises(PreflightError, match=r"pushing to 127\.0\.0\.1:1/.* cannot be reached"):
        nowhere.publish(1)


def test_both_platforms_are_one_index_and_read_back(bench: Bench) -> None:
    both = replace(bench, options=replace(bench.options, platform=("linux/amd64", "linux/arm64")))
    first = both.deployed(1)
    assert bench.manifest("live")["mediaType"] == INDEX
    assert verify(both.publisher(), first, Silent()).digest == first.bundle_digest
    publisher = both.publisher()
    found = read("it", publisher._shelf.repository, "live")
    assert [str(each.platform) for each in found.platforms] == ["linux/amd64", "linux/arm64"]
    assert both.deployed(2).previous == first.revision


def test_another_program_takes_the_image_whole(bench: Bench) -> None:
    both = replace(bench, options=replace(bench.options, platform=("linux/amd64", "linux/arm64")))
    both.publish(1)
    skopeo(bench, "inspect", "--tls-verify=false", f"docker://{bench.name()}")
    skopeo(
        bench, "copy", "--all", "--src-tls-verify=false", f"docker://{bench.name()}", f"oci:{bench.folder / 'copy'}:x"
    )
    assert (bench.folder / "copy" / "index.json").exists()


def skopeo(bench: Bench, *words: str) -> str:
    policy = bench.folder / "policy.json"
    policy.write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
    done = subprocess.run(
        ["skopeo", "--policy", str(policy), *words], capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# What is read back


class Damaging(RegistryPublisher):
    """Whose registry damages a blob as soon as it is there: the one at ``number`` of config and layers."""

    number = 0
    bench: Bench

    def stage(self, *about: Any) -> Candidate:
        candidate = super().stage(*about)
        self.bench.registry.damage(layers(self.bench, f"sha256:{candidate.artifact_digest}")[self.number])
        return candidate


@pytest.mark.parametrize("number", range(6), ids=["config", "base", "packages", "app", "data", "manifest"])
def test_a_blob_that_the_registry_damaged_is_caught(bench: Bench, tmp_path: Path, number: int) -> None:
    with serving(tmp_path / "own") as own:  # what is damaged there is no other test's
        damaged = replace(bench, registry=own)
        damaged.publish(1)
        before = damaged.digest()
        kind = type("Damaging", (Damaging,), {"number": number, "bench": damaged})
        publisher = kind(bench.options, damaged.name(), bench.http, Silent())
        with pytest.raises(VerifyError, match=r"is not what was pushed: .*damaged"):
            pipeline.publish(publisher, bench.baking(2), Wish(), Silent())
        assert damaged.digest() == before
        assert not damaged.publisher().candidates()


# What was there before


def test_a_tag_of_somebody_else_is_not_overwritten_unless_forced(bench: Bench) -> None:
    bench.registry.put(f"{bench.repository}/manifests/live", FOREIGN, INDEX)
    before = bench.registry.files()
    with pytest.raises(PlanRefused, match=f"overwrite tag {bench.name()}, which baked-data did not publish"):
        bench.publish(1)
    assert bench.registry.files() == before
    with pytest.raises(PlanRefused):
        bench.publish(1, Wish(preview=True))
    assert bench.publish(1, FORCED).action == "published"
    assert bench.deployed(2).live


def test_a_tag_that_somebody_moved_meanwhile_stays_where_it_is(bench: Bench) -> None:
    bench.publish(1)
    publisher = bench.publisher()
    verified = publisher.stored

    def moved(at: Candidate | Deployment) -> Any:
        bench.registry.put(f"{bench.repository}/manifests/live", FOREIGN, INDEX)
        return verified(at)

    publisher.stored = moved  # type: ignore[method-assign]  # somebody moves it while it is read back
    with pytest.raises(LockedError, match=r"somebody else moved it\. Nothing was changed"):
        pipeline.publish(publisher, bench.baking(2), Wish(), Silent())
    assert bench.manifest("live") == json.loads(FOREIGN)
    assert not bench.publisher().candidates()


def test_what_the_tag_names_is_live_though_somebody_else_moved_it(bench: Bench) -> None:
    first, second = bench.deployed(1), bench.deployed(2)
    old = bench.registry.blob(f"sha256:{first.artifact_digest}").read_bytes()
    bench.registry.put(f"{bench.repository}/manifests/live", old, MANIFEST)
    live = bench.publisher().live()
    assert live is not None
    assert (live.revision, live.previous) == (first.revision, second.revision)
    assert [each.revision for each in bench.publisher().history()] == [first.revision, second.revision]


def test_something_else_where_the_ledger_would_lie_is_told(bench: Bench) -> None:
    bench.registry.put(f"{bench.repository}/manifests/live.baked", FOREIGN, INDEX)
    with pytest.raises(TargetError, match=r"live\.baked is not a ledger of baked-data"):
        bench.publish(1)
    assert bench.tags() == ["live.baked"]


def test_a_rollback_to_an_image_that_was_removed_is_told(bench: Bench) -> None:
    first, second = bench.deployed(1), bench.deployed(2)
    publisher = bench.publisher()
    publisher._shelf.repository.delete(f"sha256:{first.artifact_digest}")
    with pytest.raises(NotFoundError, match=f"@sha256:{first.artifact_digest} is gone"):
        pipeline.rollback(publisher, None, Wish(), Silent())
    live = bench.publisher().live()
    assert live is not None
    assert live.revision == second.revision
    assert bench.publish(3).action == "published"


# What is removed


def test_old_images_go_and_those_of_other_tags_stay(bench: Bench) -> None:
    first = bench.deployed(1)
    bench.publish(1, tag="other")
    second = bench.deployed(2, Wish(keep=0))
    third = bench.deployed(3, Wish(keep=0))
    held = [removed(bench, each) for each in (first, second, third)]
    assert held == [False, True, False]
    assert verify(bench.publisher("other"), live_of(bench, "other"), Silent()).digest == first.bundle_digest


def live_of(bench: Bench, tag: str) -> Deployment:
    live = bench.publisher(tag).live()
    assert live is not None
    return live


def removed(bench: Bench, deployment: Deployment) -> bool:
    publisher = bench.publisher()
    return publisher._shelf.repository.find(f"sha256:{deployment.artifact_digest}") is None


def test_unpublish_leaves_another_tag_of_the_same_image(bench: Bench) -> None:
    first = bench.deployed(1)
    bench.publish(1, tag="other")
    bench.publish(2)
    pipeline.unpublish(bench.publisher(), Silent())
    assert [each for each in bench.tags() if not each.startswith("sha256-")] == ["other", "other.baked"]
    assert verify(bench.publisher("other"), live_of(bench, "other"), Silent()).digest == first.bundle_digest
    pipeline.unpublish(bench.publisher("other"), Silent())
    assert not bench.tags()


def test_a_registry_that_removes_nothing_says_so_and_publishes_all_the_same(bench: Bench, tmp_path: Path) -> None:
    with serving(tmp_path / "own", deletes=False) as own:
        stubborn = replace(bench, registry=own)
        for version in (1, 2, 3):
            stubborn.publish(version, Wish(keep=0))
        assert len(stubborn.publisher().history()) == 1
        with pytest.raises(TargetError, match=r"with its ledger 'live\.baked' and all images: .*405"):
            pipeline.unpublish(stubborn.publisher(), Silent())
        assert stubborn.publish(3).action == "unchanged"


def test_a_first_publish_that_fails_leaves_no_tag(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "verify", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench.publish(1)
    assert not [each for each in bench.tags() if not each.startswith("sha256-")]


# Two at once, and what a killed run leaves


@pytest.mark.parametrize(
    ("step", "when"),
    [("Shelf.move", "before"), ("Shelf.move", "after"), ("Shelf.change", "before"), ("Repository.put", "after")],
)
def test_killed_while_it_promotes_either_all_is_done_or_nothing(bench: Bench, step: str, when: str) -> None:
    bench.publish(1)
    killed = killing(bench, 2, step, when)
    assert killed.wait(LIMIT) == -signal.SIGKILL
    moved = (step, when) != ("Shelf.move", "before")
    live = live_of(bench, "live")
    verify(bench.publisher(), live, Silent())
    assert (live.previous is not None) is moved
    assert [each.live for each in bench.publisher().history()] == [True, False][: 1 + moved]
    assert bench.publish(2).action == ("unchanged" if moved else "published")
    assert bench.publish(3).action == "published"
    assert len(bench.publisher().history()) == 3
    assert not bench.publisher().candidates()
    pipeline.rollback(bench.publisher(), None, Wish(), Silent())


def killing(bench: Bench, version: int, step: str, when: str, **env: str) -> "subprocess.Popen[bytes]":
    database = make_database(bench.folder / "data.db", version)
    target = f"{RegistryPublisher.__module__}:{RegistryPublisher.__name__}"
    options = json.dumps({"base_image": bench.options.base_image})
    words = [sys.executable, str(KILLED), target, bench.name(), str(database), step, when, options]
    return subprocess.Popen(words, cwd=bench.folder, env={**os.environ, **env}, stderr=subprocess.DEVNULL)


def test_a_publish_killed_elsewhere_holds_its_lease_until_it_ends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.publish(1)
    elsewhere = killing(bench, 2, "promote", "before", BAKED_STATE_HOME=str(bench.folder / "elsewhere"))
    assert elsewhere.wait(LIMIT) == -signal.SIGKILL
    with pytest.raises(LockedError, match=rf"in process {elsewhere.pid} on .*: wait until .* its lease ends at \d\d:"):
        bench.publish(3)
    assert bench.publish(3, Wish(dry_run=True)).action == "planned"
    held = bench.ledger()
    assert held.lease is not None
    bench.write_ledger(replace(held, lease=replace(held.lease, until=datetime.now(UTC) - timedelta(seconds=1))))
    assert bench.publish(3).action == "published"
    assert not bench.publisher().candidates()
    assert bench.ledger().lease is None
    monkeypatch.setenv("BAKED_STATE_HOME", str(bench.folder / "elsewhere"))
    assert bench.publish(4).action == "published"


def test_a_publish_whose_lease_was_taken_changes_nothing(bench: Bench) -> None:
    bench.publish(1)
    publisher = bench.publisher()
    verified = publisher.stored

    def taken(at: Candidate | Deployment) -> Any:
        bench.write_ledger(replace(bench.ledger(), lease=Lease.take("elsewhere")))
        return verified(at)

    publisher.stored = taken  # type: ignore[method-assign]  # somebody takes it while the image is read back
    before = bench.digest()
    with pytest.raises(LockedError, match="is under way in process"):
        pipeline.publish(publisher, bench.baking(2), Wish(), Silent())
    assert bench.digest() == before
    assert bench.ledger().lease is not None


def test_a_lease_is_renewed_while_a_publish_takes_its_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "RENEWED", 0.05)
    publisher = bench.publisher()
    with publisher.lock():
        publisher._shelf.hold()
        first = bench.ledger().lease
        assert first is not None
        deadline = datetime.now(UTC) + timedelta(seconds=LIMIT)
        while (now := bench.ledger().lease) is not None and now.until == first.until:
            assert datetime.now(UTC) < deadline
    assert not bench.tags()


def test_many_machines_at_once_never_interleave(bench: Bench) -> None:
    """Each either publishes whole, or is kept out and says so; what is live is what its ledger says was last."""
    bench.publish(1)
    machines = [publishing(bench, number) for number in range(2, 6)]
    done = {number: each.communicate(timeout=2 * LIMIT) for number, each in enumerate(machines, 2)}
    codes = [each.returncode for each in machines]
    assert set(codes) <= {0, LockedError.exit_code}, done
    assert 0 in codes
    live, history = live_of(bench, "live"), bench.publisher().history()
    assert len(history) == 1 + codes.count(0)
    assert [each.previous for each in history] == [*(each.revision for each in history[1:]), None]
    assert history[0] == live
    verify(bench.publisher(), live, Silent())
    assert not bench.publisher().candidates()
    assert bench.publish(7).action == "published"


def publishing(bench: Bench, number: int) -> "subprocess.Popen[str]":
    """Publish other data to the same tag from another machine, as it were."""
    folder = bench.folder / str(number)
    folder.mkdir()
    database = make_database(folder / "data.db", number)
    words = [*PROGRAM, "registry", str(database), bench.name(), "--base-image", bench.options.base_image, "--json"]
    env = {**os.environ, "BAKED_STATE_HOME": str(folder / "state")}
    return subprocess.Popen(words, cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_the_program_prints_the_digest_and_answers_for_it(bench: Bench) -> None:
    database = make_database(bench.folder / "data.db", 1)
    flags = ["--base-image", bench.options.base_image]
    done = program("registry", database, bench.name(), *flags, cwd=bench.folder)
    assert done.stdout == f"{bench.name()}@{bench.digest()}\n", done.stderr
    told = result("status", "registry", bench.name())
    assert told["live"]["artifact_digest"] == str(bench.digest()).removeprefix("sha256:")
    assert told["answers"] is True
    assert len(result("history", "registry", bench.name())["deployments"]) == 1
    assert result("unpublish", "registry", bench.name(), "--yes")["ok"] is True
    assert result("status", "registry", bench.name(), code=NotFoundError.exit_code)["error"]["kind"] == "NotFoundError"
