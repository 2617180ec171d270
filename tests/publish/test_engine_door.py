"""An engine that cannot be reached is told with the reason and the way out."""

import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from line import SOMEBODY, make_database, program

from baked_publish.engine.door import Door


@pytest.fixture(autouse=True)
def no_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing of this machine's docker configuration be seen."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BAKED_STATE_HOME", str(tmp_path / "state"))


def test_an_option_is_stronger_than_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Door.find(None).url.endswith("/var/run/docker.sock")
    monkeypatch.setenv("DOCKER_HOST", "unix:///one.sock")
    assert Door.find(None).url == "unix:///one.sock"
    assert Door.find("unix:///other.sock").url == "unix:///other.sock"


@pytest.mark.parametrize(
    ("url", "near"),
    [("unix:///x", True), ("tcp://127.0.0.1:2375", True), ("tcp://there:2375", False), ("ssh://me@there", False)],
)
def test_an_engine_elsewhere_is_refused(url: str, near: bool) -> None:  # noqa: FBT001
    assert Door(url).near is near
    assert ("another machine" in Door(url).knock()) is not near


def test_no_engine_is_told_with_what_to_do(tmp_path: Path) -> None:
    done = program("docker", make_database(tmp_path / "data.db", 1), "--engine", f"unix://{tmp_path}/none.sock")
    assert done.returncode == 5
    assert f"the Docker engine at unix://{tmp_path}/none.sock: there is no such socket: start Docker" in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("command", ["status", "history", "unpublish", "logs", "rollback", "promote"])
def test_every_command_tells_that_no_engine_is_there(command: str, tmp_path: Path) -> None:
    words = ["--yes"] if command == "unpublish" else []
    done = program(command, "docker", "data", "--engine", f"unix://{tmp_path}/none.sock", *words)
    assert done.returncode == 5
    assert "there is no such socket: start Docker" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_engine_that_ended_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "left.sock"))
    assert "nobody answers (Connection refused): start Docker" in Door(f"unix://{tmp_path}/left.sock").knock()


def test_a_socket_of_somebody_else_is_told() -> None:
    code = "import sys; from baked_publish.engine.door import Door; print(Door(sys.argv[1]).knock())"
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as theirs:
        path = f"{folder}/theirs.sock"
        theirs.bind(path)
        theirs.listen()
        Path(path).chmod(0)
        Path(folder).chmod(0o755)
        words = [*SOMEBODY, sys.executable, "-c", code, f"unix://{path}"]
        said = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "may not use its socket: join the group `docker` and log in anew" in said


def test_a_context_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.json").write_text(json.dumps({"currentContext": "gone"}))
    done = program("docker", make_database(tmp_path / "data.db", 1))
    assert done.returncode == 5
    assert "docker" in done.stderr
    assert "Traceback" not in done.stderr
