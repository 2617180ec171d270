"""Google Cloud's stand-in for tests of the target ``cloudrun``: one a test process, its services one's own a test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine import Daemon
from google_cloud import Cloud, cloud, environment
from ground import Ground
from registry import Registry

REGION = "europe-west1"


@pytest.fixture(scope="session")
def ground(engine: Daemon, registry: Registry, base_layout: Path, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Give a real engine and registry, with the base image in the engine."""
    engine.keep(f"oci:{base_layout}:one")
    return Ground(engine, registry, tmp_path_factory.mktemp("ground"))


@pytest.fixture(scope="session")
def _google(ground: Ground) -> Iterator[Cloud]:
    with cloud(ground) as made:
        yield made


@pytest.fixture
def google(_google: Cloud, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """Give the stand-in, in good order, to this process and its children; its services go with the test."""
    for key, value in environment(_google, ground).items():
        monkeypatch.setenv(key, value)
    for key in ("GOOGLE_OAUTH_ACCESS_TOKEN", "GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT", "CLOUDSDK_RUN_REGION"):
        monkeypatch.delenv(key, raising=False)
    try:
        yield _google
    finally:
        _google.mend()


@pytest.fixture
def cloudrun_options(google: Cloud, base_layout: Path) -> dict[str, Any]:  # noqa: ARG001 - it has to stand
    """Give the options of the target ``cloudrun`` on the stand-in, for this and child processes."""
    return {"base_image": f"oci:{base_layout}:3.11", "project": "clouds-test", "region": REGION}
