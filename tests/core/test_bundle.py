"""A Bundle that cannot be served is refused at start, by name."""

from pathlib import Path

import pytest
from baking import baked_of

from baked_core.app import create_app
from baked_core.bundle import Baked
from baked_core.errors import ManifestError
from baked_core.settings import SETTINGS, Settings

DATA = "create table t(a)"


def test_a_bundle_opens(tmp_path: Path) -> None:
    baked = baked_of(tmp_path, data=DATA)
    assert Baked.open(tmp_path) == baked
    assert baked.paths == {"data": tmp_path / "databases/data.db"}


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"manifest\.json"):
        Baked.open(tmp_path)


def test_a_database_that_is_gone_or_cut(tmp_path: Path) -> None:
    baked = baked_of(tmp_path, data=DATA)
    baked.paths["data"].write_bytes(b"short")
    with pytest.raises(ManifestError, match="5 bytes"):
        Baked.open(tmp_path)
    baked.paths["data"].unlink()
    with pytest.raises(ManifestError, match="not there"):
        Baked.open(tmp_path)


@pytest.mark.parametrize("settings", [{"sql_time_limit": 5}, {"cors": "on"}, {"default_page_size": True}])
def test_settings_that_are_not_known(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(ManifestError, match="cannot be"):
        create_app(baked_of(tmp_path, data=DATA, settings=settings))


def test_the_table_of_settings_holds_the_defaults() -> None:
    assert {name: setting.default for name, setting in SETTINGS.items()} == {
        name: getattr(Settings(), name) for name in SETTINGS
    }
