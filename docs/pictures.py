"""Take the pictures of the README anew, from the demo's own database in the machine's Chromium: `make pictures`."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright

ROOT: Final = Path(__file__).resolve().parents[1]
AIRPORTS: Final = ROOT / "examples" / "airports"
IMAGES: Final = ROOT / "docs" / "images"
CHROMIUM: Final = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
SQL: Final = """\
select c.name, count(*) as airports, max(a.elevation) as highest
from airports a join countries c on c.code = a.country
where a.elevation > :least
group by 1 order by 3 desc"""


def main() -> None:
    """Serve the demo, and look at it three times."""
    with served() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with opened(browser, (1280, 800), "light") as page:
            page.goto(f"{home}/airports/airports?elevation__gt=13500&_facet=country&_sort=icao")
            page.screenshot(path=IMAGES / "table.png")
        with opened(browser, (390, 844), "dark") as page:
            page.goto(f"{home}/airports/airports?country=NL&_facet=subdivision&_sort_desc=elevation")
            page.screenshot(path=IMAGES / "phone.png")
        with opened(browser, (1280, 720), "light") as page:
            page.goto(f"{home}/airports/-/query")
            page.get_by_label("SQL").fill(SQL)
            page.get_by_label("least").fill("8000")
            page.get_by_role("button", name="Run SQL").click()
            page.get_by_label("SQL").press("Control+End")
            page.keyboard.type(", a.ti")
            page.locator(".offer").wait_for()
            page.keyboard.press("ArrowDown")
            page.screenshot(path=IMAGES / "sql.png")
        browser.close()


@contextmanager
def served() -> Iterator[str]:
    """Serve the demo's database until the pictures are taken, and yield its address."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "airports.db"
        subprocess.run([sys.executable, AIRPORTS / "build.py", database], check=True)  # noqa: S603 - ours
        words = [sys.executable, "-m", "baked_publish", "serve", str(database), "-p", "0"]
        words += ["--metadata", str(AIRPORTS / "metadata.yaml")]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - ours
            assert server.stdout  # noqa: S101 - a pipe was asked for
            try:
                yield server.stdout.readline().strip()
            finally:
                server.terminate()


@contextmanager
def opened(browser: Browser, size: tuple[int, int], scheme: str) -> Iterator[Page]:
    """Open a page of this size, by day or night."""
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if scheme == "dark" else "light"
    )
    try:
        yield page
    finally:
        page.close()


if __name__ == "__main__":
    main()
