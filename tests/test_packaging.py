"""What is shipped: a wheel that holds all it needs and works outside this checkout."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
from house import CHECKOUT
from line import make_database

UV = Path(sys.executable).with_name("uv")
LIMIT = 120.0

pytestmark = pytest.mark.skipif(not UV.exists(), reason="there is no uv beside this Python: `make test` installs it")


def run(*words: object, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [*map(str, words)], env=env, cwd=cwd, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(kind: str, source: Path, into: Path) -> Path:
    """Build a wheel or sdist; all that it takes is in uv's cache since this checkout was installed."""
    run(UV, "build", "--offline", "--quiet", f"--{kind}", "--out-dir", into, source)
    (made,) = [path for path in into.iterdir() if path.name.startswith("baked_data-")]
    return made


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return build("wheel", CHECKOUT, tmp_path / "wheel")


def test_the_wheel_of_the_sdist_is_the_wheel(wheel: Path, tmp_path: Path) -> None:
    sdist = build("sdist", CHECKOUT, tmp_path / "sdist")
    again = build("wheel", sdist, tmp_path / "again")
    assert again.read_bytes() == wheel.read_bytes()


def test_the_wheel_holds_the_templates_and_nothing_of_the_tests(wheel: Path) -> None:
    templates = CHECKOUT / "templates"
    files = {str(path.relative_to(templates)): path for path in templates.rglob("*") if path.is_file()}
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert {name.split("/")[0] for name in names} == {"baked_core", "baked_publish", "baked_data-0.1.0.dist-info"}
        for name, path in files.items():
            assert archive.read(f"baked_core/templates/{name}") == path.read_bytes()
        lock = CHECKOUT / "publish" / "baked_publish" / "images" / "requirements.lock"
        assert archive.read("baked_publish/images/requirements.lock") == lock.read_bytes()


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Install the wheel in a fresh environment; yield the program and what surrounds it."""
    home = tmp_path / "elsewhere"
    run(sys.executable, "-m", "venv", home)
    run(UV, "pip", "install", "--quiet", "--python", home / "bin" / "python", wheel)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    env = {**kept, "BAKED_STATE_HOME": str(tmp_path / "state")}
    yield home / "bin" / "publish", env
    subprocess.run(
        [home / "bin" / "publish", "unpublish", "local", "shipped", "--yes"],
        env=env,
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )


def test_the_installed_wheel_publishes(installed: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    publish, env = installed
    where = run(publish.with_name("python"), "-c", "import baked_core; print(baked_core.__file__)", env=env)
    assert not Path(where).is_relative_to(CHECKOUT)
    assert "Exit codes" in run(publish, "--help", env=env, cwd=tmp_path)
    database = make_database(tmp_path / "data.db", 7, rows=3)
    answer = json.loads(run(publish, "local", database, "--name", "shipped", "--json", env=env, cwd=tmp_path))
    assert answer["databases"]["data"]["tables"] == {"items": 3, "state": 1}
    page = httpx.get(f"{answer['url']}/data/items", timeout=LIMIT)
    assert page.status_code == 200
    assert "item 2" in page.text
    style = httpx.get(f"{answer['url']}/-/static/style.css", timeout=LIMIT)
    assert style.content == (CHECKOUT / "templates" / "static" / "style.css").read_bytes()


def test_a_plugin_beside_the_wheel_is_a_target(installed: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    publish, env = installed
    plugin = CHECKOUT / "examples" / "folder_target"
    run(UV, "pip", "install", "--offline", "--quiet", "--python", publish.with_name("python"), plugin)
    listed = json.loads(run(publish, "plugins", "--json", env=env))["targets"]
    assert {each["target"]: each["distribution"] for each in listed} == {
        "cloudrun": "baked-data",
        "docker": "baked-data",
        "fly": "baked-data",
        "folder": "baked-folder",
        "local": "baked-data",
        "registry": "baked-data",
    }
    database = make_database(tmp_path / "data.db", 7, rows=3)
    run(publish, "folder", database, "--folder", tmp_path / "share", "--name", "shipped", env=env, cwd=tmp_path)
    assert (tmp_path / "share" / "shipped" / "current" / "databases" / "data.db").read_bytes() == database.read_bytes()
