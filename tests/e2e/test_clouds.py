"""``make clouds``: one command, a file to source, publishes with no other flag, and nothing left after Ctrl-C."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from engine import unable
from house import CHECKOUT
from line import LIMIT, PROGRAM, make_database

START = 180.0
"""Seconds that all of it gets to come up; it takes about five once the base image is made."""
ENV_FILE = CHECKOUT / "clouds.env"
WORDS = {
    "cloudrun": "--service x --region europe-west1",
    "fly": "--app x --region ams",
}


@pytest.fixture
def clouds() -> Iterator["subprocess.Popen[bytes]"]:
    if unable() or not shutil.which("make"):
        pytest.skip(unable() or "there is no make here")
    if ENV_FILE.exists():
        pytest.skip("stand-ins are up already")
    running = subprocess.Popen(["make", "--silent", "clouds"], cwd=CHECKOUT, start_new_session=True)
    try:
        deadline = time.monotonic() + START
        while not ENV_FILE.exists():
            assert running.poll() is None, "make clouds ended by itself"
            assert time.monotonic() < deadline, "make clouds never wrote clouds.env"
            time.sleep(0.1)
        yield running
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGINT)
        running.wait(LIMIT)


def sourced(words: str, folder: Path) -> str:
    """Run ``publish`` in a shell that has sourced the file and nothing else."""
    script = f". {ENV_FILE} && exec {' '.join(PROGRAM)} {words}"
    clouds = ("GOOGLE_", "CLOUDSDK_", "FLY_", "BAKED_CLOUDRUN_", "BAKED_FLY_", "BAKED_BASE_")
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith(clouds)}
    surroundings["BAKED_STATE_HOME"] = str(folder / "state")
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=folder,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_one_command_makes_a_laptop_a_cloud_and_leaves_nothing(
    clouds: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    make_database(tmp_path / "data.db", 1)
    for target, words in WORDS.items():
        url = sourced(f"{target} data.db {words}", tmp_path)
        rows = httpx.get(f"{url}/data/state.json?_shape=array", timeout=LIMIT).raise_for_status().json()
        assert rows[0]["version"] == 1, target
    os.killpg(clouds.pid, signal.SIGINT)
    clouds.wait(LIMIT)
    assert not ENV_FILE.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, timeout=LIMIT)
