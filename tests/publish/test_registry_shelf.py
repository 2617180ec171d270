"""One tag of a real registry: what was there before, what is removed, and what two publishes do to each other."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from line import LIMIT, PROGRAM, make_database, program, result
from pushing import FORCED, FOREIGN, Repo
from registry import serving

from baked_publish import pipeline
from baked_publish.deployment import Candidate, Deployment
from baked_publish.errors import (
    LockedError,
    NotFoundError,
    PlanRefused,
    TargetError,
)
from baked_publish.ledger import shelf
from baked_publish.ledger.lease import Lease
from baked_publish.registry.descriptor import INDEX, MANIFEST
from baked_publish.report import Silent
from baked_publish.targets.registry import RegistryPublisher
from baked_publish.verify import verify
from baked_publish.wish import Wish

KILLED = Path(__file__).parents[1] / "support" / "killed.py"
# What was there before


def test_a_tag_of_somebody_else_is_not_overwritten_unless_forced(repo: Repo) -> None:
    repo.registry.put(f"{repo.path}/manifests/live", FOREIGN, INDEX)
    before = repo.registry.files()
    with pytest.raises(PlanRefused, match=f"overwrite tag {repo.name()}, which baked-data did not publish"):
        repo.publish(1)
    assert repo.registry.files() == before
    with pytest.raises(PlanRefused):
        repo.publish(1, Wish(preview=True))
    assert repo.publish(1, FORCED).action == "published"
    assert repo.deployed(2).live


def test_a_tag_that_somebody_moved_meanwhile_stays_where_it_is(repo: Repo) -> None:
    repo.publish(1)
    publisher = repo.publisher()
    verified = publisher.stored

    def moved(at: Candidate | Deployment) -> Any:
        repo.registry.put(f"{repo.path}/manifests/live", FOREIGN, INDEX)
        return verified(at)

    publisher.stored = moved  # type: ignore[method-assign]  # somebody moves it while it is read back
    with pytest.raises(LockedError, match=r"somebody else moved it\. Nothing was changed"):
        pipeline.publish(publisher, repo.baking(2), Wish(), Silent())
    assert repo.manifest("live") == json.loads(FOREIGN)
    assert not repo.publisher().candidates()


def test_what_the_tag_names_is_live_though_somebody_else_moved_it(repo: Repo) -> None:
    first, second = repo.deployed(1), repo.deployed(2)
    old = repo.registry.blob(f"sha256:{first.artifact_digest}").read_bytes()
    repo.registry.put(f"{repo.path}/manifests/live", old, MANIFEST)
    live = repo.publisher().live()
    assert live is not None
    assert (live.revision, live.previous) == (first.revision, second.revision)
    assert [each.revision for each in repo.publisher().history()] == [first.revision, second.revision]


def test_something_else_where_the_ledger_would_lie_is_told(repo: Repo) -> None:
    repo.registry.put(f"{repo.path}/manifests/live.baked", FOREIGN, INDEX)
    with pytest.raises(TargetError, match=r"live\.baked is not a ledger of baked-data"):
        repo.publish(1)
    assert repo.tags() == ["live.baked"]


def test_a_rollback_to_an_image_that_was_removed_is_told(repo: Repo) -> None:
    first, second = repo.deployed(1), repo.deployed(2)
    publisher = repo.publisher()
    publisher._shelf.repository.delete(f"sha256:{first.artifact_digest}")
    with pytest.raises(NotFoundError, match=f"@sha256:{first.artifact_digest} is gone"):
        pipeline.rollback(publisher, None, Wish(), Silent())
    live = repo.publisher().live()
    assert live is not None
    assert live.revision == second.revision
    assert repo.publish(3).action == "published"


# What is removed


def test_old_images_go_and_those_of_other_tags_stay(repo: Repo) -> None:
    first = repo.deployed(1)
    repo.publish(1, tag="other")
    second = repo.deployed(2, Wish(keep=0))
    third = repo.deployed(3, Wish(keep=0))
    held = [removed(repo, each) for each in (first, second, third)]
    assert held == [False, True, False]
    assert verify(repo.publisher("other"), repo.live("other"), Silent()).digest == first.bundle_digest


def removed(repo: Repo, deployment: Deployment) -> bool:
    publisher = repo.publisher()
    return publisher._shelf.repository.find(f"sha256:{deployment.artifact_digest}") is None


def test_unpublish_leaves_another_tag_of_the_same_image(repo: Repo) -> None:
    first = repo.deployed(1)
    repo.publish(1, tag="other")
    repo.publish(2)
    pipeline.unpublish(repo.publisher(), Silent())
    assert [each for each in repo.tags() if not each.startswith("sha256-")] == ["other", "other.baked"]
    assert verify(repo.publisher("other"), repo.live("other"), Silent()).digest == first.bundle_digest
    pipeline.unpublish(repo.publisher("other"), Silent())
    assert not repo.tags()


def test_a_registry_that_removes_nothing_says_so_and_publishes_all_the_same(repo: Repo, tmp_path: Path) -> None:
    with serving(tmp_path / "own", deletes=False) as own:
        stubborn = replace(repo, registry=own)
        for version in (1, 2, 3):
            stubborn.publish(version, Wish(keep=0))
        assert len(stubborn.publisher().history()) == 1
        with pytest.raises(TargetError, match=r"with its ledger 'live\.baked' and all images: .*405"):
            pipeline.unpublish(stubborn.publisher(), Silent())
        assert stubborn.publish(3).action == "unchanged"


def test_a_first_publish_that_fails_leaves_no_tag(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "verify", interrupted)
    with pytest.raises(KeyboardInterrupt):
        repo.publish(1)
    assert not [each for each in repo.tags() if not each.startswith("sha256-")]


# Two at once, and what a killed run leaves


@pytest.mark.parametrize(
    ("step", "when"),
    [("Shelf.move", "before"), ("Shelf.move", "after"), ("Shelf.change", "before"), ("Repository.put", "after")],
)
def test_killed_while_it_promotes_either_all_is_done_or_nothing(repo: Repo, step: str, when: str) -> None:
    repo.publish(1)
    killed = killing(repo, 2, step, when)
    assert killed.wait(LIMIT) == -signal.SIGKILL
    moved = (step, when) != ("Shelf.move", "before")
    live = repo.live()
    verify(repo.publisher(), live, Silent())
    assert (live.previous is not None) is moved
    assert [each.live for each in repo.publisher().history()] == [True, False][: 1 + moved]
    assert repo.publish(2).action == ("unchanged" if moved else "published")
    assert repo.publish(3).action == "published"
    assert len(repo.publisher().history()) == 3
    assert not repo.publisher().candidates()
    pipeline.rollback(repo.publisher(), None, Wish(), Silent())


def killing(repo: Repo, version: int, step: str, when: str, **env: str) -> "subprocess.Popen[bytes]":
    database = make_database(repo.folder / "data.db", version)
    target = f"{RegistryPublisher.__module__}:{RegistryPublisher.__name__}"
    options = json.dumps({"base_image": repo.options.base_image})
    words = [sys.executable, str(KILLED), target, repo.name(), str(database), step, when, options]
    return subprocess.Popen(words, cwd=repo.folder, env={**os.environ, **env}, stderr=subprocess.DEVNULL)


def test_a_publish_killed_elsewhere_holds_its_lease_until_it_ends(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.publish(1)
    elsewhere = killing(repo, 2, "promote", "before", BAKED_STATE_HOME=str(repo.folder / "elsewhere"))
    assert elsewhere.wait(LIMIT) == -signal.SIGKILL
    with pytest.raises(LockedError, match=rf"in process {elsewhere.pid} on .*: wait until .* its lease ends at \d\d:"):
        repo.publish(3)
    assert repo.publish(3, Wish(dry_run=True)).action == "planned"
    held = repo.ledger()
    assert held.lease is not None
    repo.write_ledger(replace(held, lease=replace(held.lease, until=datetime.now(UTC) - timedelta(seconds=1))))
    assert repo.publish(3).action == "published"
    assert not repo.publisher().candidates()
    assert repo.ledger().lease is None
    monkeypatch.setenv("BAKED_STATE_HOME", str(repo.folder / "elsewhere"))
    assert repo.publish(4).action == "published"


def test_a_publish_whose_lease_was_taken_changes_nothing(repo: Repo) -> None:
    repo.publish(1)
    publisher = repo.publisher()
    verified = publisher.stored

    def taken(at: Candidate | Deployment) -> Any:
        repo.write_ledger(replace(repo.ledger(), lease=Lease.take("elsewhere")))
        return verified(at)

    publisher.stored = taken  # type: ignore[method-assign]  # somebody takes it while the image is read back
    before = repo.digest()
    with pytest.raises(LockedError, match="is under way in process"):
        pipeline.publish(publisher, repo.baking(2), Wish(), Silent())
    assert repo.digest() == before
    assert repo.ledger().lease is not None


def test_a_lease_is_renewed_while_a_publish_takes_its_time(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "RENEWED", 0.05)
    publisher = repo.publisher()
    with publisher.lock():
        publisher._shelf.hold()
        first = repo.ledger().lease
        assert first is not None
        deadline = datetime.now(UTC) + timedelta(seconds=LIMIT)
        while (now := repo.ledger().lease) is not None and now.until == first.until:
            assert datetime.now(UTC) < deadline
    assert not repo.tags()


def test_many_machines_at_once_never_interleave(repo: Repo) -> None:
    """Each either publishes whole, or is kept out and says so; what is live is what its ledger says was last."""
    repo.publish(1)
    machines = [publishing(repo, number) for number in range(2, 6)]
    done = {number: each.communicate(timeout=2 * LIMIT) for number, each in enumerate(machines, 2)}
    codes = [each.returncode for each in machines]
    assert set(codes) <= {0, LockedError.exit_code}, done
    assert 0 in codes
    live, history = repo.live(), repo.publisher().history()
    assert len(history) == 1 + codes.count(0)
    assert [each.previous for each in history] == [*(each.revision for each in history[1:]), None]
    assert history[0] == live
    verify(repo.publisher(), live, Silent())
    assert not repo.publisher().candidates()
    assert repo.publish(7).action == "published"


def publishing(repo: Repo, number: int) -> "subprocess.Popen[str]":
    """Publish other data to the same tag from another machine, as it were."""
    folder = repo.folder / str(number)
    folder.mkdir()
    database = make_database(folder / "data.db", number)
    words = [*PROGRAM, "registry", str(database), repo.name(), "--base-image", str(repo.options.base_image), "--json"]
    env = {**os.environ, "BAKED_STATE_HOME": str(folder / "state")}
    return subprocess.Popen(words, cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_the_program_prints_the_digest_and_answers_for_it(repo: Repo) -> None:
    database = make_database(repo.folder / "data.db", 1)
    flags = ["--base-image", str(repo.options.base_image)]
    done = program("registry", database, repo.name(), *flags, cwd=repo.folder)
    assert done.stdout == f"{repo.name()}@{repo.digest()}\n", done.stderr
    told = result("status", "registry", repo.name())
    assert told["live"]["artifact_digest"] == str(repo.digest()).removeprefix("sha256:")
    assert told["answers"] is True
    assert len(result("history", "registry", repo.name())["deployments"]) == 1
    assert result("unpublish", "registry", repo.name(), "--yes")["ok"] is True
    assert result("status", "registry", repo.name(), code=NotFoundError.exit_code)["error"]["kind"] == "NotFoundError"
