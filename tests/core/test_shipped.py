"""Shipped templates: taken where they are of this very template and this jinja2, and never otherwise."""

import py_compile
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

import jinja2
import pytest
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader

from baked_core.renderers.html import Html
from baked_core.renderers.shipped import FILTERS, FOLDER, OPTIONS, Shipped, compiled, file_name
from baked_core.static import templates

TEXT = "{% block a %}hello {{ who }}{% endblock %}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a template, and beside it what was made of it, which says another word."""
    (tmp_path / "page.html").write_text(TEXT)
    (tmp_path / FOLDER).mkdir()
    for name, text in compiled({"page.html": TEXT}):
        source = tmp_path / FOLDER / name
        source.write_text(text.replace("hello", "shipped"))
        py_compile.compile(str(source), doraise=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
        source.unlink()
    return tmp_path


def said(folder: Path, name: str = "page.html") -> str:
    shipped = Shipped(folder)
    loader = ChoiceLoader([shipped, PrefixLoader({"default": shipped}, delimiter=":")])
    environment = Environment(loader=loader, **OPTIONS)  # noqa: S701 - they escape
    return environment.get_template(name).render(who="<you>")


def test_what_was_made_of_a_template_is_taken(folder: Path) -> None:
    assert said(folder) == "shipped &lt;you&gt;"
    assert said(folder, "default:page.html") == "shipped &lt;you&gt;"


def test_bytecode_of_another_python_is_not_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-399")
    assert said(folder) == "hello &lt;you&gt;"


def test_a_template_of_another_text_is_compiled(folder: Path) -> None:
    (folder / "page.html").write_text(TEXT + "!")
    assert said(folder) == "hello &lt;you&gt;!"


def test_a_template_of_another_name_is_compiled(folder: Path) -> None:
    (folder / "page.html").rename(folder / "other.html")
    assert said(folder, "other.html") == "hello &lt;you&gt;"


def test_another_jinja2_compiles(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jinja2, "__version__", "3.9")
    assert said(folder) == "hello &lt;you&gt;"


def test_other_options_compile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baked_core.renderers.shipped.OPTIONS", {**OPTIONS, "trim_blocks": False})
    assert said(folder) == "hello &lt;you&gt;"


def test_the_publishers_own_go_before_and_may_extend_what_is_shipped(folder: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "page.html").write_text('{% extends "default:page.html" %}{% block a %}mine, {{ super() }}{% endblock %}')
    shipped = Shipped(folder)
    loader = ChoiceLoader([FileSystemLoader(site), shipped, PrefixLoader({"default": shipped}, delimiter=":")])
    environment = Environment(loader=loader, **OPTIONS)  # noqa: S701 - they escape
    assert environment.get_template("page.html").render(who="me") == "mine, shipped me"


def test_a_server_would_make_the_same_of_ours() -> None:
    """The filters that stand in for a server's own leave no trace."""
    environment = Html(None, {})._environment
    assert set(environment.filters) - set(Environment(autoescape=True).filters) == set(FILTERS)
    sources = {each.name: each.read_text("utf-8") for each in templates().glob("*.html")}
    made = dict(compiled(sources))
    assert len(made) == len(sources) > 10
    for name, source in sources.items():
        assert made[file_name(name, source)] == environment.compile(source, name, raw=True)
