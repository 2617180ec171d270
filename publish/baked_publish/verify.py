"""Verify: ask a deployment what it really holds, and compare with what was baked.

Counts that the app serves come from the Manifest and prove nothing. ``/-/verify`` counts every table and hashes every
file anew; a target without a server hands back the stored files, which are hashed here.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

import orjson

from baked_core.manifest import FILE_NAME, Manifest, canonical
from baked_core.permissions.rules import Rules
from baked_core.urls import tilde_encode
from baked_publish.deployment import Candidate, Deployment
from baked_publish.errors import VerifyError
from baked_publish.publisher import Can, Publisher
from baked_publish.redaction import keep_secret
from baked_publish.report import Advance, Report

SHOWN: Final = 5
"""Differences named in an error; the rest is counted."""


def verify(publisher: Publisher, at: Candidate | Deployment, report: Report) -> Manifest:
    """Compare what ``at`` holds with the Bundle digest its target recorded; return its Manifest.

    Raises VerifyError naming what differs.
    """
    report.step("verify", at.revision)
    if Can.SERVE not in publisher.can:
        return _verify_files(publisher, at, report)
    manifest, differences = _verify_server(publisher, at)
    _require(at, differences)
    for path in _pages(manifest):
        publisher.fetch(at, path, {})
    tables = sum(len(database.tables) for database in manifest.databases.values())
    databases = len(manifest.databases)
    found = f"{databases} database{'' if databases == 1 else 's'}, {tables} table{'' if tables == 1 else 's'}"
    report.info(f"{found} counted, every file hashed: all as baked")
    return manifest


def read_manifest(publisher: Publisher, at: Candidate | Deployment) -> Manifest:
    """Return the Manifest that ``at`` was made from, without checking the data against it."""
    if Can.SERVE not in publisher.can:
        return Manifest.from_json(publisher.fetch(at, "/" + FILE_NAME, {}))
    return Manifest.from_json(canonical(_ask(publisher, at, "/-/verify?_only=manifest")["manifest"]))


def _ask(publisher: Publisher, at: Candidate | Deployment, path: str) -> Any:
    keep_secret(at.token)
    data = publisher.fetch(at, path, {"Authorization": f"Bearer {at.token}"})
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        raise VerifyError(f"{at.url}/-/verify did not answer with JSON: {exc}") from exc


def _verify_server(publisher: Publisher, at: Candidate | Deployment) -> tuple[Manifest, list[str]]:
    answer = _ask(publisher, at, "/-/verify")
    try:
        raw = canonical(answer["manifest"])
        _check_digest(at, raw)
        manifest = Manifest.from_json(raw)
        return manifest, [*_database_differences(manifest, answer), *_file_differences(manifest, answer["files"])]
    except (KeyError, TypeError, AttributeError) as exc:
        raise VerifyError(f"{at.url}/-/verify answered in a shape this version does not know: {exc!r}") from exc


def _check_digest(at: Candidate | Deployment, raw: bytes) -> None:
    digest = sha256(raw).hexdigest()
    if digest != at.bundle_digest:
        raise VerifyError(f"{at.url} serves Bundle {digest[:12]}, expected {at.bundle_digest[:12]}")


def _database_differences(manifest: Manifest, answer: Mapping[str, Any]) -> Iterator[str]:
    for name, database in manifest.databases.items():
        seen = answer["databases"].get(name)
        if seen is None:
            yield f"database {name!r} is missing"
            continue
        if (seen["size"], seen["sha256"]) != (database.size, database.sha256):
            yield f"database {name!r} has other bytes: sha256 {seen['sha256'][:12]}, baked {database.sha256[:12]}"
        for table in database.tables.values():
            count = seen["tables"].get(table.name)
            if count != table.count:
                yield f"table {name!r}.{table.name!r} has {count} rows, baked {table.count}"


def _file_differences(manifest: Manifest, seen: Mapping[str, Any]) -> Iterator[str]:
    for path, file in manifest.files.items():
        got = seen.get(path)
        if got is None:
            yield f"file {path!r} is missing"
        elif (got["size"], got["sha256"]) != (file.size, file.sha256):
            yield f"file {path!r} has other bytes"


def _require(at: Candidate | Deployment, differences: list[str]) -> None:
    if not differences:
        return
    more = f" and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
    raise VerifyError(
        f"{at.name!r} revision {at.revision!r} does not hold what was baked: "
        f"{'; '.join(differences[:SHOWN])}{more}. No visitor is sent there: publish again"
    )


def _pages(manifest: Manifest) -> Iterator[str]:
    """Yield one page of each kind that everybody may see: a server that can't render is found before visitors come."""
    rules = Rules(manifest.metadata, allow_sql=True)
    yield "/-/healthz"
    if rules.instance(None):
        yield "/"
    for name, database in manifest.databases.items():
        if rules.database(None, name):
            yield f"/{tilde_encode(name)}"
        tables = (table for table in database.tables.values() if not table.hidden)
        shown = [table.name for table in tables if table.virtual is None and rules.table(None, name, table.name)]
        if shown:
            yield f"/{tilde_encode(name)}/{tilde_encode(shown[0])}.json?_size=1"


def _verify_files(publisher: Publisher, at: Candidate | Deployment, report: Report) -> Manifest:
    raw = publisher.fetch(at, "/" + FILE_NAME, {})
    _check_digest(at, raw)
    manifest = Manifest.from_json(raw)
    expected = {path: (file.size, file.sha256) for path, file in manifest.files.items()}
    expected |= {database.file: (database.size, database.sha256) for database in manifest.databases.values()}
    found: dict[str, tuple[int, str]] = {}
    with report.progress("reading back", sum(size for size, _ in expected.values())) as advance:
        for path, blocks in publisher.stored(at):
            found[path] = _hashed(blocks, advance)
    wrong = [f"file {path!r} has other bytes" for path in sorted(expected) if found.get(path) != expected[path]]
    _require(at, wrong)
    report.info(f"{len(expected)} files read back and hashed: all as baked")
    return manifest


def _hashed(blocks: Iterator[bytes], advance: Advance) -> tuple[int, str]:
    size, seen = 0, sha256()
    for block in blocks:
        size += len(block)
        seen.update(block)
        advance(len(block))
    return size, seen.hexdigest()
