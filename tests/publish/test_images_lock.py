"""The lock: what was resolved is read back as it was written, and whatever else is there is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from baked_publish.errors import ConfigError, StorageError
from baked_publish.images.lock import FILE_NAME, Lock
from baked_publish.images.wheels import SHIPPED

DIGEST = "sha256:" + "a" * 64
REQUIREMENT = f"egg==1.0 ; python_version < '3.15' \\\n    --hash=sha256:{'b' * 64} \\\n    --hash=sha256:{'c' * 64}\n"
LOCK = Lock().with_packages("egg", f"# for Python 3.13\n{REQUIREMENT}").with_base("python:3.14-slim", DIGEST)


def write(folder: Path, **changed: Any) -> Path:
    path = folder / FILE_NAME
    path.write_text(json.dumps({"format": 1, "bases": {}, "packages": {}, **changed}))
    return path


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    LOCK.write(tmp_path)
    assert Lock.read(tmp_path) == LOCK
    assert [each.name for each in tmp_path.iterdir()] == [FILE_NAME]


def test_it_is_json_for_people_and_does_not_follow_the_order_of_wishes(tmp_path: Path) -> None:
    other = Lock().with_base("python:3.14-slim", DIGEST).with_packages("egg", f"# for Python 3.13\n{REQUIREMENT}")
    assert other.to_json() == LOCK.to_json()
    LOCK.write(tmp_path)
    lines = (tmp_path / FILE_NAME).read_text().splitlines()
    assert f'    "python:3.14-slim": "{DIGEST}"' in lines
    assert list(json.loads("".join(lines))) == ["bases", "format", "packages"]


def test_the_lock_that_ships_could_be_kept_in_it(tmp_path: Path) -> None:
    lock = Lock().with_packages("all", SHIPPED.read_text("utf-8"))
    lock.write(tmp_path)
    assert Lock.read(tmp_path) == lock


def test_a_folder_without_one_has_an_empty_one_and_gets_none(tmp_path: Path) -> None:
    assert Lock.read(tmp_path) == Lock()
    Lock().write(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_lock_that_says_nothing_new_is_not_written(tmp_path: Path) -> None:
    LOCK.write(tmp_path)
    before = (tmp_path / FILE_NAME).stat()
    LOCK.write(tmp_path)
    after = (tmp_path / FILE_NAME).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    LOCK.with_base("other", DIGEST).write(tmp_path)
    assert (tmp_path / FILE_NAME).stat().st_ino != before.st_ino


@pytest.mark.parametrize(
    "changed",
    [
        {"bases": {"python": "latest"}},
        {"bases": {"python": 7}},
        {"bases": []},
        {"packages": {"egg": "egg==1.0"}},
        {"packages": {"egg": [7]}},
        {"packages": {"egg": ["--index-url http://example.org/"]}},
        {"packages": {"egg": ["-r /etc/passwd"]}},
        {"packages": {"egg": ["egg @ http://example.org/egg.whl \\"]}},
        {"packages": {"egg": ["egg==1.0 \\", "    --hash=md5:abc"]}},
        {"packages": None},
    ],
    ids=str,
)
def test_anything_but_digests_and_requirements_is_refused(changed: dict[str, Any], tmp_path: Path) -> None:
    path = write(tmp_path, **changed)
    with pytest.raises(ConfigError, match=r"publish.lock' is damaged \(.*restore it, or remove it"):
        Lock.read(tmp_path)
    assert path.exists()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"7", b"<<<<<<< HEAD\n", b'{"format": 1}', b"\xff", LOCK.to_json()[:-9]]
)
def test_a_damaged_one_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(ConfigError, match=r"publish.lock' is damaged"):
        Lock.read(tmp_path)


def test_a_newer_one_is_not_guessed_at(tmp_path: Path) -> None:
    write(tmp_path, format=2, more=[])
    with pytest.raises(ConfigError, match=r"has format 2, this version reads 1: upgrade baked-data"):
        Lock.read(tmp_path)


def test_one_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(ConfigError, match=r"publish.lock' cannot be read: Is a directory"):
        Lock.read(tmp_path)
    with pytest.raises(StorageError, match=r"publish.lock' cannot be written \(Is a directory\)"):
        LOCK.write(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [FILE_NAME]
    with pytest.raises(StorageError, match=r"cannot be written \(No such file or directory\)"):
        LOCK.write(tmp_path / "nowhere")
