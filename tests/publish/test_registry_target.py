"""The target ``registry``, against a real one: what is sent and read back, and what two publishes do to each other."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from line import LIMIT, make_database
from registry import Registry, serving

from baked_publish import pipeline
from baked_publish.bake import BakeOptions
from baked_publish.deployment import Candidate, Deployment
from baked_publish.errors import (
    PreflightError,
    UsageError,
    VerifyError,
)
from baked_publish.images.published import read
from baked_publish.ingredients import Ingredients, baking
from baked_publish.ledger.ledger import Ledger
from baked_publish.pipeline import Outcome, Wish
from baked_publish.registry.descriptor import INDEX
from baked_publish.report import Silent
from baked_publish.targets.registry import RegistryOptions, RegistryPublisher
from baked_publish.verify import verify

KILLED = Path(__file__).parents[1] / "support" / "killed.py"
FOREIGN = b'{"schemaVersion":2,"mediaType":"%b","manifests":[]}' % INDEX.encode()
ALL = Wish(force=True)


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
