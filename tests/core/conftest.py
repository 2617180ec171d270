"""The app over small databases, for one test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from baking import baked_of
from starlette.testclient import TestClient

from baked_core.app import create_app


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Serve what ``baked_of`` makes; redirects are not followed."""
    yield from serving(tmp_path)


@pytest.fixture(scope="module")
def serve_for_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., TestClient]]:
    """Serve for all tests of a module, see ``serve``."""
    yield from serving(tmp_path_factory.mktemp("served"))


def serving(folder: Path) -> Iterator[Callable[..., TestClient]]:
    """Yield what serves Bundles made in ``folder``."""
    clients: list[TestClient] = []

    def serve(*, token: str | None = None, **baked: Any) -> TestClient:
        app = create_app(baked_of(folder, **baked), verify_token=token)
        clients.append(TestClient(app, follow_redirects=False))
        return clients[-1]

    yield serve
    for client in clients:
        client.close()
