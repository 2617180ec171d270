"""Templates in an image: Python of each of ours, for the jinja2 that goes with them and no other."""

from importlib.metadata import version
from pathlib import Path

from baked_core.renderers.shipped import file_name
from baked_core.static import templates
from baked_publish.images.config import BUNDLE
from baked_publish.images.tarball import Entry
from baked_publish.images.templates import engine, named, templates_as_python
from baked_publish.images.wheels import Requirements
from baked_publish.registry.descriptor import Platform
from baked_publish.site import app_files


def needed(text: str) -> Requirements:
    return Requirements(text, Platform("linux", "arm64"), "3.13")


def test_each_of_ours_has_its_python_beside_it(tmp_path: Path) -> None:
    entries = [Entry.read(f"{BUNDLE}/{path}", source) for path, source in app_files().items()]
    made = templates_as_python(entries, tmp_path / "made")
    folder = f"{BUNDLE}/app/baked_core/templates"
    names = {file_name(each.name, each.read_text("utf-8")) for each in templates().glob("*.html")}
    assert {each.path for each in made} == {f"{folder}/compiled/{name}" for name in names}
    for each in made:
        compile(Path(str(each.source)).read_text("utf-8"), each.path, "exec")


def test_what_is_no_template_of_ours_is_left_alone(tmp_path: Path) -> None:
    others = ("site/templates/table.html", "app/baked_core/templates/static/x.html", "app/baked_core/templates/a.txt")
    entries = [Entry.of(f"{BUNDLE}/{path}", b"{% no template") for path in others]
    assert templates_as_python(entries, tmp_path) == []


def test_they_are_made_only_by_the_jinja2_that_goes_with_them() -> None:
    mine = version("jinja2")
    assert engine(needed(f"jinja2=={mine} \\\n    --hash=sha256:0\n")) == mine
    assert engine(needed(f"jinja2=={mine}.1 \\\n    --hash=sha256:0\n")) == ""
    assert engine(needed("")) == ""
    assert named(needed(f"jinja2=={mine}.1 \\\n    --hash=sha256:0\n")) == f"jinja2=={mine}.1"
