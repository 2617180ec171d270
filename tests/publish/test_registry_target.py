"""The target ``registry``, against a real one: what is sent and read back, and what two publishes do to each other."""

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from line import LIMIT
from pushing import Repo
from registry import serving

from baked_publish import pipeline
from baked_publish.deployment import Candidate
from baked_publish.errors import (
    PreflightError,
    UsageError,
    VerifyError,
)
from baked_publish.images.published import read
from baked_publish.registry.descriptor import INDEX
from baked_publish.report import Silent
from baked_publish.targets.registry import RegistryOptions, RegistryPublisher
from baked_publish.verify import verify
from baked_publish.wish import Wish


def sent(repo: Repo, act: Callable[[], object]) -> dict[str, int]:
    """Return the blobs and manifests that the registry has after ``act`` and did not have before, with their sizes."""
    before = repo.registry.blobs()
    act()
    return {digest: size for digest, size in repo.registry.blobs().items() if digest not in before}


def layers(repo: Repo, reference: str = "live") -> list[str]:
    manifest = repo.manifest(reference)
    return [each["digest"] for each in (manifest["config"], *manifest["layers"])]


# What is sent


def uploaded(repo: Repo, act: Callable[[], object]) -> list[str]:
    """Return the digest of each blob that ``act`` uploads to this repository."""
    before = len(repo.registry.requests())
    act()
    asked = [unquote(each) for each in repo.registry.requests()[before:]]
    return [each.rpartition("digest=")[2][:71] for each in asked if each.startswith(f"PUT /v2/{repo.path}/blobs/")]


def test_after_one_changed_row_only_data_manifest_and_config_are_sent(repo: Repo) -> None:
    repo.publish(1)
    before = layers(repo)
    new = uploaded(repo, lambda: repo.publish(2))
    config, *_, data, manifest = after = layers(repo)
    assert [each for each in after if each not in before] == [config, data, manifest]
    assert sorted(new) == sorted([config, data, manifest])
    assert sum(repo.registry.blobs()[each] for each in new) < 64_000


def test_after_no_change_nothing_is_written(repo: Repo) -> None:
    repo.publish(1)
    before = repo.registry.files()
    assert repo.publish(1).action == "unchanged"
    assert repo.registry.files() == before


def test_the_lock_is_written_once_something_is_published(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    repo.publish(1, Wish(dry_run=True))
    assert not Path("publish.lock").exists()
    repo.publish(1)
    assert "sha256:" in Path("publish.lock").read_text()


def test_a_dry_run_writes_nothing(repo: Repo) -> None:
    before = repo.registry.files()
    assert repo.publish(1, Wish(dry_run=True)).action == "planned"
    assert repo.registry.files() == before
    repo.publish(1)
    before = repo.registry.files()
    outcome = repo.publish(2, Wish(dry_run=True))
    assert [change.before for change in outcome.changes if change.what == f"tag {repo.name()}"] == [repo.digest()]
    assert repo.registry.files() == before


def test_a_second_tag_of_the_repository_gets_what_is_there(repo: Repo) -> None:
    repo.publish(1)
    new = sent(repo, lambda: repo.publish(1, tag="other"))
    assert [json.loads(repo.registry.blob(each).read_bytes())["mediaType"] for each in new] == [INDEX] * len(new)
    assert repo.digest("other") == repo.digest()


# What is said


def test_the_url_is_what_an_engine_pulls(repo: Repo) -> None:
    first, second = repo.deployed(1), repo.deployed(2)
    assert second.url == f"{repo.name()}@sha256:{second.artifact_digest}"
    old = repo.publisher().history()[1]
    assert old.url == f"{repo.registry.host}/{repo.path}@sha256:{first.artifact_digest}"


def test_the_image_says_nothing_of_the_ledger(repo: Repo) -> None:
    repo.publish(1)
    said = repo.manifest("live").get("annotations", {})
    assert not said.keys() & repo.manifest("live.baked")["manifests"][0]["annotations"].keys() - {"baked-data.bundle"}
    assert [each["digest"] for each in repo.manifest("live.baked")["manifests"]] == [repo.digest()]


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


def test_a_registry_that_is_not_there_is_told_before_the_bake(repo: Repo) -> None:
    nowhere = replace(repo, registry=replace(repo.registry, host="127.0.0.1:1"))
    with pytest.raises(PreflightError, match=r"pushing to 127\.0\.0\.1:1/.* cannot be reached"):
        nowhere.publish(1)


def test_both_platforms_are_one_index_and_read_back(repo: Repo) -> None:
    both = replace(repo, options=replace(repo.options, platform=("linux/amd64", "linux/arm64")))
    first = both.deployed(1)
    assert repo.manifest("live")["mediaType"] == INDEX
    assert verify(both.publisher(), first, Silent()).digest == first.bundle_digest
    publisher = both.publisher()
    found = read("it", publisher._shelf.repository, "live")
    assert [str(each.platform) for each in found.platforms] == ["linux/amd64", "linux/arm64"]
    assert both.deployed(2).previous == first.revision


def test_another_program_takes_the_image_whole(repo: Repo) -> None:
    both = replace(repo, options=replace(repo.options, platform=("linux/amd64", "linux/arm64")))
    both.publish(1)
    skopeo(repo, "inspect", "--tls-verify=false", f"docker://{repo.name()}")
    skopeo(repo, "copy", "--all", "--src-tls-verify=false", f"docker://{repo.name()}", f"oci:{repo.folder / 'copy'}:x")
    assert (repo.folder / "copy" / "index.json").exists()


def skopeo(repo: Repo, *words: str) -> str:
    policy = repo.folder / "policy.json"
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
    repo: Repo

    def stage(self, *about: Any) -> Candidate:
        candidate = super().stage(*about)
        self.repo.registry.damage(layers(self.repo, f"sha256:{candidate.artifact_digest}")[self.number])
        return candidate


@pytest.mark.parametrize("number", range(6), ids=["config", "base", "packages", "app", "data", "manifest"])
def test_a_blob_that_the_registry_damaged_is_caught(repo: Repo, tmp_path: Path, number: int) -> None:
    with serving(tmp_path / "own") as own:  # what is damaged there is no other test's
        damaged = replace(repo, registry=own)
        damaged.publish(1)
        before = damaged.digest()
        kind = type("Damaging", (Damaging,), {"number": number, "repo": damaged})
        publisher = kind(repo.options, damaged.name(), repo.http, Silent())
        with pytest.raises(VerifyError, match=r"is not what was pushed: .*damaged"):
            pipeline.publish(publisher, repo.baking(2), Wish(), Silent())
        assert damaged.digest() == before
        assert not damaged.publisher().candidates()
