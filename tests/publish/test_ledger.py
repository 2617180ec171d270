"""The ledger of a tag: read back as written, settled by what the tag names, and its lease."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import orjson
import pytest

from baked_publish.errors import NotFoundError, TargetError
from baked_publish.ledger.lease import LASTS, Lease, place
from baked_publish.ledger.ledger import Ledger
from baked_publish.ledger.record import Record
from baked_publish.registry.descriptor import MANIFEST, Descriptor

WHERE = "localhost:5000/data:live.baked"


def record(revision: str, staged: str, image: bytes = b"", **more: Any) -> Record:
    descriptor = Descriptor.of(image or revision.encode(), MANIFEST)
    return Record(descriptor, revision, f"release of {revision}", f"bundle of {revision}", staged, **more)


def ledger(*records: Record) -> Ledger:
    return Ledger({each.revision: each for each in records})


OLD = record("old", "2026-01-01", promoted="2026-01-02")
NEW = record("new", "2026-02-01", promoted="2026-02-02", previous="old")
NEXT = record("next", "2026-03-01")


def test_a_ledger_reads_back_as_it_was_written() -> None:
    lease = Lease("process 7 on here", "here 1234", datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC))
    wrote = replace(ledger(OLD, NEW, replace(NEXT, kept=True)), lease=lease)
    assert Ledger.from_json(wrote.to_json(), WHERE) == wrote
    assert Ledger.from_json(ledger().to_json(), WHERE) == ledger()


def test_the_order_of_writing_does_not_show() -> None:
    assert len({ledger(*records).to_json() for records in permutations((OLD, NEW, NEXT))}) == 1


def test_it_is_an_index_that_names_the_images() -> None:
    raw = orjson.loads(ledger(OLD, NEW).to_json())
    assert [(each["mediaType"], each["digest"], each["size"]) for each in raw["manifests"]] == [
        (each.image.media_type, each.image.digest, each.image.size) for each in (NEW, OLD)
    ]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is damaged"),
        (b"[]", "is damaged"),
        (b'{"manifests":[]}', "is not a ledger of baked-data"),
        (b'{"annotations":{"baked-data.ledger":"2"},"manifests":[]}', "has format '2', this version reads 1"),
        (b'{"annotations":{"baked-data.ledger":"1"}}', "is damaged"),
        (b'{"annotations":{"baked-data.ledger":"1","baked-data.lease.holder":"x"},"manifests":[]}', "is damaged"),
    ],
)
def test_what_is_no_ledger_is_told(data: bytes, says: str) -> None:
    with pytest.raises(TargetError, match=f"{WHERE} {says}"):
        Ledger.from_json(data, WHERE)


@pytest.mark.parametrize("size", range(0, len(ledger(OLD, NEW).to_json()), 37))
def test_a_ledger_cut_off_anywhere_is_told(size: int) -> None:
    with pytest.raises(TargetError, match="is damaged"):
        Ledger.from_json(ledger(OLD, NEW).to_json()[:size], WHERE)


def test_what_the_tag_names_is_live_whatever_the_ledger_says() -> None:
    known = ledger(OLD, NEW, NEXT)
    assert known.live(NEW.digest) == NEW
    assert known.live(OLD.digest) == OLD
    assert known.live("sha256:" + "0" * 64) is None
    assert known.live(None) is None


def test_of_records_of_one_image_that_promoted_last_is_live() -> None:
    again = record("again", "2026-02-03", b"new", promoted="2026-02-04")
    preview = record("preview", "2026-02-05", b"new")
    assert ledger(NEW, again, preview).live(NEW.digest) == again


def test_a_run_that_died_between_tag_and_ledger_is_settled() -> None:
    settled = ledger(OLD, NEW, NEXT).settled(NEXT.digest)
    assert settled.find("next") == replace(NEXT, promoted="2026-03-01", previous="new")
    assert settled.settled(NEXT.digest) == settled


def test_a_rollback_that_died_between_tag_and_ledger_is_settled() -> None:
    settled = ledger(OLD, NEW).settled(OLD.digest)
    assert settled.find("old") == replace(OLD, promoted="2026-02-02", previous="new")
    assert settled.settled(OLD.digest) == settled


def test_nothing_is_settled_where_all_is_well_or_the_tag_is_not_ours() -> None:
    known = ledger(OLD, NEW, NEXT)
    assert known.settled(NEW.digest) == known
    assert known.settled("sha256:" + "0" * 64) == known
    assert known.settled(None) == known


def test_what_was_forgotten_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="revision 'old' is not in the ledger"):
        ledger(OLD, NEW).forget("old").find("old")


def test_a_lease_bars_others_until_it_ends() -> None:
    here, there = Lease.take("here"), Lease.take("there")
    assert here.bars(there)
    assert not here.bars(here.renewed())
    assert not here.bars(Lease.take("here"))
    assert not replace(here, until=datetime.now(UTC) - timedelta(seconds=1)).bars(there)
    assert timedelta() < here.until - datetime.now(UTC) <= LASTS


def test_a_state_folder_has_one_name_for_good(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert place(tmp_path) == place(tmp_path) != place(tmp_path / "other")
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["place"]


def test_a_state_folder_that_was_copied_to_another_machine_is_another_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = place(tmp_path)
    assert place(tmp_path) == here
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    assert place(tmp_path) not in {here, ""}
