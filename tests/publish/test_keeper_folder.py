"""What a keeper remembers on the disk: whole or not there, refused when newer, for its owner only."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from baked_publish.errors import StorageError
from baked_publish.keeper.files import write_json
from baked_publish.keeper.folder import LONGEST, Folder, home
from baked_publish.keeper.ledger import Address, Ledger, url_of
from baked_publish.keeper.record import Record

RECORD = Record("r1", "release", "bundle", "artifact", "2026-01-01T00:00:00+00:00", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "data")
    made.make()
    return made


def complete(folder: Folder, *records: Record) -> None:
    for record in records:
        folder.bundle(record.revision).mkdir(parents=True)
        record.write(folder.deployment(record.revision))


def test_a_ledger_is_read_as_it_was_written(folder: Folder) -> None:
    bound = Address("127.0.0.1", 20001)
    ledger = Ledger("data").promote("r1", "then", Address(), bound).keep("r2").place("r1", 7)
    ledger = ledger.promote("r3", "now", Address(), bound)
    ledger.write(folder.path)
    assert folder.ledger() == ledger
    assert ledger.promoted["r3"].previous == "r1"
    assert ledger.url == "http://127.0.0.1:20001"


def test_a_preview_that_goes_live_is_none_any_more() -> None:
    assert Ledger("data").keep("r1").promote("r1", "now", Address(), Address()).previews == ()


def test_what_is_live_keeps_its_predecessor_when_it_is_promoted_again() -> None:
    ledger = Ledger("data").promote("r1", "one", Address(), Address()).promote("r2", "two", Address(), Address())
    assert ledger.promote("r2", "three", Address(), Address()) == ledger


def test_nothing_is_left_of_what_is_forgotten() -> None:
    ledger = Ledger("data").promote("r1", "one", Address(), Address()).keep("r2").place("r2", 7)
    assert ledger.forget("r2") == Ledger("data").promote("r1", "one", Address(), Address())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"format": 2}', "has format 2, this version of baked-data reads format 1"),
        (b'{"format": 1, "name": "other"}', "belongs to 'other', not to 'data'"),
        (b'{"format": 1, "name": "data"}', "is damaged"),
        (b"{", "cannot be read"),
        (b"[]", "is damaged"),
    ],
)
def test_a_ledger_that_cannot_be_used_is_refused(folder: Folder, content: bytes, message: str) -> None:
    (folder.path / "state.json").write_bytes(content)
    with pytest.raises(StorageError, match=message):
        folder.ledger()


def test_a_file_cut_off_at_any_byte_is_told(folder: Folder) -> None:
    ledger = Ledger("data").promote("r1", "then", Address(), Address("127.0.0.1", 20001))
    ledger.write(folder.path)
    complete(folder, RECORD)
    reads: dict[Path, Callable[[], object]] = {
        folder.path / "state.json": folder.ledger,
        folder.deployment("r1") / "deployment.json": lambda: Record.read(folder.deployment("r1")),
    }
    for path, read in reads.items():
        whole, before = path.read_bytes(), read()
        for size in range(len(whole.rstrip())):
            path.write_bytes(whole[:size])
            with pytest.raises(StorageError, match=r"cannot be read|is damaged"):
                read()
        path.write_bytes(whole)
        assert read() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [({"format": 2}, "has format 2"), ({"workers": None, "colour": 1}, "is damaged")],
)
def test_a_record_that_cannot_be_used_is_refused(folder: Folder, change: dict[str, object], message: str) -> None:
    complete(folder, RECORD)
    path = folder.deployment("r1") / "deployment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(StorageError, match=message):
        folder.records()


def test_records_come_oldest_first(folder: Folder) -> None:
    complete(folder, RECORD, replace(RECORD, revision="r0", created="2026-02-01T00:00:00+00:00"))
    assert list(folder.records()) == ["r1", "r0"]


def test_a_sweep_removes_what_was_never_completed(folder: Folder) -> None:
    complete(folder, RECORD)
    folder.bundle("half").mkdir(parents=True)
    folder.sweep()
    assert [each.name for each in (folder.path / "deployments").iterdir()] == ["r1"]


def test_removing_what_is_gone_is_no_error(folder: Folder) -> None:
    complete(folder, RECORD)
    for _ in range(2):
        folder.remove("r1")
    assert not folder.records()
    for _ in range(2):
        folder.remove_all()
    assert not folder.path.exists()
    assert folder.ledger() == Ledger("data")


def test_files_are_found_by_digest_and_a_damaged_bundle_shares_none(folder: Folder) -> None:
    complete(folder, RECORD, replace(RECORD, revision="r2"))
    manifest = {"files": {"app/a": {"sha256": "A"}}, "databases": {"d": {"file": "databases/d.db", "sha256": "D"}}}
    write_json(folder.bundle("r1") / "manifest.json", manifest)
    (folder.bundle("r2") / "manifest.json").write_text("{}")
    assert folder.shared() == {"A": folder.bundle("r1") / "app/a", "D": folder.bundle("r1") / "databases/d.db"}


def test_sockets_of_a_deep_folder_have_a_short_path_of_their_own(tmp_path: Path) -> None:
    deep, other = Folder(tmp_path / ("x" * LONGEST) / "data"), Folder(tmp_path / ("y" * LONGEST) / "data")
    assert Folder(Path("/s/data")).run == Path("/s/data/run")
    assert len(os.fsencode(deep.run)) < LONGEST
    assert deep.run != other.run


def test_a_foreign_folder_for_sockets_is_refused(tmp_path: Path) -> None:
    deep = Folder(tmp_path / ("x" * LONGEST) / "data")
    deep.run.symlink_to(tmp_path)
    try:
        with pytest.raises(StorageError, match="belongs to somebody else"):
            deep.make()
    finally:
        deep.run.unlink()


def test_a_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"writing '.*x.json' failed: No such file or directory"):
        write_json(tmp_path / "gone" / "x.json", {})


def test_a_relative_state_folder_is_made_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKED_STATE_HOME", "here")
    assert home() == Path.cwd() / "here" / "local"


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:1"), ("::", "http://[::1]:1"), ("::1", "http://[::1]:1"), ("box", "http://box:1")],  # noqa: S104 - shown
)
def test_the_url_of_an_address_can_be_opened_here(host: str, url: str) -> None:
    assert url_of(Address(host, 1)) == url
