"""The site: templates, plugins and static files that a publisher lays around the databases."""

import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

import baked_core
from baked_publish.errors import ConfigError

LEFT_OUT: Final = {"__pycache__", ".DS_Store", ".git"}
RESERVED: Final = {"-"}
"""First path segments that belong to the serving app."""


@dataclass(frozen=True, slots=True)
class Site:
    """Files of the site by their path inside the Bundle, which begins with ``site/``."""

    files: Mapping[str, Path] = field(default_factory=dict[str, Path])


def collect(
    *,
    template_dir: Path | None = None,
    plugins_dir: Path | None = None,
    static: Sequence[tuple[str, Path]] = (),
    databases: Sequence[str] = (),
) -> Site:
    """List the files of the given folders; links that leave their folder are refused.

    Raises ConfigError, naming the path, for a folder that is missing, a link that leaves it, a special file, a name
    that is not UTF-8, two sources of one file, and a mount that a database or the app already has.
    """
    folders: list[tuple[str, Path | None]] = [("site/templates", template_dir), ("site/plugins", plugins_dir)]
    for mount, folder in static:
        _check_mount(mount, databases)
        folders.append((f"site/static/{mount.strip('/')}", folder))
    files: dict[str, Path] = {}
    for prefix, given in folders:
        for path, source in _files(given) if given else ():
            if files.setdefault(f"{prefix}/{path}", source) is not source:
                raise ConfigError(f"{prefix}/{path} would come from two files: rename one, or choose another mount")
    return Site(files)


def app_files() -> Mapping[str, Path]:
    """Return the serving app's own files by their path inside the Bundle, which begins with ``app/``."""
    package = Path(baked_core.__file__).parent
    files = {f"app/baked_core/{path}": source for path, source in _files(package)}
    templates = package.parents[1] / "templates"
    if not (package / "templates").is_dir():  # an editable install: the folder lies at the checkout's root
        files |= {f"app/baked_core/templates/{path}": source for path, source in _files(templates)}
    return files


def _check_mount(mount: str, databases: Sequence[str]) -> None:
    parts = PurePosixPath(mount.strip("/")).parts
    if not parts or ".." in parts or "\\" in mount:
        raise ConfigError(f"static mount {mount!r} is not a path below the site: write for example photos:pictures/")
    if parts[0] in RESERVED or parts[0] in databases:
        raise ConfigError(f"static mount {mount!r} is taken by a database or by the app: choose another name")


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files below ``folder`` in order, with their path inside it."""
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {str(folder)!r}: check the name")
    root = folder.resolve()
    for each in sorted(_walk(folder, root)):
        path = each.relative_to(folder).as_posix()
        if not path.isprintable() or path != path.encode(errors="replace").decode():
            raise ConfigError(f"the file name {path!r} in {str(folder)!r} is not plain UTF-8: rename it")
        yield path, each


def _walk(folder: Path, root: Path) -> Iterator[Path]:
    for each in folder.iterdir():
        if each.name in LEFT_OUT or each.name.endswith(("~", ".pyc")):
            continue
        if not each.resolve().is_relative_to(root):
            raise ConfigError(f"the link {str(each)!r} leaves its folder, to {str(each.resolve())!r}: copy the file in")
        if each.is_dir():
            if each.is_symlink() and folder.resolve().is_relative_to(each.resolve()):
                raise ConfigError(f"the link {str(each)!r} leads back into itself: remove it")
            yield from _walk(each, root)
        elif stat.S_ISREG(each.stat().st_mode):
            yield each
        else:
            raise ConfigError(f"{str(each)!r} is neither a file nor a folder: take it out")
