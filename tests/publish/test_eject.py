"""``publish image --eject``: any Docker builds the same server from what it writes; ``--builder docker`` uses one."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import orjson
import pytest
from engine import Daemon
from line import LIMIT, make_database, program, result
from registry import Registry
from runtime import free_port, running, until_it_answers

from baked_publish.images.dockerfile import Packages, dockerfile, quoted

BUILD = 600


@pytest.fixture(scope="session")
def base(registry: Registry, base_layout: Path) -> str:
    """Return the base image's name in a registry."""
    name = f"{registry.host}/base/python:3.11"
    words = ["skopeo", "copy", "--quiet", "--all", "--dest-tls-verify=false", f"oci:{base_layout}:3.11"]
    subprocess.run([*words, f"docker://{name}"], check=True, timeout=LIMIT, capture_output=True)
    return name


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Daemon) -> Path:
    """Return a folder with a database in it, from which an engine can be reached."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    monkeypatch.setenv("DOCKER_BUILDKIT", "0")
    make_database(tmp_path / "data.db", 1)
    return tmp_path


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=BUILD, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@contextmanager
def container(image: str) -> Iterator[str]:
    """Run an image as its README says, but on this machine's network; yield its URL."""
    port = free_port()
    options = ["--detach", "--network", "host", "--read-only", "--cap-drop", "ALL", "--env", "BAKED_VERIFY_TOKEN=t"]
    name = docker("run", *options, "--env", "HOST=127.0.0.1", "--env", f"PORT={port}", image)
    try:
        until_it_answers(f"http://127.0.0.1:{port}", lambda: docker("logs", name))
        yield f"http://127.0.0.1:{port}"
    finally:
        docker("rm", "--force", name)


def test_a_docker_builds_the_same_server_from_the_ejected_folder(project: Path, base: str) -> None:
    (project / "metadata.yaml").write_text('title: "It\'s $5, \\"all\\" in"\n')
    done = result("image", "data.db", "-m", "metadata.yaml", "--eject", "out", "--base-image", base)
    text = (project / "out" / "Dockerfile").read_text()
    assert f"FROM {done['base']}\n" in text
    assert "@sha256:" in done["base"]
    passed = [f"--build-arg={name}={os.environ[name]}" for name in ("PIP_INDEX_URL", "PIP_CERT") if name in os.environ]
    docker("build", "--network", "host", *passed, "--tag", "ejected", "out")
    config = orjson.loads(docker("inspect", "--format", "{{json .Config}}", "ejected"))
    assert config["User"] == "65532:65532"
    assert config["Labels"]["org.opencontainers.image.title"] == 'It\'s $5, "all" in'
    assert config["StopSignal"] == "SIGTERM"
    where = "import asyncio, pathlib; print(pathlib.Path(asyncio.__cached__).exists())"
    assert docker("run", "--rm", "--network", "host", "--entrypoint", "python3", "ejected", "-c", where) == "True"
    with container("ejected") as url:
        seen = httpx.get(f"{url}/-/verify", headers={"Authorization": "Bearer t"}, timeout=LIMIT).json()
        assert seen["databases"]["data"]["tables"] == {"state": 1, "items": 500}
        assert httpx.get(f"{url}/-/baked.json").json()["digest"] == done["bundle"]
        assert httpx.get(f"{url}/data/items").status_code == 200


def test_an_engine_builds_what_needs_a_compiler_and_debian_packages(
    project: Path, debian_layout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``spidev`` is C and has no wheel; what lies above the packages stays as it is, and nothing is built twice."""
    plugin = project / "plugins"
    plugin.mkdir()
    (plugin / "uses.py").write_text("import spidev\n\nassert spidev.SpiDev\n")
    words = ["image", "data.db", "--base-image", f"oci:{debian_layout}:apt", "--install", "spidev==3.6"]
    words += ["--plugins-dir", "plugins"]
    refused = program(*words, "-o", "x.tar")
    assert refused.returncode == 4
    assert "--builder docker" in refused.stderr
    words += ["--builder", "docker", "--apt", "python3-dev"]
    first = result(*words, "-o", "one/", limit=BUILD)
    layers = first["platforms"]["linux/amd64"]["layers"]
    assert [each["about"].partition(",")[0] for each in layers[1:3]] == ["Debian packages python3-dev", "packages"]
    with running(project / "one", "latest", project) as url:
        assert httpx.get(f"{url}/data/items").status_code == 200
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    make_database(project / "data.db", 2)
    again = result(*words, "-o", "two/")["platforms"]["linux/amd64"]["layers"]
    changed = [one["about"] for one, two in zip(layers, again, strict=True) if one["digest"] != two["digest"]]
    assert changed == ["database data", "the Manifest"]


def test_without_an_engine_it_is_told(project: Path, base_layout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    monkeypatch.setenv("BAKED_CACHE_HOME", str(project / "cache"))
    words = ["image", "data.db", "--base-image", f"oci:{base_layout}:3.11", "--builder", "docker", "-o", "x.tar"]
    done = program(*words)
    assert done.returncode == 5
    assert "--builder docker needs a Docker engine" in done.stderr
    assert not (project / "x.tar").exists()


def test_a_build_that_fails_shows_its_last_words(project: Path, base_layout: Path) -> None:
    words = ["image", "data.db", "--base-image", f"oci:{base_layout}:3.11", "--builder", "docker", "-o", "x.tar"]
    done = program(*words, "--apt", "no-such-package")
    assert done.returncode == 4
    assert "cannot be built by Docker" in done.stderr
    assert "apt-get" in done.stderr
    assert not (project / "x.tar").exists()


@pytest.mark.parametrize(
    ("more", "code", "what"),
    [
        (("--base-image", "oci:somewhere:1"), 2, "a Dockerfile cannot begin from 'oci:somewhere:1'"),
        (("--base-image", "127.0.0.1:1/no:1"), 10, "127.0.0.1:1 cannot be reached"),
    ],
)
def test_what_cannot_be_ejected(project: Path, more: tuple[str, ...], code: int, what: str) -> None:
    done = program("image", "data.db", "--eject", "out", *more)
    assert (done.returncode, what in done.stderr) == (code, True), done.stderr
    assert not (project / "out").exists()


@pytest.mark.usefixtures("project")
def test_apt_wants_an_engine(base_layout: Path) -> None:
    done = program("image", "data.db", "-o", "x.tar", "--apt", "gdal-bin", "--base-image", f"oci:{base_layout}:3.11")
    assert done.returncode == 4
    assert "--builder docker" in done.stderr


@pytest.mark.parametrize("text", ['a"b', "a$b", "a\\b", "${HOME}", "a\nRUN evil", "$(id)", "`id`", "ü 🛩"])
def test_no_label_breaks_out_of_its_quotes(text: str) -> None:
    said = dockerfile(Packages("base"), "x:y", ["app"], {text: text})
    (line,) = [each for each in said.splitlines() if each.startswith("LABEL")]
    assert line == f"LABEL {quoted(text)}={quoted(text)}"
    assert not [each for each in said.splitlines() if each.startswith("RUN evil")]
