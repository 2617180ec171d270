"""Pages are light and still: under 30 KB compressed, no shift while they load, nothing from another host."""

import gzip
from urllib.parse import urlsplit

import pytest
from browser import CHROMIUM, DESK, PHONE, opened
from newsroom import PAGES
from playwright.sync_api import Browser, Response

MOST = 30_000
STILL = 0.001
"""A cumulative layout shift of 0.1 still counts as good; ours is none."""
SHIFTS = """
new Promise(done => {
    let sum = 0;
    const watch = new PerformanceObserver(list => list.getEntries().forEach(each => { sum += each.value; }));
    watch.observe({ type: "layout-shift", buffered: true });
    setTimeout(() => done(sum), 300);
})
"""

pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="there is no chromium here: install one to test pages in a browser"
)


@pytest.mark.parametrize("name", ["index", "database", "table", "facets", "row", "sql"])
def test_the_first_look_at_a_page_weighs_less_than_30_kb(browser: Browser, newsroom: str, name: str) -> None:
    loaded: list[Response] = []
    with opened(browser, newsroom) as page:
        page.on("response", lambda each: loaded.append(each))  # noqa: PLW0108 - a built-in is no handler
        page.goto(newsroom + PAGES[name], wait_until="networkidle")
        weights = {urlsplit(each.url).path: len(gzip.compress(each.body(), 6)) for each in loaded}
    assert len(weights) >= 2, "a page and its style sheet at least"
    assert sum(weights.values()) < MOST, weights


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_moves_while_a_page_loads(browser: Browser, newsroom: str, size: tuple[int, int]) -> None:
    with opened(browser, newsroom, size) as page:
        shifts: dict[str, float] = {}
        for name, path in PAGES.items():
            page.goto(newsroom + path, wait_until="load")
            shifts[name] = page.evaluate(SHIFTS)
    assert {name: sum_ for name, sum_ in shifts.items() if sum_ > STILL} == {}


def test_a_style_sheet_is_kept_and_asked_for_by_its_content(browser: Browser, newsroom: str) -> None:
    with opened(browser, newsroom) as page:
        page.goto(newsroom)
        with page.expect_response(lambda each: "style.css" in each.url) as found:
            page.reload()
        assert "immutable" in found.value.headers["cache-control"]
