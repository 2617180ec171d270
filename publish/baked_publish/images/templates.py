"""Templates of the serving app as Python, of which bytecode is made: no server in an image compiles them."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from baked_publish.images.config import BUNDLE
from baked_publish.images.tarball import Entry
from baked_publish.images.wheels import Requirements

FOLDER: Final = f"{BUNDLE}/app/baked_core/templates"
ENGINE: Final = "jinja2"


def engine(wanted: Requirements) -> str:
    """Return the version of jinja2 that is in the image and here; empty if these are two, for then nothing is made."""
    mine = version(ENGINE)
    return mine if any((each.name, each.version) == (ENGINE, mine) for each in wanted.distributions()) else ""


def named(wanted: Requirements) -> str:
    """Return the jinja2 that goes into the image, as ``jinja2==3.1.6``."""
    return next((f"{each.name}=={each.version}" for each in wanted.distributions() if each.name == ENGINE), ENGINE)


def templates_as_python(entries: Sequence[Entry], workspace: Path) -> list[Entry]:
    """Return the Python of the templates among ``entries``, written into ``workspace``, for its bytecode to be made."""
    from baked_core.renderers.shipped import FOLDER as COMPILED  # noqa: PLC0415 - heavy
    from baked_core.renderers.shipped import compiled  # noqa: PLC0415

    sources = {name: _text(each) for each in entries if (name := _template(each.path))}
    workspace.mkdir(parents=True, exist_ok=True)
    found = list[Entry]()
    for name, text in compiled(sources):
        (workspace / name).write_text(text, "utf-8")
        found.append(Entry.read(f"{FOLDER}/{COMPILED}/{name}", workspace / name))
    return found


def _template(path: str) -> str:
    """Return the name of a template; empty for another file."""
    folder, _, name = path.rpartition("/")
    return name if folder == FOLDER and name.endswith(".html") else ""


def _text(entry: Entry) -> str:
    return entry.source.decode() if isinstance(entry.source, bytes) else entry.source.read_text("utf-8")
