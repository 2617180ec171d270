"""Sources: the files a person names, and the SQLite databases that a bake starts from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from baked_publish.convert import convert, convertible
from baked_publish.errors import SourceError
from baked_publish.report import Report
from baked_publish.snapshot import header

MAGIC: Final = b"SQLite format 3\x00"
SUFFIXES: Final = {".db", ".sqlite", ".sqlite3"}
"""The databases of a folder laid out as Datasette's; a file named by itself may have any suffix."""
METADATA: Final = tuple(f"{stem}.{suffix}" for stem in ("datasette", "metadata") for suffix in ("yaml", "yml", "json"))


@dataclass(frozen=True, slots=True)
class Source:
    """One SQLite file to bake and the database name it gets."""

    name: str
    path: Path
    """The SQLite file: the person's own, or one made of his CSV or JSON in a private folder."""
    origin: Path
    """The file the person named."""
    own: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Options of the bake that are said of it alone."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The sources, and what a folder laid out as Datasette's holds beside them."""

    sources: tuple[Source, ...]
    metadata: tuple[Path, ...] = ()
    """``datasette.*`` before ``metadata.*``."""
    template_dir: Path | None = None
    plugins_dir: Path | None = None
    static: tuple[tuple[str, Path], ...] = field(default=())


def gather(files: Sequence[Path], workspace: Path, report: Report) -> Inputs:
    """Find the databases among ``files``: any number of files, or one folder laid out as Datasette's.

    CSV, TSV, JSON and newline-delimited JSON become SQLite in ``workspace``. Raises SourceError, naming the file,
    for one that is missing or of no known kind, a folder without databases, a folder beside files, and two files
    that would get the same database name.
    """
    folder = _only_folder(files)
    inputs = _folder(folder) if folder else Inputs(tuple(_source(file, workspace, report) for file in files))
    _require_distinct(inputs.sources)
    return inputs


def look(files: Sequence[Path]) -> tuple[Source, ...]:
    """Return the databases that :func:`gather` would find, nothing converted; raise SourceError as it would."""
    folder = _only_folder(files)
    sources = _folder(folder).sources if folder else tuple(Source(file.stem, file, file) for file in files)
    for source in sources:
        if not _is_sqlite(source.path) and convertible(source.path) is None:
            header(source.path)
    _require_distinct(sources)
    return sources


def _only_folder(files: Sequence[Path]) -> Path | None:
    folders = [file for file in files if file.is_dir()]
    if folders and len(files) > 1:
        raise SourceError(f"{str(folders[0])!r} is a folder: name one folder alone, or files")
    return folders[0] if folders else None


def _folder(folder: Path) -> Inputs:
    found = sorted(each for each in folder.iterdir() if each.suffix in SUFFIXES and each.is_file())
    if not found:
        raise SourceError(f"{str(folder)!r} holds no database: put *.db, *.sqlite or *.sqlite3 files into it")
    static = folder / "static"
    return Inputs(
        sources=tuple(Source(file.stem, file, file) for file in found),
        metadata=tuple(folder / name for name in METADATA if (folder / name).is_file()),
        template_dir=_present(folder / "templates"),
        plugins_dir=_present(folder / "plugins"),
        static=(("static", static),) if static.is_dir() else (),
    )


def _present(folder: Path) -> Path | None:
    return folder if folder.is_dir() else None


def _source(file: Path, workspace: Path, report: Report) -> Source:
    if not file.name:
        raise SourceError(f"{str(file)!r} is not the name of a file")
    kind = None if _is_sqlite(file) else convertible(file)
    if kind is None:  # SQLite, or something that the bake refuses with its reason
        return Source(file.stem, file, file)
    report.step("convert", str(file))
    made = convert(file, kind, workspace / f"{file.stem}.db", report)
    return Source(file.stem, made, file)


def _is_sqlite(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(MAGIC)) == MAGIC
    except FileNotFoundError:
        raise SourceError(f"there is no file {str(file)!r}: check the name and the folder") from None
    except OSError as exc:
        raise SourceError(f"{str(file)!r} cannot be read: {exc.strerror}") from exc


def _require_distinct(sources: Sequence[Source]) -> None:
    seen: dict[str, Source] = {}
    for source in sources:
        twin = seen.setdefault(source.name.casefold(), source)
        if twin is not source:
            raise SourceError(
                f"{str(twin.origin)!r} and {str(source.origin)!r} would both be database {source.name!r}: "
                "rename one of them"
            )
