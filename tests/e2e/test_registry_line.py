"""``publish registry``: built without Docker, pushed to a real registry, pulled and run by a real engine."""

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from engine import Daemon
from line import LIMIT, make_database, result
from registry import Registry
from runtime import free_port, until_it_answers


@pytest.fixture
def project(tmp_path: Path, base_layout: Path, engine: Daemon, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAKED_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("BAKED_BASE_IMAGE", f"oci:{base_layout}:3.11")
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    make_database(tmp_path / "data.db", 1)
    return tmp_path


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, timeout=LIMIT, check=True).stdout.strip()


def test_what_was_pushed_runs_as_nobody_on_a_read_only_root_without_a_capability(
    project: Path, registry: Registry
) -> None:
    name = f"{registry.host}/news/{project.name.replace('_', '-')}:latest"
    done = result("registry", "data.db", name)
    port = free_port()
    locked = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "64"]
    inside = ["--network", "host", "--env", "HOST=127.0.0.1", "--env", f"PORT={port}", "--env", "BAKED_VERIFY_TOKEN=t"]
    docker("pull", "--quiet", done["url"])
    container = docker("run", "--detach", *locked, *inside, done["url"])
    try:
        url = f"http://127.0.0.1:{port}"
        until_it_answers(url, lambda: docker("logs", container))
        seen = httpx.get(f"{url}/-/verify", headers={"Authorization": "Bearer t"}, timeout=LIMIT).json()
        assert seen["databases"]["data"]["tables"] == {"state": 1, "items": 500}
        assert seen["databases"]["data"]["sha256"] == done["databases"]["data"]["sha256"]
        status = dict(
            line.split(":", 1)
            for line in docker("exec", container, "cat", "/proc/1/status").splitlines()
            if ":" in line
        )
        assert status["Uid"].split() == ["65532"] * 4
        assert {int(status[kind], 16) for kind in ("CapEff", "CapPrm", "CapBnd", "CapInh")} == {0}
        with pytest.raises(subprocess.CalledProcessError):
            docker("exec", container, "touch", "/opt/baked/bundle/x")
        assert docker("exec", container, "python3", "-m", "baked_core.health") == ""
        assert json.loads(docker("inspect", "--format", "{{json .State.Health}}", container))["Status"] != "unhealthy"
        docker("stop", "--time", "20", container)
        assert docker("inspect", "--format", "{{.State.ExitCode}}", container) == "0"
    finally:
        docker("rm", "--force", container)


def test_a_base_in_a_registry_is_read_once_and_then_only_its_manifest_and_configuration(
    project: Path, base_layout: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its layer is mounted where it has to go, and pinned in publish.lock whatever its tag leads to later."""
    base = f"{registry.host}/base/only-{project.name.replace('_', '-')}"
    monkeypatch.setenv("BAKED_BASE_IMAGE", f"{base}:3.11")
    monkeypatch.setenv("BAKED_CACHE_HOME", str(project / "cache"))
    push = ["skopeo", "copy", "--quiet", "--all", "--dest-tls-verify=false"]
    subprocess.run([*push, f"oci:{base_layout}:3.11", f"docker://{base}:3.11"], check=True, timeout=LIMIT)
    path = base.partition("/")[2]

    def asked_of_the_base(*words: object) -> tuple[Any, list[str]]:
        before = len(registry.requests())
        done = result("registry", "data.db", *words)
        asked = [each for each in registry.requests()[before:] if each.startswith(f"GET /v2/{path}/")]
        return done, sorted(each.split("/")[-2] for each in asked)

    name = f"{registry.host}/news/only-{project.name.replace('_', '-')}"
    assert asked_of_the_base(f"{name}-first:latest")[1] == ["blobs", "blobs", "manifests", "manifests"]
    name += ":latest"
    first, asked = asked_of_the_base(name)
    assert asked == ["blobs", "manifests", "manifests"]
    assert f'"{base}:3.11": "sha256:' in Path("publish.lock").read_text()
    subprocess.run([*push, f"oci:{base_layout}:bare", f"docker://{base}:3.11"], check=True, timeout=LIMIT)
    assert result("registry", "data.db", name)["action"] == "unchanged"
    upgraded = result("registry", "data.db", name, "--upgrade")
    assert upgraded["action"] == "published"
    assert upgraded["url"] != first["url"]
