"""Targets come in by one door, a third party's as ours."""

import os
from pathlib import Path

import pytest
from line import make_database, program, result

from baked_publish import plugins
from baked_publish.errors import PublishError, UsageError
from baked_publish.targets.local import LocalPublisher

SAMPLE = Path(__file__).parents[2] / "examples" / "folder_target"


def distribution(folder: Path, name: str, target: str, origin: str) -> Path:
    """Write what an installer leaves of a distribution with one target."""
    info = folder / f"{name}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[{plugins.GROUP}]\n{target} = {origin}\n")
    return folder


def test_local_is_found_and_loaded() -> None:
    assert plugins.load("local") is LocalPublisher


def test_an_unknown_target_is_told_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"there is no target 'locla', did you mean 'local'\?"):
        plugins.load("locla")


def test_two_plugins_of_one_target_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        monkeypatch.syspath_prepend(str(distribution(tmp_path / name, name, "moon", f"{name}:Moon")))
    with pytest.raises(UsageError, match=r"two plugins offer the target 'moon': one:Moon, two:Moon"):
        plugins.load("moon")


def test_a_plugin_that_cannot_be_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(distribution(tmp_path, "moon-shot", "moon", "not_there:Moon")))
    with pytest.raises(PublishError, match=r"the plugin moon-shot 1\.2 for 'moon' cannot be imported"):
        plugins.load("moon")


def test_a_plugin_of_another_target_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = "baked_publish.targets.local:LocalPublisher"
    monkeypatch.syspath_prepend(str(distribution(tmp_path, "moon-shot", "moon", origin)))
    with pytest.raises(PublishError, match="is not a Publisher of that target"):
        plugins.load("moon")


def test_a_plugin_of_somebody_else_publishes_by_the_same_door(tmp_path: Path) -> None:
    installed = distribution(tmp_path / "site", "baked-folder", "folder", "baked_folder:FolderPublisher")
    env = {"PYTHONPATH": os.pathsep.join([str(installed), str(SAMPLE)])}
    listed = {each["target"]: each for each in result("plugins", env=env)["targets"]}
    assert listed["folder"]["version"] == "1.2"
    published = tmp_path / "published"
    done = program("folder", make_database(tmp_path / "data.db", 1), "--folder", published, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (published / "data" / "current").as_uri()
    assert (published / "data" / "current" / "databases" / "data.db").exists()
    assert "--folder" in program("folder", "--help", env=env).stdout
    again = result("folder", tmp_path / "data.db", env={**env, "BAKED_FOLDER_FOLDER": str(published)})
    assert again["action"] == "unchanged"
    assert result("status", "folder", "data", "--folder", published, env=env)["answers"]
