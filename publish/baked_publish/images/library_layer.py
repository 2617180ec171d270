"""The layer of the standard library's bytecode, for bases that come without: python:3.x-slim is one.

A container whose root is read-only compiles what has no bytecode at every start: 0.3 s of CPU for the modules
that the server imports. The sources are the base's own, so that the layer follows from its digest: a base is read for
it once, and bases of the same sources, as those of two platforms are, share it.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from baked_publish.errors import StorageError
from baked_publish.images.base import BaseImage
from baked_publish.images.bytecode import bytecode, interpreter
from baked_publish.images.cache import LayerCache
from baked_publish.images.layer import Draft, key_of, key_of_entries
from baked_publish.images.library import FOLDERS, LEFT_OUT, uncompiled, view
from baked_publish.images.tarball import Entry, tarball
from baked_publish.notes import Notes
from baked_publish.report import Report

RECIPE: Final = 1
"""Number of the rules by which sources are found and compiled, part of every key: with other rules, another layer."""
LARGEST_BASE: Final = 500_000_000
"""Bytes of a base's compressed layers; larger ones are not read for it."""
NONE: Final = "none"
"""What is noted of a base that needs no layer."""
NOTES: Final = Notes("libraries")
Sources = Callable[[], Sequence[Entry]]


def library_draft(base: BaseImage, cache: LayerCache, report: Report, *, apt: bool) -> Draft | None:
    """Return the draft of the layer; None where the base has its bytecode, or none can be made here.

    The base's layers are read unless the cache holds the layer, or it is known that none is needed. ``apt`` says that
    Debian packages come above it, which may replace the library in Debian's own folder. Raises ConfigError for layers
    that cannot be read, DigestError for damaged ones.
    """
    if interpreter(base.python) is None:
        return None
    question = _question(base, apt=apt)
    known = (NOTES.recall(question) or b"").decode()
    if known == NONE:
        return None
    if known and cache.find(known):
        return _draft(base, known, partial(_sources, base, report, apt=apt), report)
    sources = _sources(base, report, apt=apt)
    key = key_of("standard library", RECIPE, base.python, key_of_entries(sources)) if sources else NONE
    if why := NOTES.remember(question, key.encode()):
        report.detail(f"the next publish will look once more: {why}")
    return _draft(base, key, lambda: sources, report) if sources else None


def _draft(base: BaseImage, key: str, sources: Sources, report: Report) -> Draft:
    about = f"bytecode of the standard library, Python {base.python}"
    return Draft(about, key, partial(_compiled, sources, base.python, report))


def _sources(base: BaseImage, report: Report, *, apt: bool) -> list[Entry]:
    """Read the base for the modules that lack bytecode; nothing where they are not to be compiled."""
    named, layers = base.name or base.digest, [each.blob.descriptor for each in base.layers]
    if any(each.media_type.endswith("zstd") for each in layers):
        report.info(f"{named} has layers in zstd: its standard library is compiled at every start")
        return []
    if (size := sum(each.size for each in layers)) > LARGEST_BASE:
        report.info(
            f"{named} is too large to be read ({size:,} bytes): its standard library is compiled at every start"
        )
        return []
    report.info(f"reading the standard library of {named}, once for each base image")
    found = view(base.layers, base.python)
    report.detail(f"{found.read:,} bytes read")
    if apt and not found.folder.startswith(FOLDERS[0]):
        return []
    return list(uncompiled(found))


@contextmanager
def _compiled(sources: Sources, python: str, report: Report) -> Generator[Iterator[bytes], None, None]:
    with TemporaryDirectory(prefix="baked-") as folder:
        workspace = Path(folder)
        written = [_written(each, workspace / f"{number}.py") for number, each in enumerate(sources())]
        yield tarball(bytecode(written, python, workspace / "bytecode", report))


def _written(entry: Entry, file: Path) -> Entry:
    try:
        file.write_bytes(entry.source if isinstance(entry.source, bytes) else entry.source.read_bytes())
    except OSError as exc:
        raise StorageError(f"{str(file)!r} cannot be written ({exc.strerror}): make room, or set TMPDIR") from exc
    return Entry(entry.path, file, entry.size, entry.sha256)


def _question(base: BaseImage, *, apt: bool) -> str:
    """Return the key of the note that says what was found in a base: the key of its layer, or NONE."""
    layers = [each.diff_id for each in base.layers]
    return key_of("standard library", RECIPE, sorted(LEFT_OUT), base.python, layers, apt)
