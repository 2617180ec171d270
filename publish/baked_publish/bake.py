"""Bake: open, check and freeze SQLite files into a Bundle."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import apsw
from msgspec.structs import replace

from baked_core.manifest import Database, File, Manifest
from baked_core.urls import tilde_encode
from baked_publish.audience import unseen
from baked_publish.bundle import Bundle, BundleFile
from baked_publish.config import Config
from baked_publish.errors import SourceError
from baked_publish.known import recall, remember, state_of
from baked_publish.manifest import describe
from baked_publish.report import Report, Silent
from baked_publish.site import Site, app_files
from baked_publish.snapshot import TRIES, Moved, Snapshot, snapshot
from baked_publish.sources import Source
from baked_publish.sqlite_uri import file_uri
from baked_publish.transforms import BakeOptions, share_out, transformed

__all__ = ["BakeOptions", "Frozen", "bake"]

BLOCK: Final = 1 << 20
SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Frozen:
    """One database, frozen and described."""

    database: Database
    file: BundleFile


@contextmanager
def bake(
    sources: Sequence[Source], site: Site, config: Config, options: BakeOptions, report: Report
) -> Generator[Bundle, None, None]:
    """Freeze ``sources`` and all that goes with them; the Bundle's bytes stay as long as the context is open.

    A file that needs no change is read in place under a read lock. Raises SourceError, naming the file, for what
    cannot be baked, StorageError when a private copy finds no room.
    """
    for _ in range(TRIES):
        with ExitStack() as stack:
            try:
                frozen = _freeze_all(stack, sources, config, options, report)
            except Moved as exc:
                report.detail(f"{exc} was replaced while it was read: once more")
                continue
            yield _bundle(frozen, site, config, report)
            return
    raise SourceError(
        f"{', '.join(repr(str(source.origin)) for source in sources)} changed {TRIES} times while being read: "
        "stop what replaces it, or bake a copy of it"
    )


def _freeze_all(
    stack: ExitStack, sources: Sequence[Source], config: Config, options: BakeOptions, report: Report
) -> Sequence[Frozen]:
    """Hold every source at one state for as long as ``stack`` is open, and freeze them."""
    workspace = Path(stack.enter_context(TemporaryDirectory(prefix="baked-")))
    held: dict[str, Snapshot] = {}
    for number, source in enumerate(sources):
        folder = workspace / str(number)
        folder.mkdir()
        report.detail(f"{source.name}: {source.origin}")
        wait = float(source.own.get("wait", options.wait))
        held[source.name] = stack.enter_context(snapshot(source.path, folder, wait=wait, report=report))
    return list(_freeze(sources, _transform(sources, held, workspace, options, report), config, report))


def _transform(
    sources: Sequence[Source], held: Mapping[str, Snapshot], workspace: Path, options: BakeOptions, report: Report
) -> Mapping[str, Snapshot]:
    own = {source.name: source.own for source in sources if source.own}
    if not (options.changes or own):
        return held
    databases = {source.name: _describe(source, held[source.name], frozenset(), Silent()) for source in sources}
    work = share_out(options, databases, own)
    return {
        source.name: transformed(
            held[source.name], workspace / str(number), databases[source.name], work[source.name], report
        )
        for number, source in enumerate(sources)
    }


def _freeze(
    sources: Sequence[Source], held: Mapping[str, Snapshot], config: Config, report: Report
) -> Iterator[Frozen]:
    for source in sources:
        frozen, hidden = held[source.name], config.hidden(source.name)
        state = None if frozen.private else state_of(frozen.path, name=source.name, hidden=sorted(hidden))
        database = recall(state)
        if database is None:
            database = _look(source, frozen, hidden, report)
            frozen.require_unmoved()
            remember(state, database, report)
        else:
            report.detail(f"{source.name}: not written to since it was baked last")
            frozen.require_unmoved()
        _tell(database, report)
        yield Frozen(database, BundleFile(database.file, frozen.path, database.size, database.sha256))


def _look(source: Source, frozen: Snapshot, hidden: frozenset[str], report: Report) -> Database:
    """Hash, check and describe a file, the three side by side: hashlib and SQLite let each other run."""
    with ThreadPoolExecutor(2) as pool:
        checking = pool.submit(_check, source, frozen)
        describing = pool.submit(_describe, source, frozen, hidden, report)
        digest = _hash(frozen.path, f"hashing {source.name}", report)
        checking.result()  # first: of a corrupt file it says the most
        return replace(describing.result(), sha256=digest)


def _check(source: Source, frozen: Snapshot) -> None:
    """Raise SourceError unless SQLite finds the file sound."""
    try:
        with closing(_open(frozen)) as connection:
            found = connection.execute("pragma quick_check(10)").fetchall()
    except (apsw.CorruptError, apsw.NotADBError) as exc:
        found = [(str(exc),)]
    if found != [("ok",)]:
        reasons = "; ".join(str(row[0]) for row in found[:SHOWN])
        raise SourceError(
            f"{str(source.origin)!r} is corrupt: {reasons}. Restore it from a backup, or try the .recover of sqlite3"
        )


def _open(frozen: Snapshot) -> apsw.Connection:
    uri = file_uri(frozen.path, immutable=True)
    return apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def _describe(source: Source, frozen: Snapshot, hidden: frozenset[str], report: Report) -> Database:
    file, size = f"databases/{tilde_encode(source.name)}.db", frozen.path.stat().st_size
    try:
        with closing(_open(frozen)) as connection:
            return describe(connection, name=source.name, file=file, size=size, sha256="", hidden=hidden, report=report)
    except (apsw.CorruptError, apsw.NotADBError) as exc:
        raise SourceError(f"{str(source.origin)!r} is corrupt: {exc}; restore it from a backup") from exc


def _tell(database: Database, report: Report) -> None:
    shown = [table for table in database.tables.values() if not table.hidden]
    rows = sum(table.count for table in shown)
    report.info(f"{database.name}: {len(shown)} tables, {rows:,} rows, {database.size:,} bytes")


def _hash(path: Path, what: str, report: Report) -> str:
    seen = sha256()
    with path.open("rb") as opened, report.progress(what, path.stat().st_size) as advance:
        while block := opened.read(BLOCK):
            seen.update(block)
            advance(len(block))
    return seen.hexdigest()


def _bundle(frozen: Sequence[Frozen], site: Site, config: Config, report: Report) -> Bundle:
    others = [_file(path, source) for path, source in {**app_files(), **site.files}.items()]
    databases = {each.database.name: each.database for each in frozen}
    config.require_permissions(databases, report)
    for warning in config.check(databases):
        report.warning(warning)
    manifest = Manifest(
        generator=f"baked-data {version('baked-data')}",
        databases=databases,
        files={each.path: File(each.size, each.sha256) for each in others},
        settings=config.settings,
        metadata=config.metadata,
    )
    for line in unseen(manifest, {each.database.name: each.file.source for each in frozen}):
        report.info(line)
    files = sorted([*others, *(each.file for each in frozen)], key=lambda each: each.path)
    return Bundle(manifest, tuple(files))


def _file(path: str, source: Path) -> BundleFile:
    data = source.read_bytes()
    return BundleFile(path, source, len(data), sha256(data).hexdigest())
