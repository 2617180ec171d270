"""The words of errors: each stands in the strings as well, so that a page says it in the language of its site."""

import ast
import string
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import orjson
import pytest
from house import CHECKOUT
from starlette.testclient import TestClient

from baked_core.errors import BadRequest, CoreError, ManifestError, Words
from baked_core.static import templates
from baked_core.strings import english, of_site

Serve = Callable[..., TestClient]

CORE = CHECKOUT / "core"
TEXTS = orjson.loads((templates() / "strings" / "en.json").read_bytes())
DATA = "create table city(id integer primary key, name text, size integer); insert into city values (1, 'Wien', 9)"
GERMAN = {
    "error.there is no table {name!r} in database {database!r}": "in {database} gibt es keine Tabelle {name}",
    "error.there is no column {name!r} to filter by": "nach {nmae} kann man nicht filtern",
    "error.SQLite refused the query: {reason}": "SQLite versteht das nicht: {reason}",
    "error.near": "Vielleicht {name}?",
}


def kinds() -> set[str]:
    """Return the names of the errors that a reader may meet, and of what they say."""
    found = list[type[CoreError]](CoreError.__subclasses__())
    for kind in found:
        found += kind.__subclasses__()
    return {kind.__name__ for kind in found} - {ManifestError.__name__, "Gone"} | {Words.__name__}


def said(path: Path) -> Iterator[str]:
    """Yield the text of each error in a module: written where it is raised, or a constant of the module."""
    names, own = kinds(), vars(import_module(".".join(path.relative_to(CORE).with_suffix("").parts)))
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(text)), *_]) if name in names:
                yield text
            case ast.Call(func=ast.Name(id=name), args=[ast.Name(id=constant), *_]) if name in names:
                found = own.get(constant)
                if isinstance(found, str):
                    yield found
            case ast.Call(func=ast.Name(id=name), args=[ast.JoinedStr(), *_]) if name in names:
                pytest.fail(f"{path.name}:{node.lineno}: give the values by name, so that the text can be translated")
            case _:
                pass


def test_every_error_of_the_app_stands_in_the_strings_and_no_other() -> None:
    modules = [path for path in sorted((CORE / "baked_core").rglob("*.py")) if path.name != "__main__.py"]
    found = {text for path in modules for text in said(path) if text}
    listed = {
        key.removeprefix("error."): text for key, text in TEXTS.items() if key.startswith("error.") and " " in key
    }
    assert listed == {text: text for text in found}


def test_places_of_a_text_have_names() -> None:
    for key in TEXTS:
        if key.startswith("error."):
            assert all(name is None or name.isidentifier() for _, name, _, _ in string.Formatter().parse(key))


def test_an_error_says_its_text_with_its_values() -> None:
    exc = BadRequest("there is no column {name!r}", name="{x}", near="x")
    assert str(exc) == "there is no column '{x}'; did you mean 'x'?"
    assert english().error(exc.words) == "There is no column '{x}'"
    assert str(BadRequest("{as it is}")) == "{as it is}"


def test_what_a_language_says_wrongly_is_said_in_english() -> None:
    say = of_site(None, {})
    for text in ("{nobody}", "{name.x}", "{", "{name:d}"):
        say._texts = {"error.no {name}": text}
        assert say.error(Words("no {name}", {"name": "x"})) == "No x"


@pytest.fixture
def german(serve: Serve) -> TestClient:
    files = {"site/templates/strings/de.json": orjson.dumps(GERMAN).decode()}
    return serve(data=DATA, metadata={"language": "de"}, files=files)


def test_pages_of_errors_speak_the_language_of_the_site_and_json_english(german: TestClient) -> None:
    assert "In data gibt es keine Tabelle citty<" in german.get("/data/citty").text
    assert "SQLite versteht das nicht: no such table: nope" in german.get("/data/-/query?sql=select+*+from+nope").text
    assert "There is no column &#39;siez&#39; to filter by" in german.get("/data/city?siez=1").text
    assert german.get("/data/citty.json").json()["error"].startswith("there is no table 'citty' in database 'data'")


@pytest.mark.parametrize(
    ("path", "leads"),
    [
        ("/dta", "/data"),
        ("/dta/city", "/data/city"),
        ("/data/citty", "/data/city"),
        ("/data/city?nmae=Wien&_size=5", "/data/city?name=Wien&_size=5"),
        ("/data/city?siz__gt=3", "/data/city?size__gt=3"),
        ("/data/city?size__gtt=3", "/data/city?size__gt=3"),
        ("/data/city?_sort=siez", "/data/city?_sort=size"),
        ("/data/city?_col=name&_col=siez", "/data/city?_col=name&_col=size"),
        ("/data/city?_facett=name", "/data/city?_facet=name"),
    ],
)
def test_an_error_leads_to_what_was_meant(serve: Serve, path: str, leads: str) -> None:
    page = serve(data=DATA).get(path).text
    assert f'<a href="{leads.replace("&", "&amp;")}">' in page


def test_an_error_leads_back_to_what_there_is(serve: Serve) -> None:
    client = serve(data=DATA)
    assert '<a href="/data/city">Back to city</a>' in client.get("/data/city/99").text
    assert '<a href="/data/city">Back to city</a>' in client.get("/data/city?zzzzzz=1").text
    assert '<a href="/data">Back to data</a>' in client.get("/data/zzzzzz").text
    assert '<a href="/">Back to the index</a>' in client.get("/zzzzzz").text
