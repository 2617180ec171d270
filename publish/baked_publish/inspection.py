"""Inspection: whether what ``publish.yaml`` names is there, and whether its checks can be asked."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from baked_publish.config import load
from baked_publish.convert import convertible
from baked_publish.document import At
from baked_publish.errors import ConfigError, SourceError
from baked_publish.expectations import mistake
from baked_publish.ingredients import mount
from baked_publish.project import PATHS, Project
from baked_publish.site import collect
from baked_publish.sources import look
from baked_publish.suggest import nearest

DATABASES: Final[At] = ("databases",)
Wrong = tuple[At, str]
"""A key's place in the file, and what is wrong there."""


def inspect(project: Project) -> Iterator[Wrong]:
    """Yield what is wrong with databases, site and checks of a file that is of the right shape."""
    yield from _site(project)
    missing = list(_missing(project))
    yield from missing
    if not missing:
        yield from _databases(project)


def _missing(project: Project) -> Iterator[Wrong]:
    for at, path in project.named():
        try:
            look([path])
        except SourceError as exc:
            yield at, str(exc)


def _databases(project: Project) -> Iterator[Wrong]:
    try:
        sources = look(project.files())
    except SourceError as exc:
        yield DATABASES, str(exc)
        return
    yield from _checks(project, {source.name: source.path for source in sources})


def _checks(project: Project, databases: Mapping[str, Path]) -> Iterator[Wrong]:
    for number, check in enumerate(project.checks):
        at: At = ("checks", number)
        name = check.database or (next(iter(databases)) if len(databases) == 1 else None)
        if name is None:
            yield at, f"{check.title!r} must say which database it asks: {', '.join(databases)}"
        elif name not in databases:
            known = f"{nearest(name, databases)}; there are: {', '.join(databases)}"
            yield at, f"{check.title!r} asks a database {name!r} that is not published{known}"
        elif amiss := mistake(check.sql, _asked(project, databases[name])):
            yield at, f"{check.title!r}: {amiss}"


def _asked(project: Project, path: Path) -> Path | None:
    """Return the file whose tables a check must know; None where the bake makes tables of its own."""
    baked = [project.said.get("bake", {}), *project.own().values()]
    return None if convertible(path) or any(each.get("fts") for each in baked) else path


def _site(project: Project) -> Iterator[Wrong]:
    said = project.said
    if isinstance(said.get("metadata"), str):
        try:
            load([project.beside(said["metadata"])])
        except ConfigError as exc:
            yield ("metadata",), str(exc)
    for key in PATHS:
        try:
            collect(template_dir=project.beside(said[key]) if key in said else None)
        except ConfigError as exc:
            yield (key,), f"{key}: {exc}"
    for number, each in enumerate(said.get("static", ())):
        try:
            collect(static=[mount(project.mount(each))])
        except ConfigError as exc:
            yield ("static", number), str(exc)
