"""The SQL editor with its script: colours, names while one types, fields for parameters, no trap for the keyboard."""

import pytest
from browser import CHROMIUM, PHONE, opened
from newsroom import PAGES
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="there is no chromium here: install one to test pages in a browser"
)


def write(page: Page, newsroom: str, sql: str) -> None:
    page.goto(newsroom + PAGES["no sql"])
    page.get_by_label("SQL").focus()
    page.keyboard.type(sql)


def offered(page: Page) -> list[str]:
    page.get_by_role("option").first.wait_for()
    return [text.split("\n")[0] for text in page.get_by_role("option").all_inner_texts()]


def value(page: Page) -> str:
    return page.get_by_label("SQL").input_value()


def test_each_piece_has_its_colour_under_the_text(browser: Browser, newsroom: str) -> None:
    with opened(browser, newsroom) as page:
        write(
            page, newsroom, "Select 'it''s -- no note', \"from\", 1.5e3 FROM t -- select\n/* all\n'of it */ where x=:y"
        )
        found = page.locator(".editor pre span").evaluate_all("all => all.map(one => [one.className, one.textContent])")
        assert found == [
            ["sql-word", "Select"],
            ["sql-text", "'it''s -- no note'"],
            ["sql-number", "1.5e3"],
            ["sql-word", "FROM"],
            ["sql-note", "-- select"],
            ["sql-note", "/* all\n'of it */"],
            ["sql-word", "where"],
            ["sql-value", ":y"],
        ]
        assert page.locator(".editor pre").inner_text().rstrip("\n") == value(page)


def test_the_colours_lie_exactly_under_the_text(browser: Browser, newsroom: str) -> None:
    with opened(browser, newsroom, PHONE) as page:
        write(page, newsroom, "select headline, words from story where words > 10 and headline like '%harbour%'\n" * 12)
        boxes = """() => ["textarea", "pre"].map(name => {
                const one = document.querySelector(`.editor ${name}`), style = getComputedStyle(one);
                const wraps = [style.whiteSpace, style.overflowWrap, style.letterSpacing, style.tabSize];
                return [style.font, style.padding, ...wraps, one.clientWidth, one.scrollTop];
            })"""
        for _ in range(100):  # a scroll is told a frame later
            text, colours = page.evaluate(boxes)
            if text == colours:
                break
            page.wait_for_timeout(20)
        assert text == colours


def test_names_of_tables_and_columns_are_offered(browser: Browser, newsroom: str) -> None:
    with opened(browser, newsroom) as page:
        write(page, newsroom, "select * from sto")
        assert offered(page)[0] == "story"
        assert page.get_by_role("status").filter(has_text="name").inner_text()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert value(page) == "select * from story"
        page.keyboard.type(" s where s.wo")
        assert offered(page) == ["words"], "an alias stands for its table"
        page.get_by_role("option").first.click()
        assert value(page) == "select * from story s where s.words"
        page.keyboard.press("Control+z")
        assert value(page) == "select * from story s where s.wo", "it can be undone"


def test_a_name_with_other_letters_is_put_in_quotes(browser: Browser, newsroom: str) -> None:
    with opened(browser, newsroom) as page:
        write(page, newsroom, "select * from od")
        assert "odd / name?" in offered(page)
        page.get_by_role("option", name="odd / name?").click()
        assert value(page) == 'select * from "odd / name?"'


def test_nothing_is_offered_in_texts_and_notes_and_enter_stays_a_new_line(browser: Browser, newsroom: str) -> None:
    with opened(browser, newsroom) as page:
        write(page, newsroom, "select 'sto")
        page.wait_for_timeout(200)
        assert page.get_by_role("option").count() == 0
        write(page, newsroom, "select sto")
        offered(page)
        page.keyboard.press("Enter")
        assert value(page) == "select sto\n", "what was not chosen is not taken"


def test_tab_leaves_and_escape_closes(browser: Browser, newsroom: str) -> None:
    with opened(browser, newsroom) as page:
        write(page, newsroom, "select sto")
        offered(page)
        page.keyboard.press("Escape")
        assert page.get_by_role("option").count() == 0
        page.keyboard.press("Control+ ")
        offered(page)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Run SQL"
        assert page.get_by_role("option").count() == 0
        assert value(page) == "select sto"


def test_each_parameter_gets_its_field_and_control_enter_runs(browser: Browser, newsroom: str) -> None:
    with opened(browser, newsroom) as page:
        write(page, newsroom, "select :one || ':no' || :two as joined -- :nor")
        fields = page.get_by_role("group", name="Values").get_by_role("textbox")
        assert fields.evaluate_all("all => all.map(one => one.name)") == ["one", "two"]
        fields.first.fill("a")
        fields.last.fill("b")
        page.get_by_label("SQL").focus()
        page.keyboard.press("Escape")
        page.keyboard.press("Control+Enter")
        page.locator("td").wait_for()
        assert page.locator("td").inner_text() == "a:nob"


def test_the_names_are_asked_for_by_who_writes_and_nobody_else(browser: Browser, newsroom: str) -> None:
    with opened(browser, newsroom) as page:
        asked: list[str] = []
        page.on("request", lambda each: asked.append(each.url))
        page.goto(newsroom + PAGES["database"], wait_until="networkidle")
        assert not [url for url in asked if url.endswith("/news.json")]
        with page.expect_response("**/news.json"):
            page.get_by_label("SQL").focus()
