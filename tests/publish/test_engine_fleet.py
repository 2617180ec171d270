"""Which container is live, whatever moment a publish was killed at."""

from dataclasses import replace
from typing import Any

import pytest

from baked_publish.engine.container import Container
from baked_publish.engine.fleet import Fleet, candidate_name, is_preview, next_name, old_name, preview_name
from baked_publish.engine.record import Record
from baked_publish.errors import TargetError

RECORD = Record("data", "r1", "a" * 64, "b" * 64, "c" * 64, "unless-stopped", "127.0.0.1")


def container(name: str, record: Record = RECORD, **more: Any) -> Container:
    made = Container(name, name, "sha256:0", record.labels, {}, {}, True, 0, False, {})
    return replace(made, **more)


def promoted(name: str, revision: str, number: int) -> Container:
    return container(name, replace(RECORD, revision=revision, number=number))


def test_the_highest_promotion_is_live_whatever_it_is_called() -> None:
    fleet = Fleet("data", (promoted("data", "r1", 1), promoted("data--2", "r2", 2), promoted("data--9", "r0", 0)))
    assert fleet.live is not None
    assert fleet.live.name == "data--2"
    assert [each.name for each in fleet.past] == ["data--2", "data"]


def test_a_promotion_under_way_is_not_live() -> None:
    fleet = Fleet("data", (promoted("data", "r1", 1), promoted(next_name("data"), "r2", 2)))
    assert fleet.live is not None
    assert fleet.live.name == "data"
    assert fleet.pending is not None
    assert fleet.pending.record.revision == "r2"
    assert not fleet.spare


def test_what_a_finished_promotion_leaves_over_is_spare() -> None:
    candidate = container(candidate_name("data", "r1"))
    fleet = Fleet("data", (candidate, promoted(old_name("data", 1), "r1", 1), promoted("data", "r1", 3)))
    assert {each.name for each in fleet.spare} == {candidate.name, "data--1"}
    assert not fleet.candidates
    assert fleet.find("r1") == candidate


def test_a_candidate_that_was_never_promoted_is_not_spare() -> None:
    fleet = Fleet("data", (container(preview_name("data", "r2"), replace(RECORD, revision="r2")),))
    assert [is_preview(each) for each in fleet.candidates] == [True]
    assert fleet.live is None
    assert not fleet.spare


def test_labels_bring_a_record_back_whole() -> None:
    record = replace(RECORD, port=80, asked_host="::1", asked_port=80, number=7, promoted="now", previous="r0")
    assert Record.of(record.labels) == record
    assert Record.of(RECORD.labels) == RECORD


def test_labels_of_another_version_are_told() -> None:
    labels = {key: value for key, value in RECORD.labels.items() if not key.endswith(".number")}
    with pytest.raises(TargetError, match=r"of a container of 'data' cannot be read \('baked-data.number'\)"):
        Record.of(labels)
