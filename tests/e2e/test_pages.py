"""The pages in a real browser, at phone and desk width, by day and by night, without any script."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from house import CHECKOUT
from line import LIMIT, program, result
from playwright.sync_api import Browser, Page, Request, Response, sync_playwright

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SHOTS = CHECKOUT / "artifacts"
AIRPORTS = CHECKOUT / "examples" / "airports"
PHONE, DESK = (390, 844), (1280, 800)
SQL = "select name, elevation from airports where elevation > 14000 order by elevation desc"

pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="there is no chromium here: install one to test pages in a browser"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Publish the demo's database with its metadata, and yield the URL."""
    folder = tmp_path_factory.mktemp("pages")
    database = folder / "airports.db"
    subprocess.run([sys.executable, AIRPORTS / "build.py", database], timeout=LIMIT, check=True)
    env = {"BAKED_STATE_HOME": str(folder / "state")}
    try:
        yield result("local", database, "--name", "pages", "--metadata", AIRPORTS / "metadata.yaml", env=env)["url"]
    finally:
        program("unpublish", "local", "pages", "--yes", env=env)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@dataclass
class Watch:
    """What a page does that it should not do."""

    home: str
    faults: list[str] = field(default_factory=list)

    def on(self, page: Page) -> None:
        page.on("request", self.asked)
        page.on("response", self.answered)
        page.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    def asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.home).netloc:
            self.faults.append(f"asks another host: {request.url}")

    def answered(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_visitor_walks_from_the_index_to_a_row_and_asks_in_sql(
    browser: Browser, site: str, size: tuple[int, int], scheme: Literal["light", "dark"]
) -> None:
    watch = Watch(site)
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, java_script_enabled=False
    )
    context.set_default_timeout(LIMIT * 1000)
    page = context.new_page()
    watch.on(page)
    folder = SHOTS / f"{'phone' if size is PHONE else 'desk'}-{scheme}"

    page.goto(site)
    look(page, folder / "index.png", scheme)
    page.get_by_role("main").get_by_role("link", name="Airports", exact=True).first.click()
    look(page, folder / "database.png", scheme)
    page.get_by_role("main").get_by_role("link", name="airports", exact=True).first.click()
    look(page, folder / "table.png", scheme)
    heights = page.evaluate("[...document.querySelectorAll('td.num')].map(cell => cell.offsetHeight)")
    assert max(heights) < 48, "a number is broken over two lines"
    page.get_by_role("button", name="About elevation").click()
    assert page.get_by_text("Highest point of the landing area").is_visible(), "a column's menu needs no script"
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Next page").click()
    look(page, folder / "next.png", scheme)
    page.locator("table.rows tbody tr").first.get_by_role("link").first.click()
    assert page.locator("main").get_by_text("elevation").first.is_visible()
    look(page, folder / "row.png", scheme)
    page.goto(f"{site}/airports/-/query")
    page.get_by_label("SQL").fill(SQL)
    page.get_by_role("button", name="Run SQL").click()
    assert "Daocheng" in page.inner_text("main")
    look(page, folder / "sql.png", scheme)
    context.close()
    assert not watch.faults


def look(page: Page, shot: Path, scheme: str) -> None:
    """Take a picture, and require that nothing sticks out sideways and that night is dark."""
    page.screenshot(path=shot)
    wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= room, f"{shot.name} is {wide} px wide in a window of {room} px"
    ink = sum(map(int, re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).color"))[:3])) / 3
    assert (ink > 128) == (scheme == "dark"), f"{shot.name}: by {scheme} the text has brightness {ink:.0f} of 255"
