"""A file that nobody wrote to is not read again; one that changed in any way is."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from line import make_database

from baked_core.manifest import Database
from baked_publish import bake as baking
from baked_publish import known, notes
from baked_publish.bake import BakeOptions, bake
from baked_publish.config import Config
from baked_publish.errors import SourceError
from baked_publish.report import Silent
from baked_publish.site import Site
from baked_publish.sources import Source

Bake = Callable[..., tuple[Database, int]]


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bake:
    """Bake a file; return what was found and how many files were looked at."""
    monkeypatch.setenv("BAKED_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(known, "SETTLED", 0)
    looked: list[str] = []
    look = baking._look

    def counted(source: Source, *more: object) -> Database:
        looked.append(source.name)
        return look(source, *more)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(baking, "_look", counted)

    def run(path: Path, name: str = "data", config: Config | None = None) -> tuple[Database, int]:
        looked.clear()
        with bake([Source(name, path, path)], Site(), config or Config(), BakeOptions(), Silent()) as bundle:
            return bundle.manifest.databases[name], len(looked)

    return run


def test_what_nobody_wrote_to_is_read_once(once: Bake, tmp_path: Path) -> None:
    path = make_database(tmp_path / "data.db", 1)
    first, looked = once(path)
    assert looked == 1
    assert once(path) == (first, 0)


def written(path: Path) -> None:
    with apsw.Connection(str(path)) as connection:
        connection.execute("update state set version = 9")
    connection.close()


def written_with_its_time_put_back(path: Path) -> None:
    before = path.stat()
    written(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def replaced_with_its_time_put_back(path: Path) -> None:
    before = path.stat()
    other = make_database(path.with_name("other.db"), 9)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [written, written_with_its_time_put_back, replaced_with_its_time_put_back])
def test_whatever_changes_a_file_has_it_read_again(once: Bake, tmp_path: Path, change: Callable[[Path], None]) -> None:
    path = make_database(tmp_path / "data.db", 1)
    first, _ = once(path)
    change(path)
    again, looked = once(path)
    assert looked == 1
    assert again.sha256 != first.sha256


def test_a_file_written_a_moment_ago_is_not_remembered(
    once: Bake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "SETTLED", 60_000_000_000)
    path = make_database(tmp_path / "data.db", 1)
    assert [once(path)[1], once(path)[1]] == [1, 1]


def test_another_name_or_other_hidden_tables_are_another_question(once: Bake, tmp_path: Path) -> None:
    path = make_database(tmp_path / "data.db", 1)
    once(path)
    assert once(path, "other")[1] == 1
    hidden = Config(metadata={"databases": {"data": {"tables": {"state": {"hidden": True}}}}})
    database, looked = once(path, config=hidden)
    assert looked == 1
    assert database.tables["state"].hidden


def test_what_a_bake_found_that_knew_less_is_not_used(
    once: Bake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_database(tmp_path / "data.db", 1)
    once(path)
    monkeypatch.setattr(known, "KNOWLEDGE", known.KNOWLEDGE + 1)
    assert [once(path)[1], once(path)[1]] == [1, 0]


def test_a_copy_of_the_file_is_another_file(once: Bake, tmp_path: Path) -> None:
    path = make_database(tmp_path / "data.db", 1)
    first, _ = once(path)
    twin = Path(shutil.copy2(path, tmp_path / "twin.db"))
    assert once(twin) == (first, 1)


def test_a_damaged_memory_is_no_memory(once: Bake, tmp_path: Path) -> None:
    path = make_database(tmp_path / "data.db", 1)
    first, _ = once(path)
    (entry,) = (tmp_path / "cache" / "known").iterdir()
    whole = entry.read_bytes()
    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        entry.write_bytes(whole[:cut])
        assert once(path) == (first, 1)


def test_without_a_cache_folder_files_are_read_each_time(once: Bake, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    path = make_database(tmp_path / "data.db", 1)
    assert [once(path)[1], once(path)[1]] == [1, 1]


def test_a_file_that_turned_corrupt_is_refused(once: Bake, tmp_path: Path) -> None:
    path = make_database(tmp_path / "data.db", 1)
    once(path)
    content = bytearray(path.read_bytes())
    content[4096 : 4096 + 200] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(SourceError, match="corrupt"):
        once(path)


def test_the_oldest_are_forgotten(once: Bake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MOST", 2)
    paths = [make_database(tmp_path / f"{number}.db", number) for number in range(3)]
    for path in paths:
        once(path)
    assert len(list((tmp_path / "cache" / "known").iterdir())) == 2
    assert [once(paths[2])[1], once(paths[0])[1]] == [0, 1]
