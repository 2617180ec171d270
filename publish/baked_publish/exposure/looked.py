"""What was found in a file of a digest: kept in the cache, so that a night on which nothing changed costs nothing."""

from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import orjson

from baked_core.manifest import Database, canonical
from baked_publish.exposure.exposure import Exposure, Looked, Survey
from baked_publish.exposure.look import look
from baked_publish.notes import Notes
from baked_publish.report import Report

LIBRARIES: Final = ("baked-data", "kingfisher-secret-scanner", "phonenumberslite", "python-stdnum")
"""What decides what is found."""
NOTES: Final = Notes("checked")


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
    said = NOTES.recall(key)
    if said is None:
        return None
    try:
        raw = orjson.loads(said)
        return Survey(
            tuple(Exposure(**each) for each in raw["exposures"]),
            {name: Looked(**each) for name, each in raw["tables"].items()},
            tuple(raw["unread"]),
        )
    except (ValueError, TypeError, KeyError):
        return None


def _remember(key: str, found: Survey, report: Report) -> None:
    if why := NOTES.remember(key, canonical(asdict(found))):
        report.detail(f"the next check looks again: {why}")
