"""Templates, plugins and static files: what goes into a Bundle, and what never does."""

import os
from pathlib import Path
from typing import Any

import pytest
from line import make_database, program

from baked_publish.errors import ConfigError
from baked_publish.site import app_files, collect


def filled(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_files_are_listed_by_their_path_inside_the_bundle(tmp_path: Path) -> None:
    site = collect(
        template_dir=filled(tmp_path / "t", "table.html", "deep/row.html"),
        plugins_dir=filled(tmp_path / "p", "one.py"),
        static=[("photos", filled(tmp_path / "s", "a.png")), ("/docs/old/", filled(tmp_path / "o", "b.txt"))],
    )
    assert list(site.files) == [
        *("site/templates/deep/row.html", "site/templates/table.html", "site/plugins/one.py"),
        *("site/static/photos/a.png", "site/static/docs/old/b.txt"),
    ]


def test_what_no_reader_needs_is_left_out(tmp_path: Path) -> None:
    folder = filled(tmp_path / "p", "one.py", "__pycache__/one.pyc", "two.pyc", ".DS_Store", "one.py~", ".git/config")
    assert list(collect(plugins_dir=folder).files) == ["site/plugins/one.py"]


@pytest.mark.parametrize("option", ["static", "plugins_dir", "template_dir"])
@pytest.mark.parametrize(
    "target", ["../id_rsa", "{}/id_rsa", "..", "{}", "/etc/passwd", "/proc/self/environ", "sub/up/id_rsa"]
)
def test_a_link_that_leaves_its_folder_is_refused_by_name(tmp_path: Path, option: str, target: str) -> None:
    (tmp_path / "id_rsa").write_text("key")
    folder = filled(tmp_path / "given", "a.txt", "sub/b.txt")
    if target.startswith("sub"):
        (folder / "sub" / "up").symlink_to("../..")
    (folder / "link").symlink_to(target.format(tmp_path))
    given: Any = [("s", folder)] if option == "static" else folder
    with pytest.raises(ConfigError, match=r"the link .*(link|up)' leaves its folder"):
        collect(**{option: given})


def test_the_program_packs_nothing_from_beyond_a_folder(tmp_path: Path) -> None:
    database = make_database(tmp_path / "data.db", 1)
    (tmp_path / "id_rsa").write_text("key")
    for option, given in (("--static", "s:{}"), ("--plugins-dir", "{}"), ("--template-dir", "{}")):
        folder = filled(tmp_path / f"given{option}", "a.html")
        (folder / "link.html").symlink_to("../id_rsa")
        baked = tmp_path / f"baked{option}"
        done = program("bake", database, "-o", baked, option, given.format(folder))
        assert done.returncode == 4
        assert "link.html' leaves its folder" in done.stderr
        assert not baked.exists()


def test_a_link_inside_its_folder_is_followed(tmp_path: Path) -> None:
    folder = filled(tmp_path / "s", "a/x.txt")
    (folder / "b").symlink_to("a")
    assert list(collect(static=[("s", folder)]).files) == ["site/static/s/a/x.txt", "site/static/s/b/x.txt"]


def test_a_link_that_leads_back_is_refused(tmp_path: Path) -> None:
    folder = filled(tmp_path / "s", "a/x.txt")
    (folder / "a" / "up").symlink_to("..")
    with pytest.raises(ConfigError, match="leads back into itself"):
        collect(static=[("s", folder)])


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    folder = filled(tmp_path / "s", "a.txt")
    os.mkfifo(folder / "pipe")
    with pytest.raises(ConfigError, match="pipe' is neither a file nor a folder"):
        collect(static=[("s", folder)])


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no folder '.*nothing'"):
        collect(template_dir=tmp_path / "nothing")


def test_two_sources_of_one_file_are_refused(tmp_path: Path) -> None:
    one, two = filled(tmp_path / "1", "a.txt"), filled(tmp_path / "2", "a.txt")
    with pytest.raises(ConfigError, match=r"site/static/s/a\.txt would come from two files"):
        collect(static=[("s", one), ("s", two)])


@pytest.mark.parametrize("mount", ["", "/", "..", "a/../b", "-", "-/x", "data", "data/x", "a\\b"])
def test_a_mount_that_is_no_place_of_its_own_is_refused(tmp_path: Path, mount: str) -> None:
    with pytest.raises(ConfigError, match="static mount"):
        collect(static=[(mount, filled(tmp_path / "s", "a.txt"))], databases=["data"])


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    folder = filled(tmp_path / "s", "a.txt")
    Path(os.fsdecode(bytes(folder) + b"/\xff.txt")).write_text("x")
    with pytest.raises(ConfigError, match="is not plain UTF-8"):
        collect(static=[("s", folder)])


def test_the_apps_own_files_hold_code_and_templates() -> None:
    files = app_files()
    assert files["app/baked_core/app.py"].name == "app.py"
    assert "app/baked_core/templates/base.html" in files
    assert "app/baked_core/templates/static/style.css" in files
    assert all(path.startswith("app/baked_core/") and source.is_file() for path, source in files.items())
