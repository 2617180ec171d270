"""A Fly of its own for a test: the stand-in, on the engine and the registry of this test process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine import Daemon
from fly_cloud import Cloud, environment, fly
from ground import Ground
from registry import Registry

RATE = 20.0
"""Requests a second of each kind: the client is told the same, so that it keeps its pace all the same."""


@pytest.fixture
def fly_cloud(
    engine: Daemon, registry: Registry, base_layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cloud]:
    """Give a Fly that knows nobody yet, found by the environment of this and of child processes."""
    engine.keep(f"oci:{base_layout}:one")
    monkeypatch.setenv("HOME", str(tmp_path))
    with fly(Ground(engine, registry, tmp_path), rate=RATE) as cloud:
        for name, value in environment(cloud).items():
            monkeypatch.setenv(name, value)
        yield cloud


@pytest.fixture
def fly_options(fly_cloud: Cloud, base_layout: Path) -> dict[str, Any]:
    """Give the options of the target ``fly`` on that Fly."""
    assert fly_cloud.url
    return {
        "base_image": f"oci:{base_layout}:3.11",
        "org": "personal",
        "region": ["ams"],
        "settle": 0.2,
        "drain": 0.2,
        "rate": RATE,
        "start_timeout": 30.0,
    }
