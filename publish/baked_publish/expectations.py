"""Expectations: the checks of ``publish.yaml``, asked of the bake before it is built, and of the candidate again."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import apsw
import orjson

from baked_publish.bundle import Bundle
from baked_publish.deployment import Candidate, Deployment
from baked_publish.errors import CheckError, VerifyError
from baked_publish.publisher import Can, Publisher
from baked_publish.report import Report
from baked_publish.sqlite_uri import file_uri

PATIENCE: Final = 60.0
"""Seconds that one check may take."""
STEPS: Final = 10_000
SHOWN: Final = 2
Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Expectation:
    """One check: SQL, and what is expected of its answer."""

    sql: str
    database: str | None = None
    """Where several are published, the one that is asked."""
    name: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    equals: float | str | None = None
    no_rows: bool = False

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.name or " ".join(self.sql.split())

    def amiss(self, rows: Rows) -> str | None:
        """Return what was found if it is not what is expected."""
        if self.no_rows:
            return f"{'one row' if len(rows) == 1 else 'rows'} found, expected none" if rows else None
        if len(rows) != 1 or len(rows[0]) != 1:
            return f"{len(rows) or 'no'} rows of {len(rows[0]) if rows else 0} columns found, expected one value"
        return self._amiss(rows[0][0])

    def _amiss(self, value: Any) -> str | None:
        if self.equals is not None and value != self.equals:
            return f"{value!r} found, expected {self.equals!r}"
        if (self.at_least, self.at_most) == (None, None):
            return None
        if not isinstance(value, int | float):
            return f"{value!r} found, expected a number"
        if self.at_least is not None and value < self.at_least:
            return f"{value:,} found, expected at least {self.at_least:,}"
        if self.at_most is not None and value > self.at_most:
            return f"{value:,} found, expected at most {self.at_most:,}"
        return None


def hold_for_bake(checks: Sequence[Expectation], bundle: Bundle, report: Report) -> None:
    """Raise CheckError, naming each check that fails on the frozen files and what was found."""
    paths = {file.path: file.source for file in bundle.files}
    databases = {name: paths[each.file] for name, each in bundle.manifest.databases.items()}
    _hold(checks, list(databases), lambda name, sql: _of_file(databases[name], sql), "the bake", report)


def hold_for(
    checks: Sequence[Expectation],
    publisher: Publisher,
    at: Candidate | Deployment,
    names: Sequence[str],
    report: Report,
) -> None:
    """Raise CheckError, naming each check that fails on what runs; a target without a server has its files compared."""
    if Can.SERVE in publisher.can:
        _hold(checks, names, lambda name, sql: _of_server(publisher, at, name, sql), at.revision, report)


def _hold(
    checks: Sequence[Expectation], names: Sequence[str], ask: Callable[[str, str], Rows], where: str, report: Report
) -> None:
    if not checks:
        return
    report.step("checks", f"{len(checks)} of {where}")
    failed = [*_failed(checks, names, ask, report)]
    if failed:
        raise CheckError(
            f"{len(failed)} of {len(checks)} checks do not hold for {where}; what was live stays live:\n"
            + "\n".join(f"  {line}" for line in failed)
        )


def _failed(
    checks: Sequence[Expectation], names: Sequence[str], ask: Callable[[str, str], Rows], report: Report
) -> Iterator[str]:
    for check in checks:
        name = check.database or (names[0] if len(names) == 1 else None)
        if name is None or name not in names:
            yield f"{check.title}: say which database it asks: {', '.join(names)}"
            continue
        try:
            amiss = check.amiss(ask(name, check.sql))
        except apsw.Error as exc:
            amiss = str(exc)
        if amiss:
            yield f"{check.title}: {amiss}"
        else:
            report.info(f"holds: {check.title}")


def mistake(sql: str, path: Path | None) -> str | None:
    """Return what SQLite finds wrong with ``sql`` without asking it; of no ``path``, with its grammar alone."""
    import apsw.ext  # noqa: PLC0415 - only `publish config --check` needs it

    uri = file_uri(path, immutable=True) if path else ":memory:"
    with closing(apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)) as connection:
        try:
            told = apsw.ext.query_info(connection, sql)
        except (apsw.Error, ValueError) as exc:
            return None if path is None and "no such" in str(exc) else str(exc)
    if told.query_remaining:
        return "this is more than one statement: write a check for each"
    return None if told.is_readonly else "this is no question: a check only reads"


def _of_file(path: Path, sql: str) -> Rows:
    uri = file_uri(path, immutable=True)
    with closing(apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)) as connection:
        connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)  # a check reads what is published, and nothing else
        deadline = time.monotonic() + PATIENCE
        connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
        cursor = connection.execute(sql)
        return [row for _, row in zip(range(SHOWN), cursor, strict=False)]


def _of_server(publisher: Publisher, at: Candidate | Deployment, database: str, sql: str) -> Rows:
    asked = urlencode({"_only": "query", "database": database, "sql": sql})
    said = publisher.fetch(at, f"/-/verify?{asked}", {"Authorization": f"Bearer {at.token}"})
    try:
        answer: Mapping[str, Any] = orjson.loads(said)
        if "error" in answer:
            raise apsw.SQLError(answer["error"])
        rows: Rows = answer["rows"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as exc:
        raise VerifyError(f"{at.url} did not answer a check in a shape that this version knows: {exc!r}") from exc
    return rows
