"""The contract: what every target must do, run against each one that we ship and against the sample plugin."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4
from zlib import crc32

import apsw
import baked_folder
import cut
import httpx
import pytest
from baked_folder import FolderPublisher
from killed import STEPS
from line import LIMIT, make_database
from tampered import Change, tampered

from baked_publish import pipeline
from baked_publish.bake import BakeOptions
from baked_publish.bundle import Bundle
from baked_publish.deployment import Deployment
from baked_publish.errors import LockedError, NotFoundError, PlanRefused, PublishError, VerifyError
from baked_publish.ingredients import Ingredients, baking
from baked_publish.pipeline import Outcome
from baked_publish.publisher import Publisher
from baked_publish.registry import patience
from baked_publish.report import Silent
from baked_publish.targets.cloudrun import CloudRunPublisher
from baked_publish.targets.docker import DockerPublisher
from baked_publish.targets.fly import FlyPublisher
from baked_publish.targets.local import LocalPublisher
from baked_publish.targets.registry import RegistryPublisher
from baked_publish.vendors import fly as fly_client
from baked_publish.vendors import google_api, google_run
from baked_publish.verify import read_manifest, verify
from baked_publish.wish import Wish

KILLED = Path(__file__).parents[1] / "support" / "killed.py"


@dataclass(frozen=True)
class Bench:
    """A target under test, with a folder of its own."""

    target: type[Publisher]
    options: Mapping[str, Any]
    place: str
    """What comes before every name, where names are addresses."""
    folder: Path
    http: httpx.Client

    def named(self, name: str) -> str:
        return self.place + name

    def publisher(self, name: str = "data") -> Publisher:
        return self.target(self.target.options(**self.options), self.named(name), self.http, Silent())

    def database(self, version: int, **how: Any) -> Path:
        return make_database(self.folder / "data.db", version, **how)

    def publish(self, version: int, wish: Wish = Wish(), **how: Any) -> Outcome:  # noqa: B008 - frozen
        return pipeline.publish(self.publisher(), self.bake(self.database(version, **how)), wish, Silent())

    @staticmethod
    def bake(*files: Path) -> Callable[[], AbstractContextManager[Bundle]]:
        return lambda: baking(files, Ingredients(), BakeOptions(), Silent())

    def revision(self) -> str | None:
        live = self.publisher().live()
        return live.revision if live else None


@pytest.fixture(params=["cloudrun", "docker", "fly", "folder", "local", "registry"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("BAKED_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    with httpx.Client(timeout=LIMIT) as http:
        made = Bench(*kind(request), tmp_path, http)
        yield made
        for each in (made.publisher(), made.publisher("other")):
            if each.live() or each.candidates():
                pipeline.unpublish(each, Silent())


def kind(request: pytest.FixtureRequest) -> tuple[type[Publisher], Mapping[str, Any], str]:
    """Return the target that a test runs against, its options, and what comes before each name."""
    if request.param == "cloudrun":
        return CloudRunPublisher, request.getfixturevalue("cloudrun_options"), ""
    if request.param == "docker":
        return DockerPublisher, request.getfixturevalue("docker_options"), ""
    if request.param == "fly":
        return FlyPublisher, request.getfixturevalue("fly_options"), f"c{uuid4().hex[:8]}-"  # its images outlive an app
    if request.param == "folder":
        return FolderPublisher, {}, ""
    if request.param == "registry":
        options = {"base_image": f"oci:{request.getfixturevalue('base_layout')}:3.11"}
        return RegistryPublisher, options, f"{request.getfixturevalue('registry').host}/contract/{uuid4().hex}:"
    return LocalPublisher, {}, ""


def test_first_publish_is_verified_and_live(bench: Bench) -> None:
    outcome = bench.publish(1)
    live = bench.publisher().live()
    assert outcome.action == "published"
    assert live is not None
    assert live.live
    assert outcome.manifest is not None
    assert live.bundle_digest == outcome.manifest.digest
    assert verify(bench.publisher(), live, Silent()) == outcome.manifest
    assert not bench.publisher().candidates()


def test_publishing_what_is_live_changes_nothing(bench: Bench) -> None:
    first = bench.publish(1)
    again = bench.publish(1)
    assert again.action == "unchanged"
    assert again.at == first.at
    assert len(bench.publisher().history()) == 1


def test_force_publishes_what_is_live_anew(bench: Bench) -> None:
    first, again = bench.publish(1), bench.publish(1, Wish(force=True))
    assert again.action == "published"
    assert first.at is not None
    assert again.at is not None
    assert again.at.revision != first.at.revision


def test_a_changed_row_is_planned_published_and_listed(bench: Bench) -> None:
    first = bench.publish(1)
    second = bench.publish(2, rows=501)
    assert first.at is not None
    assert ("change", "table data.items", "500 rows", "501 rows") in [
        (change.kind, change.what, change.before, change.after) for change in second.changes
    ]
    history = bench.publisher().history()
    assert [each.live for each in history] == [True, False]
    assert history[0].previous == first.at.revision
    assert read_manifest(bench.publisher(), history[0]) == second.manifest


def test_a_dry_run_touches_nothing(bench: Bench) -> None:
    bench.publish(1)
    before = bench.publisher().live()
    with bench.publisher().lock():  # a dry run waits for nobody, and clears nothing away
        outcome = bench.publish(2, Wish(dry_run=True))
    assert outcome.action == "planned"
    assert any(change.what == "database data" for change in outcome.changes)
    assert bench.publisher().live() == before
    assert not bench.publisher().candidates()


def test_a_preview_waits_until_it_is_promoted(bench: Bench) -> None:
    bench.publish(1)
    before = bench.revision()
    preview = bench.publish(2, Wish(preview=True))
    assert preview.action == "previewed"
    assert preview.at is not None
    assert bench.revision() == before
    assert [each.revision for each in bench.publisher().candidates()] == [preview.at.revision]
    assert pipeline.promote(bench.publisher(), None, Wish(), Silent()).action == "promoted"
    assert bench.revision() == preview.at.revision
    assert not bench.publisher().candidates()


def test_a_preview_outlives_another_publish(bench: Bench) -> None:
    bench.publish(1)
    preview = bench.publish(2, Wish(preview=True))
    bench.publish(3)
    assert [each.revision for each in bench.publisher().candidates()] == [preview.at and preview.at.revision]


def test_promoting_without_a_preview_is_refused(bench: Bench) -> None:
    bench.publish(1)
    with pytest.raises(NotFoundError, match=f"no preview of {bench.named('data')!r}"):
        pipeline.promote(bench.publisher(), None, Wish(), Silent())


def test_rollback_brings_back_the_one_before_and_any_named(bench: Bench) -> None:
    revisions = []
    for version in (1, 2, 3):
        bench.publish(version)
        revisions.append(bench.revision())
    assert pipeline.rollback(bench.publisher(), None, Wish(), Silent()).action == "rolled back"
    assert bench.revision() == revisions[1]
    pipeline.rollback(bench.publisher(), revisions[0], Wish(), Silent())
    assert bench.revision() == revisions[0]
    with pytest.raises(NotFoundError, match="no revision 'nonsense', there are: "):
        pipeline.rollback(bench.publisher(), "nonsense", Wish(), Silent())


def test_rollback_without_history_is_refused(bench: Bench) -> None:
    bench.publish(1)
    with pytest.raises(NotFoundError, match=f"no older deployment of {bench.named('data')!r}"):
        pipeline.rollback(bench.publisher(), None, Wish(), Silent())


def tampering(monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """Let every Artifact hold a changed database under a correct Manifest."""
    build = pipeline.build
    monkeypatch.setattr(pipeline, "build", lambda *about: tampered(build(*about), change))


def swap(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"item 7", b"item X"))


def rob(file: Path) -> None:
    with apsw.Connection(str(file)) as connection:
        connection.execute("delete from items where id = 3")
    connection.close()


def test_a_database_swapped_under_a_correct_manifest_is_caught(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.publish(1)
    before = bench.publisher().live()
    tampering(monkeypatch, swap)
    with pytest.raises(VerifyError, match="data"):
        bench.publish(2)
    assert bench.publisher().live() == before
    assert not bench.publisher().candidates()


def test_rows_missing_under_a_correct_manifest_are_caught(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tampering(monkeypatch, rob)
    with pytest.raises(VerifyError, match="data"):
        bench.publish(1)
    assert bench.publisher().live() is None


def test_losing_live_data_wants_force(bench: Bench) -> None:
    bench.publish(1)
    before = bench.revision()
    with pytest.raises(PlanRefused, match=r"'data'.'items' shrinks from 500 to 100 rows"):
        bench.publish(2, rows=100)
    assert bench.revision() == before
    assert bench.publish(2, Wish(force=True), rows=100).action == "published"


def test_old_deployments_are_pruned(bench: Bench) -> None:
    for version in (1, 2, 3, 4):
        bench.publish(version, Wish(keep=1))
    assert [each.live for each in bench.publisher().history()] == [True, False]


def test_a_rollback_that_says_nothing_of_old_deployments_keeps_them_all(bench: Bench) -> None:
    for version in (1, 2, 3):
        bench.publish(version)
    before = bench.revision()
    pipeline.rollback(bench.publisher(), None, Wish(keep=None), Silent())
    assert len(bench.publisher().history()) == 3
    assert bench.revision() != before


def test_two_publishes_at_once_do_not_interleave(bench: Bench) -> None:
    with bench.publisher().lock(), pytest.raises(LockedError):
        bench.publish(1)
    assert bench.publish(1).action == "published"


def test_names_do_not_disturb_each_other(bench: Bench) -> None:
    bench.publish(1)
    before = bench.publisher().live()
    database = bench.database(2)
    pipeline.publish(bench.publisher("other"), bench.bake(database), Wish(), Silent())
    assert bench.publisher().live() == before
    pipeline.unpublish(bench.publisher("other"), Silent())
    assert bench.publisher().live() == before


def test_unpublish_leaves_nothing(bench: Bench) -> None:
    bench.publish(1)
    pipeline.unpublish(bench.publisher(), Silent())
    assert bench.publisher().live() is None
    assert not bench.publisher().history()
    with pytest.raises(NotFoundError, match="nothing is published"):
        pipeline.unpublish(bench.publisher(), Silent())
    assert bench.publish(1).action == "published"


def test_an_interrupt_while_verifying_discards_the_candidate(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.publish(1)
    before = bench.publisher().live()

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "verify", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench.publish(2)
    assert bench.publisher().live() == before
    assert not bench.publisher().candidates()


def verified(bench: Bench, live: Deployment) -> None:
    """Count and hash what is live; where the killed run's lease keeps others from asking, as its successor does."""
    publisher = bench.publisher()
    try:
        verify(publisher, live, Silent())
    except LockedError:
        with publisher.lock():
            verify(publisher, live, Silent())


@pytest.mark.parametrize(("step", "when"), STEPS, ids=[f"{when}-{step}" for step, when in STEPS])
def test_killed_at_any_step_what_was_live_stays_live_and_a_second_run_heals(bench: Bench, step: str, when: str) -> None:
    bench.publish(1)
    before = bench.revision()
    target = f"{bench.target.__module__}:{bench.target.__name__}"
    options = json.dumps(bench.options)
    # to be killed while it writes, a target must have something to write: data that no other test sent there
    second = crc32(target.encode()) if step == "write" else 2
    words = [sys.executable, str(KILLED), target, bench.named("data"), str(bench.database(second)), step, when, options]
    found = os.pathsep.join([str(Path(baked_folder.__file__).parent), os.environ.get("PYTHONPATH", "")])
    surroundings = {**os.environ, "PYTHONPATH": found}
    done = subprocess.run(words, cwd=bench.folder, capture_output=True, timeout=LIMIT, check=False, env=surroundings)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    live = bench.publisher().live()
    assert live is not None
    verified(bench, live)
    promoted = (step, when) in {("promote", "after"), ("prune", "before"), ("prune", "after")}
    assert (live.revision != before) is promoted
    healed = bench.publish(second)
    assert healed.action == ("unchanged" if promoted else "published")
    assert not bench.publisher().candidates()
    assert len(bench.publisher().history()) == 2


def test_whatever_answer_goes_wrong_what_is_live_is_whole_and_a_second_run_heals(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let one answer of a publish go wrong, in each of five ways once: each at its own part of all answers.

    Each answer once, in each of five ways, would be some hundred publishes a target.
    """
    for module in (patience, google_api, google_run):
        monkeypatch.setattr(module, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(fly_client, "FIRST_PAUSE", 0.01)
    with cut.tapped() as line:
        bench.publish(1)
        bench.publish(2)
        answers = line.count // 2
        for version, (kind, part) in enumerate(cut.FAULTS.items(), 3):
            before = bench.publisher().live()
            line.arm(kind, max(1, round(answers * part)))
            with contextlib.suppress(PublishError):
                bench.publish(version)
            line.arm("", 0)
            live = bench.publisher().live()
            assert live is not None, kind
            assert before is not None
            verify(bench.publisher(), live, Silent())
            assert kind != "late" or live.revision != before.revision
            bench.publish(version)
            assert not bench.publisher().candidates(), kind
            assert bench.revision() != before.revision, kind
