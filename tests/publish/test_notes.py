"""Notes: whole or not there, whatever happens to their file; private, and not more than there may be."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from baked_publish import notes
from baked_publish.notes import Notes

KEY = sha256(b"a question").hexdigest()


@pytest.fixture(name="folder", autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BAKED_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "found"


def test_what_is_remembered_is_recalled() -> None:
    assert Notes("found").recall(KEY) is None
    assert Notes("found").remember(KEY, b"an answer") == ""
    assert Notes("found").recall(KEY) == b"an answer"
    assert Notes("other").recall(KEY) is None


def test_a_note_that_was_cut_off_or_changed_anywhere_is_none(folder: Path) -> None:
    Notes("found").remember(KEY, b"an answer")
    whole = (folder / KEY).read_bytes()
    for at in range(len(whole)):
        for broken in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
            (folder / KEY).write_bytes(broken)
            assert Notes("found").recall(KEY) is None
    assert Notes("found").remember(KEY, b"another") == ""
    assert Notes("found").recall(KEY) == b"another"


def test_it_is_for_its_user_only(folder: Path) -> None:
    before = os.umask(0)
    try:
        Notes("found").remember(KEY, b"an answer")
    finally:
        os.umask(before)
    assert [oct(path.stat().st_mode & 0o777) for path in (folder.parent, folder, folder / KEY)] == [
        "0o700",
        "0o700",
        "0o600",
    ]


def test_those_that_were_longest_not_asked_for_are_forgotten(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MOST", 2)
    for number, name in enumerate("abc"):
        Notes("found").remember(name, b"x")
        if name != "c":
            os.utime(folder / name, (number, number))
        if name == "b":
            assert Notes("found").recall("a") == b"x"
    assert sorted(each.name for each in folder.iterdir()) == ["a", "c"]


def test_where_nothing_can_be_kept_it_is_told_why(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("no folder")
    assert str(folder) in Notes("found").remember(KEY, b"an answer")
    assert Notes("found").recall(KEY) is None
