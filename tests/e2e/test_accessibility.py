"""Everybody can use the pages: axe finds nothing on any of them, and the keyboard leads everywhere."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import CHROMIUM, DESK, PHONE, Scheme, opened
from newsroom import PAGES
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="there is no chromium here: install one to test pages in a browser"
)


def faults(page: Page, name: str) -> list[str]:
    """Ask axe with all its rules, WCAG 2.2 AA and the best practices among them."""
    found = Axe().run(page, options={"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}})
    return [
        f"{name}: {each['id']} ({each['impact']}): {node['html'][:160]}"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_axe_finds_nothing(browser: Browser, newsroom: str, size: tuple[int, int], scheme: Scheme) -> None:
    found: list[str] = []
    with opened(browser, newsroom, size, scheme) as page:
        for name, path in PAGES.items():
            page.goto(newsroom + path)
            found += faults(page, name)
        page.goto(newsroom + PAGES["filtered"])
        page.locator("summary").evaluate_all("all => all.forEach(one => one.parentNode.open = true)")
        page.get_by_role("button", name="About id").click()
        found += faults(page, "a column's menu")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Download").click()
        found += faults(page, "the download dialog")
        page.goto(newsroom + PAGES["sql"])
        page.get_by_label("SQL").focus()
        page.keyboard.type(" and sto")
        page.get_by_role("option").first.wait_for()
        page.keyboard.press("ArrowDown")
        found += faults(page, "names offered")
    assert not found, "\n".join(found)


def test_the_keyboard_alone_leads_from_the_index_to_a_row(browser: Browser, newsroom: str) -> None:
    with opened(browser, newsroom) as page:
        page.goto(newsroom)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.get_by_role("link", name="Skip to content").is_visible()
        follow(page, "Stories")
        follow(page, "Every story")
        assert tab_to(page, "Download")
        page.keyboard.press("Enter")
        assert page.get_by_role("dialog").is_visible()
        assert tab_to(page, "Download CSV"), "the dialog comes next"
        page.keyboard.press("Escape")
        assert not page.get_by_role("dialog").is_visible()
        assert tab_to(page, "Rows"), "a table that scrolls can be reached, and scrolled with arrow keys"
        assert tab_to(page, "About headline")
        page.keyboard.press("Enter")
        assert page.get_by_role("link", name="Hide this column").first.is_visible()
        page.keyboard.press("Escape")
        follow(page, "1")
        assert page.get_by_role("heading", level=1).inner_text().startswith("No. 1:")


def follow(page: Page, name: str) -> None:
    assert tab_to(page, name)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def tab_to(page: Page, name: str) -> bool:
    """Press Tab until what is called ``name`` has the focus, which must show."""
    for _ in range(120):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => {
                const at = document.activeElement, style = getComputedStyle(at);
                return [at.ariaLabel ?? at.textContent.trim(), style.outlineStyle, parseFloat(style.outlineWidth)]
            }"""
        )
        if found[0] == name:
            assert found[1] != "none", f"the focus on {name} cannot be seen"
            assert found[2] >= 2
            return True
    return False


def test_a_page_is_read_in_its_language_and_its_parts_have_names(browser: Browser, newsroom: str) -> None:
    with opened(browser, newsroom) as page:
        page.goto(newsroom + PAGES["filtered"])
        assert page.locator("html").get_attribute("lang") == "en"
        assert [page.locator(part).count() for part in ("nav", "main", "footer", "h1")] == [1, 1, 1, 1]
        assert page.get_by_role("region", name="Rows").count() == 1
        sorted_ = page.locator("th[aria-sort=descending]")
        assert sorted_.inner_text().startswith("words")
