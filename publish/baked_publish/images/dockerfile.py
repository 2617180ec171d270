"""Dockerfiles: what a Docker builds the same server from, rendered from ``dockerfiles/``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import baked_publish
from baked_publish.images.config import (
    BUNDLE,
    ENTRYPOINT,
    ENVIRONMENT,
    HEALTH,
    LIB,
    PORT,
    SECOND,
    STOP_SIGNAL,
    USER,
)
from baked_publish.images.library import LEFT_OUT

if TYPE_CHECKING:
    from jinja2 import Environment

COMPILER: Final = ("gcc", "g++", "libc6-dev", "make", "pkg-config")
"""Debian's packages for building wheels from source."""


@dataclass(frozen=True, slots=True)
class Packages:
    """The part of a Dockerfile that installs packages."""

    base: str
    """As a FROM line takes it."""
    apt: Sequence[str] = ()
    """Debian packages that the server needs."""
    compiler: Sequence[str] = ()
    """Debian packages that building needs."""


def packages_text(packages: Packages) -> str:
    """Return a Dockerfile that adds the packages to the base, and nothing else."""
    return _render("packages.j2", _words(packages))


def dockerfile(packages: Packages, tag: str, folders: Sequence[str], labels: Mapping[str, str]) -> str:
    """Return the Dockerfile of the whole server; ``folders`` of the Bundle are copied in that order."""
    health = {
        "command": HEALTH["Test"][1:],
        "interval": HEALTH["Interval"] // SECOND,
        "timeout": HEALTH["Timeout"] // SECOND,
        "start": HEALTH["StartPeriod"] // SECOND,
        "retries": HEALTH["Retries"],
    }
    said = {"bundle": BUNDLE, "environment": ENVIRONMENT, "user": USER, "port": PORT, "entrypoint": list(ENTRYPOINT)}
    said["left_out"] = "|".join(sorted(LEFT_OUT))
    own = {"tag": tag, "folders": folders, "labels": labels, "health": health, "stop_signal": STOP_SIGNAL}
    return _render("Dockerfile.j2", {**_words(packages), **said, **own})


def readme(tag: str) -> str:
    """Return the few lines beside the Dockerfile."""
    return _render("README.md.j2", {"tag": tag, "port": PORT})


def quoted(text: str) -> str:
    """Return ``text`` as a word of a Dockerfile: in double quotes, nothing in it meaning anything."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return '"' + " ".join(escaped.splitlines()) + '"'


def _words(packages: Packages) -> dict[str, Any]:
    return {"base": packages.base, "apt": list(packages.apt), "compiler": list(packages.compiler), "lib": LIB}


def _render(name: str, words: Mapping[str, Any]) -> str:
    return _templates().get_template(name).render(words)


def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - only who ejects needs it

    inside = Path(baked_publish.__file__).parent
    folders = (inside / "dockerfiles", inside.parents[1] / "dockerfiles")  # in a wheel, and in a checkout
    made = Environment(  # noqa: S701 - not HTML
        loader=FileSystemLoader(folders), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    made.filters["quoted"] = quoted
    return made
