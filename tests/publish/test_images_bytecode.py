"""Bytecode: taken by the Python it is for, never checked against its source, left out where it cannot be made."""

import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from line import LIMIT
from runtime import need

from baked_publish.errors import StorageError
from baked_publish.images import bytecode as module
from baked_publish.images.bytecode import beside, bytecode
from baked_publish.images.tarball import Entry
from baked_publish.report import Silent

MINE = f"{sys.version_info.major}.{sys.version_info.minor}"
TAG = sys.implementation.cache_tag


def source(folder: Path, name: str, text: str) -> Entry:
    path = folder / name.replace("/", "_")
    path.write_text(text)
    return Entry.read(f"opt/{name}", path)


def test_it_lies_where_python_looks_and_is_never_checked(tmp_path: Path) -> None:
    entries = [source(tmp_path, "pack/mod.py", "answer = 42\n"), source(tmp_path, "pack/data.txt", "no code")]
    (made,) = bytecode(entries, MINE, tmp_path / "made", Silent())
    assert made.path == f"opt/pack/__pycache__/mod.{TAG}.pyc"
    home = tmp_path / "image"
    for each in (*entries, made):
        path = home / each.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(Path(str(each.source)).read_bytes())
    (home / "opt/pack/mod.py").write_text("answer = 1  # another source, another time\n")
    code = "import pack.mod; print(pack.mod.answer, pack.mod.__cached__)"
    words = [sys.executable, "-S", "-c", code]
    env = {"PYTHONPATH": str(home / "opt"), "PYTHONDONTWRITEBYTECODE": "1"}
    said = subprocess.run(words, env=env, capture_output=True, text=True, timeout=LIMIT, check=True).stdout
    assert said.split() == ["42", str(home / made.path)]


def test_it_tells_the_path_in_the_image_and_none_of_this_machine(tmp_path: Path) -> None:
    (made,) = bytecode([source(tmp_path, "mod.py", "def f(): pass\n")], MINE, tmp_path / "made", Silent())
    data = Path(str(made.source)).read_bytes()
    assert b"/opt/mod.py" in data
    assert str(tmp_path).encode() not in data


def test_what_does_not_compile_is_left_as_it_is(tmp_path: Path) -> None:
    entries = [source(tmp_path, "good.py", "x = 1\n"), source(tmp_path, "bad.py", "{% template %}\n")]
    assert [each.path for each in bytecode(entries, MINE, tmp_path / "made", Silent())] == [
        f"opt/__pycache__/good.{TAG}.pyc"
    ]


@pytest.mark.parametrize("found", [None, "/bin/false", "/nowhere/python", "/usr/bin/env", sys.executable])
def test_without_a_python_of_that_minor_that_runs_there_is_none(
    tmp_path: Path, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: found)
    module.interpreter.cache_clear()
    assert module.interpreter("3.99") is None
    assert bytecode([source(tmp_path, "mod.py", "x = 1\n")], "3.99", tmp_path / "made", Silent()) == []


def test_a_python_that_uv_installed_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder is laid out as uv does, around the Python of this test, and the one on PATH does not run."""
    whole = ".".join(map(str, sys.version_info[:3]))
    home = tmp_path / f"cpython-{whole}-linux-{platform.machine()}-gnu"
    home.mkdir()
    for each in ("bin", "lib", "include"):
        (home / each).symlink_to(Path(sys.base_prefix, each))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda _name: "/bin/false")
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(name="another"))  # so that it is not this very one
    module.interpreter.cache_clear()
    try:
        assert module.interpreter(MINE) == str(home / "bin" / f"python{MINE}")
    finally:
        module.interpreter.cache_clear()


def test_a_full_disk_is_told_and_no_part_of_the_bytecode_is_taken(tmp_path: Path) -> None:
    """py_compile cuts a file off at the end of the disk without a word."""
    need("mount")
    room = tmp_path / "small"
    room.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", room], check=True)
    large = source(tmp_path, "large.py", "\n".join(f"name_{number} = 'value {number}'" for number in range(3000)))
    try:
        with pytest.raises(StorageError, match=r"bytecode cannot be made.*set TMPDIR"):
            bytecode([large], MINE, room / "made", Silent())
    finally:
        subprocess.run(["umount", room], check=True)


def test_its_name_is_that_of_pep_3147() -> None:
    assert beside("opt/a/b.py", "cpython-313") == "opt/a/__pycache__/b.cpython-313.pyc"
