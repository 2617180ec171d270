"""The README is true: each command that it shows is run, and answers in the shape that it shows."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import IO

import httpx
import pytest
from engine import Daemon
from fly_cloud import Cloud as FlyCloud
from fly_cloud import environment as fly_environment
from google_cloud import Cloud, environment
from ground import Ground
from house import CHECKOUT
from line import LIMIT
from registry import Registry

README = (CHECKOUT / "README.md").read_text("utf-8")
AIRPORTS = CHECKOUT / "examples" / "airports"
EXAMPLE = "registry.example.org"
CHANGES = (
    (r"http://127\.\d+\.\d+\.\d+:\d+/?|https://\S+\.(?:run\.app|fly\.dev)", "URL"),
    (r"\b\d{4}-\d\d-\d\dT[\d:.]+\+00:00", "TIME"),
    (r"\b\d{8}-\d{6}-[0-9a-f]{8}\b", "REVISION"),
    (r"\bbundle [0-9a-f]{12}\b", "bundle DIGEST"),
    (r"@sha256:[0-9a-f]{64}", "@DIGEST"),
)
"""What differs from run to run."""

Step = tuple[str, str]


def steps() -> Iterator[Step]:
    """Yield each command of the README's console blocks, and what it shows below."""
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, answer = step.partition("\n")
            yield command, answer


def shape(answer: str) -> str:
    """Return ``answer`` with names in place of what differs from run to run."""
    for pattern, name in CHANGES:
        answer = re.sub(pattern, name, answer)
    return answer.strip()


@pytest.fixture
def elsewhere(
    engine: Daemon, registry: Registry, base_layout: Path, google: Cloud, ground: Ground, fly_cloud: FlyCloud
) -> dict[str, str]:
    """Return the environment in which an engine, a base image, a registry and two clouds are at hand."""
    base = f"oci:{base_layout}:3.11"
    return {
        **environment(google, ground),
        **fly_environment(fly_cloud),
        "DOCKER_HOST": engine.url,
        "BAKED_DOCKER_NETWORK": "host",
        "BAKED_BASE_IMAGE": base,
        "HOST": registry.host,
    }


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield a folder with the demo's files, and an environment whose `publish` is ours."""
    here = tmp_path / "here"
    here.mkdir()
    shutil.copy(AIRPORTS / "metadata.yaml", here)
    subprocess.run([sys.executable, AIRPORTS / "build.py", here / "airports.db"], timeout=LIMIT, check=True)
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": programs, "BAKED_STATE_HOME": str(tmp_path / "state")}
    yield here, env
    run("publish unpublish local airports --yes --quiet", here, env, check=False)


def run(command: str, here: Path, env: Mapping[str, str], *, check: bool = True) -> str:
    words = command.split()
    done = subprocess.run(
        words, cwd=here, env=env, capture_output=True, text=True, timeout=LIMIT, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0 or not check, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def serve(command: str, here: Path, env: Mapping[str, str]) -> str:
    """Start a server on a free port, visit it, stop it, and return what it said."""
    server = subprocess.Popen(
        [*command.split(), "--port", "0"], cwd=here, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        url = first_line(server.stdout)
        assert httpx.get(url, timeout=LIMIT).status_code == httpx.codes.OK
    finally:
        server.terminate()
        server.communicate(timeout=LIMIT)
    return url


def first_line(stream: IO[str] | None) -> str:
    assert stream is not None
    lines: Queue[str] = Queue()
    Thread(target=lambda: lines.put(stream.readline()), daemon=True).start()
    return lines.get(timeout=LIMIT).strip()


def test_every_command_of_the_readme_answers_as_shown(
    scratch: tuple[Path, dict[str, str]], elsewhere: dict[str, str]
) -> None:
    here, env = scratch
    tried, host = [], elsewhere.pop("HOST")
    for command, shown in steps():
        said = command.replace(EXAMPLE, host)
        answer = (serve if command.startswith("publish serve") else run)(said, here, {**env, **elsewhere})
        assert shape(answer.replace(host, EXAMPLE)) == shape(shown), f"$ {command}\n{answer}"
        tried.append(command.split()[1])
    words = "serve bake local promote rollback status history unpublish plugins image cloudrun fly docker registry"
    assert {*words.split()} <= {*tried}


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make here")
def test_the_two_commands_of_the_readme_are_in_the_makefile() -> None:
    targets = re.findall(r"^make (\w+)", README, re.MULTILINE)
    assert targets == ["demo", "test"]
    for target in targets:
        subprocess.run(["make", "-n", target], cwd=CHECKOUT, capture_output=True, timeout=LIMIT, check=True)


def test_the_figures_of_the_demo_are_those_of_its_database(scratch: tuple[Path, dict[str, str]]) -> None:
    here, env = scratch
    said = run("publish bake airports.db -o counted --json", here, env)
    count = re.search(r'"airports": ?(\d+)', said)
    assert count, said
    assert f"database of {int(count[1]):,} airports" in README
