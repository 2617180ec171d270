"""A real browser for the tests of pages, and what a page must not do in it."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from house import CHECKOUT
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SHOTS = CHECKOUT / "artifacts"
PHONE, DESK = (390, 844), (1280, 800)
PATIENCE = 60_000
"""Milliseconds after which a page that does not do what it should is a failure."""

Scheme = Literal["light", "dark"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the machine's own Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser, home: str, size: tuple[int, int] = DESK, scheme: Scheme = "light", **more: Any
) -> Iterator[Page]:
    """Open an empty page at this width, by day or night; nothing it then does may be at fault."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, **more)
    context.set_default_timeout(PATIENCE)
    watch = Watch(home)
    try:
        page = context.new_page()
        watch.on(page)
        yield page
    finally:
        context.close()
    assert not watch.faults


@dataclass
class Watch:
    """What a page does that it should not do."""

    home: str
    faults: list[str] = field(default_factory=list)

    def on(self, page: Page) -> None:
        page.on("request", self.asked)
        page.on("response", self.answered)
        page.on("console", self.said)
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    def asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.home).netloc:
            self.faults.append(f"asks another host: {request.url}")

    def answered(self, response: Response) -> None:
        if response.status >= 500:
            self.faults.append(f"{response.status}: {response.url}")

    def said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)


def look(page: Page, shot: Path, scheme: str) -> None:
    """Take a picture, and require that nothing sticks out sideways and that night is dark."""
    page.screenshot(path=shot)
    wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= room, f"{shot.name} is {wide} px wide in a window of {room} px"
    ink = sum(map(int, re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).color"))[:3])) / 3
    assert (ink > 128) == (scheme == "dark"), f"{shot.name}: by {scheme} the text has brightness {ink:.0f} of 255"
