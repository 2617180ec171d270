"""The line: what is refused before anything is baked, and what a failure on the way leaves and tells."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import httpx
import pytest
from baked_folder import FolderOptions, FolderPublisher
from line import make_database
from workshop import Told

from baked_publish import pipeline
from baked_publish.bake import BakeOptions
from baked_publish.bundle import Bundle
from baked_publish.deployment import Candidate, Deployment, Finding
from baked_publish.errors import NotFoundError, PlanRefused, PreflightError, TargetError, UsageError, VerifyError
from baked_publish.ingredients import Ingredients, baking
from baked_publish.pipeline import Outcome
from baked_publish.publisher import Can
from baked_publish.report import Silent
from baked_publish.wish import Wish

HTTP: object = None


def never() -> AbstractContextManager[Bundle]:
    raise AssertionError("nothing is baked")


class Sharing(FolderPublisher):
    can = frozenset({*FolderPublisher.can, Can.CANARY})


def test_a_canary_needs_a_target_that_can_share_visitors() -> None:
    publisher = FolderPublisher(FolderOptions(), "data", HTTP, Silent())  # type: ignore[arg-type] # asks nobody
    with pytest.raises(UsageError, match="folder sends all visitors or none: leave --canary out"):
        pipeline.publish(publisher, never, Wish(canary=10), Silent())


@pytest.mark.parametrize("wish", [Wish(canary=0), Wish(canary=100), Wish(canary=10, preview=True)])
def test_a_canary_gets_some_visitors(wish: Wish) -> None:
    publisher = Sharing(FolderOptions(), "data", HTTP, Silent())  # type: ignore[arg-type] # asks nobody
    with pytest.raises(UsageError, match="how many percent of the visitors"):
        pipeline.publish(publisher, never, wish, Silent())


# What a failure leaves and tells


class Weak(FolderPublisher):
    """A folder on a bad day."""

    unreadable = False
    stuck = False

    def fetch(self, at: Candidate | Deployment, path: str, headers: Mapping[str, str]) -> bytes:
        if self.unreadable and isinstance(at, Deployment):
            raise TargetError("the share is gone")
        return super().fetch(at, path, headers)

    def stored(self, at: Candidate | Deployment) -> Iterator[tuple[str, Iterator[bytes]]]:
        return iter([]) if self.stuck else super().stored(at)

    def discard(self, candidate: Candidate) -> None:
        if self.stuck:
            raise TargetError("nothing can be removed")
        super().discard(candidate)


def publish(publisher: FolderPublisher, folder: Path, version: int, wish: Wish, told: Told) -> Outcome:
    files = [make_database(folder / "data.db", version)]
    return pipeline.publish(publisher, lambda: baking(files, Ingredients(), BakeOptions(), Silent()), wish, told)


@pytest.fixture
def weak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Weak]:
    monkeypatch.setenv("BAKED_STATE_HOME", str(tmp_path / "state"))
    with httpx.Client() as http:
        yield Weak(FolderOptions(tmp_path / "published"), "data", http, Silent())


def test_what_cannot_be_cleared_away_does_not_hide_why_it_should_be(weak: Weak, tmp_path: Path) -> None:
    told = Told()
    publish(weak, tmp_path, 1, Wish(), told)
    weak.stuck = True
    with pytest.raises(VerifyError, match="does not hold what was baked"):
        publish(weak, tmp_path, 2, Wish(), told)
    assert [each for each in told.lines if "the next publish removes it: nothing can be removed" in each]


def test_live_data_that_cannot_be_told_is_not_replaced_unless_forced(weak: Weak, tmp_path: Path) -> None:
    told = Told()
    first = publish(weak, tmp_path, 1, Wish(), told).at
    weak.unreadable = True
    with pytest.raises(PlanRefused, match="nobody knows what would be lost: the share is gone"):
        publish(weak, tmp_path, 2, Wish(), told)
    assert publish(weak, tmp_path, 2, Wish(dry_run=True), told).action == "planned"
    live = weak.live()
    assert live
    assert first
    assert live.revision == first.revision
    assert publish(weak, tmp_path, 2, Wish(force=True), told).action == "published"


def test_bringing_up_again_what_is_live_removes_nothing_that_is_to_be_kept(
    weak: Weak, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pruned: list[int] = []
    monkeypatch.setattr(Weak, "prune", lambda _self, keep: pruned.append(keep))
    publish(weak, tmp_path, 1, Wish(keep=9), Told())
    monkeypatch.setattr(pipeline, "answers", lambda *_: False)
    assert publish(weak, tmp_path, 1, Wish(keep=9), Told()).action == "published"
    assert pruned == [9, 9]


class Full(FolderPublisher):
    """Takes nothing new, for now."""

    full = False

    def rehearse(self) -> Sequence[Finding]:
        return (*self.preflight(), Finding(not self.full, "room", "make some"))


def test_what_is_new_alone_is_rehearsed(tmp_path: Path) -> None:
    publisher = Full(FolderOptions(tmp_path / "published"), "data", HTTP, Silent())  # type: ignore[arg-type] # asks nobody
    for version in (1, 2):
        publish(publisher, tmp_path, version, Wish(), Told())
    publisher.full = True
    with pytest.raises(PreflightError, match="room: make some"):
        pipeline.publish(publisher, never, Wish(), Silent())
    assert pipeline.rollback(publisher, None, Wish(), Silent()).action == "rolled back"


def test_a_canary_of_what_was_never_published_is_refused_before_the_bake(tmp_path: Path) -> None:
    publisher = Sharing(FolderOptions(tmp_path / "published"), "data", HTTP, Silent())  # type: ignore[arg-type] # asks nobody
    with pytest.raises(NotFoundError, match="a canary needs what it is beside"):
        pipeline.publish(publisher, never, Wish(canary=10), Silent())


def test_a_plan_is_told_once(weak: Weak, tmp_path: Path) -> None:
    made, planned, refused = Told(), Told(), Told()
    publish(weak, tmp_path, 1, Wish(), made)
    assert [each for each in made.lines if "add database data" in each]
    outcome = publish(weak, tmp_path, 2, Wish(dry_run=True), planned)
    assert "database data" in {change.what for change in outcome.changes}
    assert not [each for each in planned.lines if "database data" in each]
    make_database(tmp_path / "few.db", 1, rows=1).replace(tmp_path / "data.db")
    files = [tmp_path / "data.db"]
    baked = partial(baking, files, Ingredients(), BakeOptions(), Silent())
    with pytest.raises(PlanRefused) as raised:
        pipeline.publish(weak, baked, Wish(dry_run=True), refused)
    assert [each for each in refused.lines if "change table data.items" in each]
    assert [each for each in raised.value.details["changes"] if each["what"] == "table data.items"]


def test_what_is_live_cannot_be_rolled_back_to(weak: Weak, tmp_path: Path) -> None:
    at = publish(weak, tmp_path, 1, Wish(), Told()).at
    assert at
    with pytest.raises(NotFoundError, match=f"revision '{at.revision}' is what is live"):
        pipeline.rollback(weak, at.revision, Wish(), Silent())


def test_ctrl_c_while_visitors_are_moved_does_not_say_that_nothing_happened(
    weak: Weak, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Weak, "prune", interrupted)
    with pytest.raises(KeyboardInterrupt, match="visitors get one whole deployment"):
        publish(weak, tmp_path, 1, Wish(), Told())
