"""What was found in a file of a digest: kept in the cache, so that a night on which nothing changed costs nothing."""

import os
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from secrets import token_hex
from typing import Final

import orjson

from baked_core.manifest import Database, canonical
from baked_publish.cachedir import cache_home
from baked_publish.errors import StorageError
from baked_publish.exposure.exposure import Exposure, Looked, Survey
from baked_publish.exposure.look import look
from baked_publish.report import Report

LIBRARIES: Final = ("baked-data", "kingfisher-secret-scanner", "phonenumberslite", "python-stdnum")
"""What decides what is found."""
MOST: Final = 1000
"""Files remembered; the oldest are forgotten first."""


def survey(database: Database, path: Path, report: Report, *, every_row: bool = False) -> Survey:
    """Look at a database, unless a file of its digest was looked at before by the same versions."""
    key = _key(database, every_row=every_row)
    known = _recall(key)
    if known is None:
        known = look(database, path, report, every_row=every_row)
        _remember(key, known, report)
    return known


def _key(database: Database, *, every_row: bool) -> str:
    versions = {name: _version(name) for name in LIBRARIES}
    hidden = sorted(table.name for table in database.tables.values() if table.hidden)
    return sha256(canonical([database.name, database.sha256, hidden, versions, every_row])).hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _recall(key: str) -> Survey | None:
    try:
        path = _folder() / key
        seal, _, said = path.read_bytes().partition(b" ")
        if seal.decode() != sha256(said).hexdigest():
            return None
        raw = orjson.loads(said)
        os.utime(path)
        return Survey(
            tuple(Exposure(**each) for each in raw["exposures"]),
            {name: Looked(**each) for name, each in raw["tables"].items()},
            tuple(raw["unread"]),
        )
    except (OSError, ValueError, TypeError, KeyError, StorageError):
        return None


def _remember(key: str, found: Survey, report: Report) -> None:
    try:
        folder, said = _folder(), canonical(asdict(found))
        partial = folder / f".{token_hex(8)}"
        with open(partial, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            out.write(sha256(said).hexdigest().encode() + b" " + said)
        partial.replace(folder / key)
        _forget(folder)
    except (OSError, StorageError) as exc:
        report.detail(f"the next check looks again: {exc}")


def _folder() -> Path:
    folder = cache_home() / "checked"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _forget(folder: Path) -> None:
    kept = sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime_ns, reverse=True)
    for each in kept[MOST:]:
        with suppress(OSError):
            each.unlink()
