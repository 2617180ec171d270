"""The words of the pages: all in one file, none in a template, and in another language where metadata says so."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from house import CHECKOUT
from jinja2 import Environment, nodes
from starlette.testclient import TestClient

from baked_core.errors import CoreError, ManifestError
from baked_core.filters import OPERATORS
from baked_core.static import templates
from baked_core.strings import english

Serve = Callable[..., TestClient]

TEMPLATES = sorted(templates().glob("*.html"))
TEXTS = orjson.loads((templates() / "strings" / "en.json").read_bytes())
NAMES = {"CSV", "JSON"}
"""Names of formats are the same in every language."""
SPOKEN = re.compile(r'\b(?:aria-label|placeholder|title|alt)="([^"]*)"')
WORDS = re.compile(r"[^\W\d_]{2,}")


def texts(path: Path) -> Iterator[str]:
    """Yield what a template says to people: its text, its attributes that are read out, and words in expressions."""
    tree = Environment(autoescape=True).parse(path.read_text("utf-8"))
    for block in tree.find_all(nodes.Block):
        block.body = [] if block.name == "body_class" else block.body
    markup = "".join("\0" if not isinstance(each, nodes.TemplateData) else each.data for each in leaves(tree))
    yield from SPOKEN.findall(markup)
    yield re.sub(r"<!--.*?-->|<[^>]*>", " ", re.sub(r"<(script|style)\b.*?</\1>", " ", markup, flags=re.DOTALL))
    for output in tree.find_all(nodes.Output):
        yield from (const for node in output.nodes for const in said(node))


def leaves(tree: nodes.Node) -> Iterator[nodes.Node]:
    for output in tree.find_all(nodes.Output):
        yield from output.nodes


def said(node: nodes.Node) -> Iterator[str]:
    """Yield the texts that an expression can print: what is given to a function or a filter is not printed itself."""
    match node:
        case nodes.Const(value=str(text)):
            yield text
        case nodes.CondExpr():
            yield from said(node.expr1)
            yield from said(node.expr2) if node.expr2 is not None else ()
        case nodes.Concat():
            for each in node.nodes:
                yield from said(each)
        case _:
            return


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_words_of_its_own(path: Path) -> None:
    found = {word for text in texts(path) for word in WORDS.findall(text)}
    assert found <= NAMES


def test_a_word_in_a_template_would_be_found(tmp_path: Path) -> None:
    page = tmp_path / "x.html"
    page.write_text('<p aria-label="Rows">{{ "Show" if a else say("b.c") }} of {{ name }}</p>')
    assert {word for text in texts(page) for word in WORDS.findall(text)} == {"Rows", "Show", "of"}


def test_every_string_is_used_and_every_used_one_is_there() -> None:
    sources = [*TEMPLATES, *(CHECKOUT / "core" / "baked_core").rglob("*.py")]
    code = "\n".join(path.read_text("utf-8") for path in sources)
    used = set(re.findall(r'say(?:\.markup)?\(\s*"([^"]+)"', code)) | set(re.findall(r'"([a-z]+\.[a-z_]+)"', code))
    made = ("error.", "column.", "operator.", "title.", "month.", "facet.", "about.", "number.")
    unused = [key for key in TEXTS if key not in used and not key.startswith(made) and key not in {"and", "quoted"}]
    assert not unused
    assert not [key for key in re.findall(r'say(?:\.markup)?\(\s*"([a-z.]+\w*)"[,)]', code) if key not in TEXTS]


def test_operators_and_titles_of_errors_have_their_words() -> None:
    assert {f"operator.{name}": each.label for name, each in OPERATORS.items()}.items() <= TEXTS.items()
    kinds = [CoreError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    shown = {kind.title for kind in kinds}
    missing = [title for title in shown if f"title.{title}" not in TEXTS]
    assert not missing, "each goes into templates/strings/en.json"


def test_a_number_asks_for_its_form() -> None:
    say = english()
    assert [say("rows", count=each) for each in (0, 1, 1234)] == ["0 rows", "1 row", "1,234 rows"]


@pytest.mark.parametrize(
    ("iso", "text"), [("2026-09-05", "5 September 2026"), ("2026-09", "September 2026"), ("2026", "2026")]
)
def test_a_date_may_leave_out_day_and_month(iso: str, text: str) -> None:
    assert english().date(iso) == text


def test_what_stands_in_a_string_is_escaped() -> None:
    assert english().markup("table.narrow_empty", link="<b>") == "No rows here: loosen a condition, or see &lt;b&gt;."


DATA = "create table t(id integer primary key, n real); insert into t values (1, 12345.5), (2, null)"
GERMAN = {
    "strings/de.json": '{"rows": {"one": "{count} Zeile", "other": "{count} Zeilen"}, "cell.null": "leer", '
    '"number.group": ".", "number.point": ",", "table.where": "wo", "operator.notnull": "nicht leer ist", '
    '"title.Not found": "Nicht gefunden"}'
}


def test_pages_speak_the_language_of_the_metadata(serve: Serve) -> None:
    files = {f"site/templates/{name}": text for name, text in GERMAN.items()}
    client = serve(data=DATA, metadata={"language": "de"}, files=files)
    page = client.get("/data/t").text
    assert '<html lang="de">' in page
    assert "2 Zeilen" in page
    assert ">12.345,5<" in page
    assert ">leer<" in page
    assert "Download" in page, "what a language leaves out is said in English"
    assert "1 Zeile wo n nicht leer ist" in client.get("/data/t?n__notnull=1").text
    assert "<h1>Nicht gefunden</h1>" in client.get("/nothing").text


def test_a_language_without_strings_is_refused_at_start(serve: Serve) -> None:
    with pytest.raises(ManifestError, match=r"no strings for language 'tlh': put templates/strings/tlh\.json"):
        serve(data=DATA, metadata={"language": "tlh"})


@pytest.mark.parametrize(("text", "reason"), [("{", "de.json is not JSON"), ("[]", "de.json holds no strings")])
def test_strings_that_cannot_be_read_are_refused_at_start(serve: Serve, text: str, reason: str) -> None:
    with pytest.raises(ManifestError, match=reason):
        serve(data=DATA, metadata={"language": "de"}, files={"site/templates/strings/de.json": text})
