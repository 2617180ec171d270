"""Wheels: the real uv installs what the lock names, for any platform, and says what is missing."""

import base64
import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest
from house import CHECKOUT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from baked_publish.errors import ConfigError, PreflightError, PublishError, StorageError
from baked_publish.images.config import LIB
from baked_publish.images.lock import Lock
from baked_publish.images.uv import fail
from baked_publish.images.wheels import SHIPPED, Requirements, install, requirements
from baked_publish.registry.descriptor import Platform

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
LIMIT = 120
RUNS: Sequence[str] = ("apsw", "httptools", "jinja2", "msgspec", "orjson", "pluggy", "starlette", "uvicorn", "uvloop")
"""What the serving app imports."""


def make_wheel(
    folder: Path,
    name: str,
    files: Mapping[str, str],
    *,
    needs: Sequence[str] = (),
    version: str = "1.0",
    tag: str = "py3-none-any",
) -> str:
    """Write a wheel; return its hash."""
    stem = f"{name.replace('-', '_')}-{version}"
    about = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {each}\n" for each in needs),
        "WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
        "entry_points.txt": f"[console_scripts]\nrun-it={name.replace('-', '_')}:run\n",
    }
    content = {**files, **{f"{stem}.dist-info/{path}": text for path, text in about.items()}}
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in content.items())
    folder.mkdir(exist_ok=True)
    made = folder / f"{stem}-{tag}.whl"
    with ZipFile(made, "w") as archive:
        for path, text in {**content, f"{stem}.dist-info/RECORD": f"{record}{stem}.dist-info/RECORD,,\n"}.items():
            archive.writestr(path, text)
    return sha256(made.read_bytes()).hexdigest()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that is the only index uv knows."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    return folder


def pinned(hashes: Mapping[str, str], platform: Platform = AMD64, python: str = "3.13") -> Requirements:
    text = "".join(f"{name}==1.0 \\\n    --hash=sha256:{digest}\n" for name, digest in hashes.items())
    return Requirements(text, platform, python)


def test_the_lock_that_ships_fits_what_the_project_asks_for() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    ranges = {wanted.name: wanted.specifier for wanted in map(Requirement, project["dependencies"])}
    for platform in (AMD64, ARM64):
        for python in ("3.11", "3.14"):
            wanted, _ = requirements((), platform, python, Lock())
            locked = {each.name: each.version for each in wanted.distributions()}
            assert locked.keys() >= set(RUNS)
            assert not {name for name in RUNS if locked[name] not in ranges[name]}


def test_the_lock_that_ships_holds_every_dependency_of_its_own_and_no_address() -> None:
    text = SHIPPED.read_text("utf-8")
    assert "://" not in text
    asked = SHIPPED.with_name("requirements.in").read_text("utf-8").splitlines()
    assert {line for line in asked if not line.startswith("#")} == set(RUNS)


@pytest.mark.parametrize("platform", [AMD64, ARM64], ids=str)
@pytest.mark.parametrize("python", ["3.11", "3.14"])
def test_what_is_installed_is_of_the_images_platform(platform: Platform, python: str, tmp_path: Path) -> None:
    wanted, _ = requirements((), platform, python, Lock())
    entries = {entry.path: entry.source for entry in install(wanted, tmp_path / "lib")}
    compiled = [source for path, source in entries.items() if path.endswith(".so")]
    machine = {AMD64: 62, ARM64: 183}[platform]  # e_machine of the ELF header
    assert compiled
    for source in compiled:
        assert isinstance(source, Path)
        assert int.from_bytes(source.read_bytes()[18:20], "little") == machine, source
    tag = f"cpython-{python.replace('.', '')}"
    assert {path.split(".")[1] for path in entries if path.endswith("-linux-gnu.so")} == {tag + path_end(platform)}


def path_end(platform: Platform) -> str:
    return {AMD64: "-x86_64-linux-gnu", ARM64: "-aarch64-linux-gnu"}[platform]


def test_nothing_is_kept_that_never_runs_or_tells_of_this_machine(tmp_path: Path) -> None:
    wanted, _ = requirements((), AMD64, "3.13", Lock())
    entries = install(wanted, tmp_path / "lib")
    inside = [entry.path.removeprefix(f"{LIB}/") for entry in entries]
    assert all(entry.path.startswith(f"{LIB}/") for entry in entries)
    for word in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "__pycache__", "uv_cache", ".lock"):
        assert not [path for path in inside if word in path], word
    assert not [path for path in inside if path.startswith(("bin/", "apsw/tests/", "apsw/sqlite_extra_binaries/"))]
    assert [path for path in inside if path.startswith("starlette-") and "/licenses/" in path]
    assert [path for path in inside if path.startswith("starlette-") and path.endswith("/METADATA")]
    place = str(tmp_path).encode()
    assert not [
        entry.path for entry in entries if isinstance(entry.source, Path) and place in entry.source.read_bytes()
    ]


def test_installing_twice_gives_the_same_files(tmp_path: Path) -> None:
    wanted, _ = requirements((), ARM64, "3.12", Lock())
    once, twice = install(wanted, tmp_path / "one"), install(wanted, tmp_path / "other")
    assert {(each.path, each.sha256) for each in once} == {(each.path, each.sha256) for each in twice}


@pytest.mark.skipif(sys.platform != "linux", reason="the files that are installed are for Linux")
def test_the_serving_app_starts_with_what_is_installed_and_nothing_else(tmp_path: Path) -> None:
    machine = ARM64 if os.uname().machine == "aarch64" else AMD64
    wanted, _ = requirements((), machine, f"{sys.version_info.major}.{sys.version_info.minor}", Lock())
    kept = {entry.path: entry.source for entry in install(wanted, tmp_path / "lib")}
    for path in (tmp_path / "lib").rglob("*"):
        if path.is_file() and path not in kept.values():
            path.unlink()
    said = (
        "import baked_core.app, baked_core.health, apsw, uvloop, httptools, uvicorn.loops.uvloop; print(apsw.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", said],
        env={"PYTHONPATH": f"{CHECKOUT / 'core'}:{tmp_path / 'lib'}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "lib"))


def test_a_plugin_is_looked_up_once_and_kept_in_the_lock(index: Path, tmp_path: Path) -> None:
    make_wheel(index, "baked-egg", {"baked_egg.py": "run = 1\n"})
    make_wheel(index, "baked-pelican", {"baked_pelican.py": "run = 1\n"}, needs=["baked-egg", "baked-data>=0.1"])
    wanted, lock = requirements(["baked-pelican"], AMD64, "3.13", Lock())
    added = {each.name: each.version for each in wanted.distributions()}
    assert added["baked-pelican"] == added["baked-egg"] == "1.0"
    assert "baked-data" not in added
    make_wheel(index, "baked-pelican", {"baked_pelican.py": "run = 2\n"}, version="2.0")
    lock.write(tmp_path)
    again, kept = requirements(["baked-pelican"], AMD64, "3.13", Lock.read(tmp_path))
    assert (again.text, kept) == (wanted.text, lock)
    anew, _ = requirements(["baked-pelican"], AMD64, "3.13", Lock())
    assert {each.name: each.version for each in anew.distributions()}["baked-pelican"] == "2.0"
    other, _ = requirements(["baked-pelican"], ARM64, "3.13", lock)
    assert len({wanted.key, anew.key, other.key}) == 3


def test_a_plugin_that_wants_another_version_than_the_app_is_refused(index: Path) -> None:
    make_wheel(index, "baked-old", {"baked_old.py": ""}, needs=["starlette<0.2"])
    make_wheel(index, "starlette", {"starlette.py": ""}, version="0.1")
    with pytest.raises(
        ConfigError,
        match=r"does not fit beside what the app needs: Because all versions of baked-old depend on starlette",
    ):
        requirements(["baked-old"], AMD64, "3.13", Lock())


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("no such thing", "is not a package"),
        ("--index-url", "is not a package"),
        ("../plugin", "is not a package"),
        ("egg @ http://127.0.0.1/egg.whl", "names an address"),
        ("egg; python_version > '3'", "has a condition"),
        ("Baked_Data>=0.1", "is in every image already"),
        ("baked-nothing", "there is no package 'baked-nothing'"),
        ("baked-egg==7", "there is no 'baked-egg==7'"),
    ],
)
def test_a_word_that_cannot_be_installed_is_named(word: str, said: str, index: Path) -> None:
    make_wheel(index, "baked-egg", {"baked_egg.py": ""})
    with pytest.raises(ConfigError, match=said):
        requirements([word], AMD64, "3.13", Lock())


def test_a_package_without_a_wheel_is_never_built(index: Path, tmp_path: Path) -> None:
    mark = tmp_path / "it ran"
    source = tmp_path / "baked-source-1.0"
    source.mkdir()
    (source / "setup.py").write_text(f"open({str(mark)!r}, 'w')\n")
    (source / "PKG-INFO").write_text("Metadata-Version: 2.2\nName: baked-source\nVersion: 1.0\n")
    subprocess.run(
        ["tar", "-czf", index / "baked-source-1.0.tar.gz", "-C", tmp_path, source.name], check=True, timeout=LIMIT
    )
    with pytest.raises(ConfigError, match=r"'baked-source(==1.0)?' has no wheel for linux/amd64.*--builder docker"):
        requirements(["baked-source"], AMD64, "3.13", Lock())
    wanted, _ = requirements(["baked-source"], AMD64, "3.13", Lock(), sources=True)  # an engine is to build it
    assert "baked-source" in {each.name for each in wanted.distributions()}
    with pytest.raises(ConfigError, match=r"'baked-source(==1.0)?' has no wheel for linux/amd64"):
        install(Requirements(wanted.text.partition("# beside")[2].partition("\n")[2], AMD64, "3.13"), tmp_path / "lib")
    assert not mark.exists()


def test_a_wheel_of_another_platform_is_no_wheel(index: Path, tmp_path: Path) -> None:
    digest = make_wheel(index, "baked-mac", {"baked_mac.py": ""}, tag="cp313-cp313-macosx_11_0_arm64")
    with pytest.raises(
        ConfigError, match=r"'baked-mac==1.0' has no wheel for linux/arm64, Python 3.13: .*--builder docker"
    ):
        install(pinned({"baked-mac": digest}, ARM64), tmp_path / "lib")


def test_a_wheel_of_an_older_python_is_no_wheel(index: Path, tmp_path: Path) -> None:
    digest = make_wheel(index, "baked-aged", {"baked_aged.py": ""}, tag="cp311-cp311-manylinux_2_28_x86_64")
    install(pinned({"baked-aged": digest}, python="3.11"), tmp_path / "fits")
    with pytest.raises(ConfigError, match=r"'baked-aged==1.0' has no wheel for linux/amd64, Python 3.14"):
        install(pinned({"baked-aged": digest}, python="3.14"), tmp_path / "lib")


def test_a_wheel_with_other_bytes_is_refused(index: Path, tmp_path: Path) -> None:
    make_wheel(index, "baked-egg", {"baked_egg.py": ""})
    with pytest.raises(ConfigError, match=r"'baked-egg==1.0' has other bytes than its hash says"):
        install(pinned({"baked-egg": "0" * 64}), tmp_path / "lib")


def test_two_packages_with_one_file_are_refused_and_both_are_named(index: Path, tmp_path: Path) -> None:
    hashes = {name: make_wheel(index, name, {"shared.py": name}) for name in ("baked-egg", "baked-twin")}
    with pytest.raises(ConfigError, match=r"baked_egg-1.0 and baked_twin-1.0 both bring 'shared.py'"):
        install(pinned(hashes), tmp_path / "lib")


def test_two_packages_with_one_program_are_fine_for_no_program_is_kept(index: Path, tmp_path: Path) -> None:
    hashes = {name: make_wheel(index, name, {f"{name[6:]}.py": "run = 1"}) for name in ("baked-egg", "baked-twin")}
    found = {entry.path.removeprefix(f"{LIB}/") for entry in install(pinned(hashes), tmp_path / "lib")}
    assert {"egg.py", "twin.py"} <= found
    assert not [path for path in found if path.startswith("bin/")]


def test_without_a_network_it_says_so_and_hides_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:  # bound and not listening: whoever connects is refused
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("UV_INDEX_URL", f"http://somebody:hunter2@127.0.0.1:{nobody.getsockname()[1]}/simple")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
        with pytest.raises(PreflightError, match=r"cannot be fetched: .*look at the network") as failed:
            requirements(["baked-egg"], AMD64, "3.13", Lock())
    assert "hunter2" not in str(failed.value)


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        ("warning: dns error\nerror: copy failed\n cause: No space left on device (os error 28)", StorageError, "room"),
        ("error: Failed to fetch: https://me:p@ss@example.org/simple", PreflightError, r"https://\*\*\*@example.org"),
        ("error: something new", ConfigError, "something new"),
        ("killed without a word", ConfigError, "killed without a word"),
    ],
)
def test_what_uv_says_becomes_an_error_of_ours(said: str, kind: type[PublishError], told: str) -> None:
    with pytest.raises(kind, match=told):
        fail(said, "linux/amd64")


def test_a_platform_without_wheels_is_refused() -> None:
    with pytest.raises(ConfigError, match="images for linux/s390x cannot be built here"):
        requirements((), Platform("linux", "s390x"), "3.13", Lock())


def test_names_are_written_as_the_index_does() -> None:
    names = [each.name for each in requirements((), AMD64, "3.13", Lock())[0].distributions()]
    assert names == sorted(canonicalize_name(name) for name in names)
