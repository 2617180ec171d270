"""What tests in a browser share: one Chromium and one site for a module."""

from collections.abc import Iterator

import pytest
from browser import chromium
from newsroom import served
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the newsroom's site, and yield its URL."""
    with served(tmp_path_factory.mktemp("newsroom")) as url:
        yield url
