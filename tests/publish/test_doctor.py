"""``publish doctor`` tells for each thing that a target needs whether it is there, or what to do."""

import socket
import stat
from pathlib import Path
from typing import Any

import pytest
from line import program, result

from baked_publish.deployment import Finding
from baked_publish.room import LOCKS, room


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Keep state and cache in folders of the test."""
    (tmp_path / "cache").mkdir(mode=0o700)
    return {"BAKED_STATE_HOME": str(tmp_path / "state"), "BAKED_CACHE_HOME": str(tmp_path / "cache")}


def amiss(answer: Any) -> list[str]:
    return [each["what"] for each in answer["findings"] if not each["ok"]]


def test_a_machine_in_order_is_told_to_be(env: dict[str, str]) -> None:
    answer = result("doctor", "local", env=env)
    assert (answer["command"], answer["target"], amiss(answer)) == ("doctor", "local", [])
    said = {each["what"] for each in answer["findings"]}
    assert said >= {LOCKS["seccomp"], LOCKS["landlock"], LOCKS["memory"]}


def test_what_others_may_read_is_told_with_what_to_do(env: dict[str, str]) -> None:
    Path(env["BAKED_CACHE_HOME"]).chmod(0o755)
    answer = result("doctor", "local", env=env, code=5)
    assert len(amiss(answer)) == 1
    assert answer["error"]["kind"] == "PreflightError"
    done = program("doctor", "local", env=env)
    assert done.returncode == 5
    assert f"chmod 700 {env['BAKED_CACHE_HOME']!r}" in done.stdout
    assert done.stdout.count("\nFIX ") + done.stdout.startswith("FIX ") == 1


def test_a_taken_port_is_told(env: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = result("doctor", "local", "--port", port, env=env, code=5)
    assert amiss(answer) == [f"127.0.0.1:{port}"]


def test_a_place_must_be_named_where_the_name_is_one() -> None:
    done = program("doctor", "registry")
    assert done.returncode == 2
    assert "HOST/REPO" in done.stderr


def test_nothing_is_left_behind(env: dict[str, str]) -> None:
    result("doctor", "local", "nobody", env=env)
    state = Path(env["BAKED_STATE_HOME"]) / "local"
    assert not list(state.iterdir())
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_every_lock_of_the_room_has_a_sentence() -> None:
    locks = {each.what for each in room()}
    assert locks <= set(LOCKS.values())
    assert Finding(ok=True, what=LOCKS["file_size"]) in room()
