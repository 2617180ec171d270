"""How pages look: a newsroom's ten lines, headers that stay in sight, numbers in line, print, and no script."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from attacked import attacked
from browser import CHROMIUM, DESK, PHONE, opened
from newsroom import METADATA, PAGES, served
from playwright.sync_api import Browser, Page

TEN_LINES = """:root {
  --paper: light-dark(#fffaf0, #101418);
  --ink: light-dark(#101820, #f0f0f0);
  --link: light-dark(#00508c, #8cc8ff);
  --text: "Courier New", monospace;
  --title: "Times New Roman", serif;
  --huge: 3rem;
  --space: 2rem;
  --wide: 50rem;
}
"""

pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="there is no chromium here: install one to test pages in a browser"
)


def style(page: Page, selector: str, name: str) -> str:
    return str(page.locator(selector).first.evaluate("(one, name) => getComputedStyle(one)[name]", name))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the newsroom's site with a style sheet of its own."""
    folder = tmp_path_factory.mktemp("own")
    css: Path = folder / "css"
    css.mkdir()
    (css / "paper.css").write_text(TEN_LINES)
    metadata = {**METADATA, "extra_css_urls": ["/css/paper.css"]}
    with served(folder, "--static", f"css:{css}", metadata=metadata) as url:
        yield url


def test_ten_lines_make_the_pages_a_newsrooms_own(browser: Browser, newsroom: str, own: str) -> None:
    assert len(TEN_LINES.splitlines()) == 10
    looks = []
    for home in (newsroom, own):
        with opened(browser, home) as page:
            page.goto(home + PAGES["table"])
            looks.append(
                {
                    **{
                        name: style(page, "body", name)
                        for name in ("backgroundColor", "color", "fontFamily", "maxWidth")
                    },
                    "link": style(page, "td a", "color"),
                    "title": style(page, "h1", "fontFamily"),
                    "size": style(page, "h1", "fontSize"),
                    "space": style(page, "body", "paddingLeft"),
                }
            )
    ours, theirs = looks
    assert theirs == {
        "backgroundColor": "rgb(255, 250, 240)",
        "color": "rgb(16, 24, 32)",
        "fontFamily": '"Courier New", monospace',
        "maxWidth": "800px",
        "link": "rgb(0, 80, 140)",
        "title": '"Times New Roman", serif',
        "size": "48px",
        "space": "32px",
    }
    assert not [name for name, value in ours.items() if value == theirs[name]]


def test_ten_lines_hold_by_night_too(browser: Browser, own: str) -> None:
    with opened(browser, own, scheme="dark") as page:
        page.goto(own + PAGES["row"])
        assert style(page, "body", "backgroundColor") == "rgb(16, 20, 24)"


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_headers_and_keys_stay_in_sight(browser: Browser, newsroom: str, script: bool) -> None:  # noqa: FBT001
    with opened(browser, newsroom, java_script_enabled=script) as page:
        page.goto(newsroom + PAGES["table"])
        box = page.locator(".scroll").bounding_box()
        page.locator(".scroll").evaluate("one => one.scrollTo(300, 600)")
        head = page.locator("thead th").nth(3).bounding_box()
        key = page.locator("tbody td:first-child").nth(20).bounding_box()
        assert box
        assert head
        assert key
        assert abs(head["y"] - box["y"]) <= 2, "the header moved away with the rows"
        assert abs(key["x"] - box["x"]) <= 2, "the key moved away with the columns"


def test_numbers_stand_to_the_right_and_under_each_other_by_their_point(browser: Browser, newsroom: str) -> None:
    with opened(browser, newsroom) as page:
        page.goto(newsroom + PAGES["table"])
        assert style(page, "td.col-words", "textAlign") == style(page, "th.col-words", "textAlign") == "right"
        assert style(page, "td.col-headline", "textAlign") in {"left", "start"}
        points = page.locator("td.col-score").evaluate_all(
            """cells => cells.map(cell => {
                const range = document.createRange(), text = cell.firstChild, at = text.data.indexOf(".");
                range.setStart(text, at);
                range.setEnd(text, at + 1);
                return range.getBoundingClientRect().left;
            })"""
        )
        assert len(points) == 40
        assert max(points) - min(points) < 1.5, "points are not in line"


def write_notes(connection: apsw.Connection) -> None:
    connection.execute("create table notes(id integer primary key, body text)")
    notes = [("one word after another " * 50)[:length] for length in range(20, 320, 20)]
    connection.executemany("insert into notes(body) values(?)", [(note,) for note in notes])


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_no_text_makes_a_row_high(browser: Browser, tmp_path: Path, size: tuple[int, int]) -> None:
    """A text of 239 characters stood in seven lines on a phone, one of 300 in two."""
    with attacked(tmp_path, content=write_notes) as server:
        home = f"http://127.0.0.1:{server.port}"
        with opened(browser, home, size=size) as page:
            page.goto(f"{home}/attacked/notes")
            heights = [each.bounding_box() for each in page.locator("tbody td:last-child").all()]
            line = float(style(page, "tbody td", "lineHeight").removesuffix("px"))
    assert len(heights) == 15
    assert all(each is not None and each["height"] < 5 * line for each in heights)


def test_print_shows_the_data_and_not_the_controls(browser: Browser, newsroom: str) -> None:
    with opened(browser, newsroom) as page:
        page.goto(newsroom + PAGES["filtered"])
        page.emulate_media(media="print")
        for hidden in (".filters", ".actions", "button.menu", ".next", ".skip"):
            for one in page.locator(hidden).all():
                assert not one.is_visible(), hidden
        assert page.locator("tbody td").first.is_visible()
        assert page.get_by_text("Our archive").is_visible(), "the source is printed"
        assert style(page, ".scroll", "overflow") == "visible", "rows that scroll would be cut off"
        assert page.pdf(format="A4").startswith(b"%PDF")


def test_without_script_a_reader_filters_counts_downloads_and_asks(browser: Browser, newsroom: str) -> None:
    with opened(browser, newsroom, PHONE, java_script_enabled=False) as page:
        page.goto(newsroom + PAGES["table"])
        page.get_by_label("Search").fill("harbour")
        page.get_by_role("button", name="Find").click()
        page.get_by_text("Filter and sort").click()
        page.get_by_label("Column", exact=True).last.select_option("words")
        page.get_by_label("Condition", exact=True).last.select_option(">")
        page.get_by_label("Value", exact=True).last.fill("21000")
        page.get_by_role("button", name="Apply").click()
        assert "7 rows where search matches “harbour”" in page.locator(".sentence").inner_text()
        page.get_by_role("link", name="Remove: search matches “harbour”").click()
        assert "7 rows where words > 21000" in page.locator(".sentence").inner_text()
        page.get_by_role("link", name="Culture & Arts", exact=True).first.click()
        assert "and desk_id = 2" in page.locator(".sentence").inner_text()
        page.get_by_role("button", name="Download").click()
        page.get_by_label("with labels").check()
        with page.expect_download() as found:
            page.get_by_role("button", name="Download CSV").click()
        lines = Path(found.value.path()).read_text("utf-8").splitlines()
        assert lines[0].startswith("id,headline,desk_id,desk_id_label,")
        assert len(lines) == 1 + int(page.locator(".sentence").inner_text().split()[0])
        page.goto(newsroom + PAGES["no sql"])
        assert not page.locator("#sql-hint").is_visible(), "what only the script does is not promised"
        page.get_by_label("SQL").fill("select :a + 1 as more")
        page.get_by_role("button", name="Run SQL").click()
        page.get_by_label("a", exact=True).fill("41")
        page.get_by_role("button", name="Run SQL").click()
        assert page.locator("td").inner_text() == "42"
