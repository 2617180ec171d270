"""umoci and runc: run an image from an OCI layout with no engine at all, as root of this machine."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import pytest

TOOLS = ("umoci", "runc")
LIMIT = 60.0


def need(*tools: str) -> None:
    """Skip a test where a tool is missing or root is needed and not there; in CI a skip is a failure."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    if os.getuid() != 0:
        pytest.skip("needs root")


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def running(layout: Path, tag: str, folder: Path, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run an image on a read-only root, without a capability, and yield the URL at which it answers."""
    need(*TOOLS)
    bundle, port, name = folder / "runtime", free_port(), f"baked-{token_hex(4)}"
    subprocess.run(["umoci", "unpack", "--image", f"{layout}:{tag}", bundle], check=True, timeout=LIMIT)
    config = bundle / "config.json"
    spec = locked_down(json.loads(config.read_bytes()), {"HOST": "127.0.0.1", "PORT": str(port), **(env or {})})
    config.write_text(json.dumps(spec))
    runc = ["runc", "--root", str(folder / "runc")]
    log = (folder / "runtime.log").open("wb")
    process = subprocess.Popen(
        [*runc, "run", "--bundle", bundle, name], stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    try:
        url = f"http://127.0.0.1:{port}"
        log_file = folder / "runtime.log"
        until_it_answers(url, log_file.read_text, lambda: process.poll() is None)
        yield url
        process.terminate()  # runc passes it on
        assert process.wait(LIMIT) == 0, (folder / "runtime.log").read_text()
    finally:
        subprocess.run([*runc, "delete", "--force", name], check=False, timeout=LIMIT, capture_output=True)
        process.kill()
        process.wait(LIMIT)
        log.close()


def locked_down(spec: dict[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """Return a runtime's configuration with this machine's network, and nothing that a server can do without."""
    process = spec["process"]
    process["terminal"] = False
    process["noNewPrivileges"] = True
    process["capabilities"] = {kind: [] for kind in ("bounding", "effective", "permitted", "ambient", "inheritable")}
    process["env"] = [entry for entry in process["env"] if entry.partition("=")[0] not in env]
    process["env"] += [f"{key}={value}" for key, value in env.items()]
    spec["root"]["readonly"] = True
    spec["linux"]["namespaces"] = [each for each in spec["linux"]["namespaces"] if each["type"] != "network"]
    return spec


def until_it_answers(url: str, log: Callable[[], str], alive: Callable[[], bool] = lambda: True) -> None:
    """Wait until a server is up; fail with its log if it never is."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        assert alive(), log()
        try:
            if httpx.get(f"{url}/-/healthz").is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise AssertionError(f"{url} does not answer: {log()}")
