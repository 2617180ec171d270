"""The files a person names, and the databases that come of them."""

from pathlib import Path

import pytest
from line import make_database

from baked_publish.errors import SourceError
from baked_publish.report import Silent
from baked_publish.sources import Inputs, gather


def gathered(*files: Path, workspace: Path) -> Inputs:
    workspace.mkdir(exist_ok=True)
    return gather(files, workspace, Silent())


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "private"


def test_a_database_is_told_by_its_content_whatever_its_suffix(tmp_path: Path, workspace: Path) -> None:
    for name in ("a.data", "b.csv", "c", "d.e.db"):
        make_database(tmp_path / name, 1)
    inputs = gathered(*(tmp_path / name for name in ("a.data", "b.csv", "c", "d.e.db")), workspace=workspace)
    assert [source.name for source in inputs.sources] == ["a", "b", "c", "d.e"]
    assert all(source.path == source.origin for source in inputs.sources)


def test_csv_becomes_a_database_in_the_workspace(tmp_path: Path, workspace: Path) -> None:
    (tmp_path / "places.csv").write_text("a\n1\n")
    (source,) = gathered(tmp_path / "places.csv", workspace=workspace).sources
    assert source.name == "places"
    assert source.origin == tmp_path / "places.csv"
    assert source.path.parent == workspace


def test_a_folder_as_datasette_lays_it_out(tmp_path: Path, workspace: Path) -> None:
    folder = tmp_path / "site"
    for name in ("templates", "plugins", "static"):
        (folder / name).mkdir(parents=True)
    for name in ("b.db", "a.sqlite", "c.sqlite3"):
        make_database(folder / name, 1)
    (folder / "metadata.yml").write_text("title: x\n")
    (folder / "datasette.yaml").write_text("title: y\n")
    (folder / "notes.txt").write_text("not data")
    inputs = gathered(folder, workspace=workspace)
    assert [source.name for source in inputs.sources] == ["a", "b", "c"]
    assert [path.name for path in inputs.metadata] == ["datasette.yaml", "metadata.yml"]
    assert inputs.template_dir == folder / "templates"
    assert inputs.plugins_dir == folder / "plugins"
    assert inputs.static == (("static", folder / "static"),)


def test_refusals_name_the_value_and_what_to_do(tmp_path: Path, workspace: Path) -> None:
    data = make_database(tmp_path / "data.db", 1)
    empty = tmp_path / "empty"
    empty.mkdir()
    for files, said in (
        ((tmp_path / "missing.db",), r"there is no file '.*missing\.db': check"),
        ((empty,), r"'.*empty' holds no database: put \*\.db"),
        ((empty, data), r"'.*empty' is a folder: name one folder alone, or files"),
    ):
        with pytest.raises(SourceError, match=said):
            gathered(*files, workspace=workspace)


def test_two_files_of_one_name_are_refused_whatever_their_case(tmp_path: Path, workspace: Path) -> None:
    (tmp_path / "other").mkdir()
    one, two = make_database(tmp_path / "Data.db", 1), make_database(tmp_path / "other" / "data.sqlite", 1)
    with pytest.raises(SourceError, match=r"Data\.db' and '.*data\.sqlite' would both be database 'data'"):
        gathered(one, two, workspace=workspace)
