"""The pages in a real browser, at phone and desk width, by day and by night."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from browser import CHROMIUM, DESK, PHONE, SHOTS, Scheme, look, opened
from house import CHECKOUT
from line import LIMIT, program, result
from newsroom import PAGES
from playwright.sync_api import Browser

AIRPORTS = CHECKOUT / "examples" / "airports"
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_visitor_walks_from_the_index_to_a_row_and_asks_in_sql(
    browser: Browser, site: str, size: tuple[int, int], scheme: Scheme
) -> None:
    folder = SHOTS / f"{'phone' if size is PHONE else 'desk'}-{scheme}"
    with opened(browser, site, size, scheme, java_script_enabled=False) as page:
        page.goto(site)
        look(page, folder / "index.png", scheme)
        page.get_by_role("main").get_by_role("link", name="Airports", exact=True).first.click()
        look(page, folder / "database.png", scheme)
        page.get_by_role("main").get_by_role("link", name="airports", exact=True).first.click()
        look(page, folder / "table.png", scheme)
        heights = page.evaluate("[...document.querySelectorAll('td.num')].map(cell => cell.offsetHeight)")
        assert max(heights) < 48, "a number is broken over two lines"
        page.get_by_role("button", name="About elevation").click()
        menu = page.locator("[popover]").filter(has_text="Highest point of the landing area")
        assert menu.is_visible(), "a column's menu needs no script"
        look(page, folder / "menu.png", scheme)
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_every_kind_of_page_has_its_picture(
    browser: Browser, newsroom: str, size: tuple[int, int], scheme: Scheme
) -> None:
    folder = SHOTS / f"{'phone' if size is PHONE else 'desk'}-{scheme}" / "newsroom"
    with opened(browser, newsroom, size, scheme) as page:
        for name, path in PAGES.items():
            page.goto(newsroom + path)
            look(page, folder / f"{name.replace(' ', '-')}.png", scheme)
