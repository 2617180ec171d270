"""A connection to a frozen database: read only, stopped at its limit, and for strangers' SQL authorised."""

import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote as percent_encode

import apsw
from msgspec import Struct

from baked_core import manifest
from baked_core.authorizer import Authorizer
from baked_core.errors import ManifestError, QueryError, QueryTimeout
from baked_core.policy import folded
from baked_core.sql import quote
from baked_core.values import BrokenText, Row, Value

STEPS: Final = 10_000
"""SQLite instructions between two looks at the clock."""
BATCH: Final = 500
"""Rows of a stream that are read at a time."""

_NOTHING: Final = re.compile(r"(?:[\s;]|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))*", re.DOTALL).fullmatch

_TOO_MUCH: Final = re.compile("too (large|complex|big|many)|maximum depth").search
_NO_COLUMNS: Final[tuple[str, ...]] = ()

Sqlite = Any
"""An ``apsw.Connection``; its stubs speak of Python 3.12's Buffer, which 3.11 does not know."""
Params = Sequence[Value] | Mapping[str, Value]


class Rows(Struct, frozen=True):
    """What a query gave back."""

    columns: tuple[str, ...]
    rows: Sequence[Row]
    truncated: bool = False
    """Whether there were more rows than were asked for."""


class _Blank(dict[str, None]):
    """Fills every parameter with NULL."""

    def __missing__(self, _name: str) -> None:
        return None


class Connection:
    """A read-only connection for one thread at a time."""

    def __init__(
        self,
        path: Path,
        entry: manifest.Database,
        *,
        immutable: bool,
        guarded: bool,
        cache_kb: int = 0,
        prepare: Callable[[object, str], None] | None = None,
        attached: Mapping[str, Path] | None = None,
    ) -> None:
        statements = 0 if guarded else 100
        if attached is None:
            self._sqlite = _open(path, entry.name, immutable=immutable, statements=statements)
        else:
            self._sqlite = _open_all(attached, immutable=immutable, statements=statements)
        self._deadline = float("inf")
        self._columns: tuple[str, ...] = ()
        self._sql = ""
        self._guarded = guarded
        if cache_kb:
            self._sqlite.execute(f"pragma cache_size = -{cache_kb}")
        if prepare is not None:
            prepare(self._sqlite, entry.name)
        if guarded:
            _guard(self._sqlite, entry)
        self._sqlite.set_progress_handler(self._late, STEPS)

    def close(self) -> None:
        """Close it, whatever runs."""
        self._sqlite.close(force=True)

    def fetch(self, sql: str, params: Params, *, seconds: float, max_rows: int | None = None) -> Rows:
        """Run one statement and return at most ``max_rows`` of its rows; see ``Database.query``."""
        with self._within(seconds):
            most = None if max_rows is None else max_rows + 1
            try:
                rows = list(islice(self._plain(sql, params), most))
            except UnicodeDecodeError:
                rows = list(islice(self._decoded(sql, params), most))
        if max_rows is None or len(rows) <= max_rows:
            return Rows(self._columns, rows)
        return Rows(self._columns, rows[:max_rows], truncated=True)

    def batches(self, sql: str, params: Params, *, seconds: float) -> Iterator[Rows]:
        """Run one statement and yield its rows by ``BATCH``, at least once.

        ``seconds`` are those that SQLite works: of a stranger's statement on the whole, of the app's on each batch.
        """
        rows: Iterator[Row] | None = None  # executing already takes the first step
        left, done = seconds, 0
        while True:
            began = time.monotonic()
            with self._within(left):
                try:
                    rows = rows or self._plain(sql, params)
                    batch = list(islice(rows, BATCH))
                except UnicodeDecodeError:
                    rows = self._decoded(sql, params)
                    batch = list(islice(rows, done, done + BATCH))
            if self._guarded:
                left -= time.monotonic() - began
            yield Rows(self._columns, batch)
            done += len(batch)
            if len(batch) < BATCH:
                return

    def parameters(self, sql: str) -> tuple[str, ...] | None:
        """Return the names of the parameters in ``sql``; None if SQLite refuses it."""
        found: tuple[str, ...] | None = None

        def look(cursor: apsw.Cursor, _sql: str, _params: object) -> bool:
            nonlocal found
            found = tuple(dict.fromkeys(name for name in cursor.bindings_names if name))
            return False

        cursor = self._sqlite.cursor()
        cursor.exec_trace = look
        with suppress(apsw.Error, ValueError, TypeError):
            cursor.execute(sql, _Blank())
        return found

    def reads(self, sql: str) -> frozenset[tuple[str, str]] | None:
        """Return each table and column that ``sql`` would read, in lower case; None if SQLite refuses it.

        What a view reads is among them, and the view; a table that is only counted has an empty column.
        """
        found = set[tuple[str, str]]()

        def note(action: int, one: str | None, two: str | None, _database: str | None, _by: str | None) -> int:
            if action == apsw.SQLITE_READ:
                found.add((folded(one or ""), folded(two or "")))
            return apsw.SQLITE_OK

        cursor, prepared = self._sqlite.cursor(), False

        def stop(_cursor: object, _sql: str, _params: object) -> bool:
            nonlocal prepared
            prepared = True
            return False

        cursor.exec_trace = stop
        self._sqlite.set_authorizer(note)
        try:
            with suppress(apsw.Error, ValueError, TypeError, KeyError):
                cursor.execute(sql, _Blank())
        finally:
            self._sqlite.set_authorizer(None)
        return frozenset(found) if prepared else None

    def _plain(self, sql: str, params: Params) -> Iterator[Row]:
        cursor = self._sqlite.cursor()
        cursor.exec_trace = self._look
        self._sql, self._columns = sql, _NO_COLUMNS
        rows: Iterator[Row] = cursor.execute(sql, params)
        if not self._columns:
            raise QueryError("there is no statement here that answers: write one that begins with SELECT")
        return rows

    def _decoded(self, sql: str, params: Params) -> Iterator[Row]:
        """Read text as bytes and decode it here: SQLite holds any bytes as text, Python does not."""
        names = self._columns
        encoding = str(self._sqlite.pragma("encoding"))
        wrapped = _as_bytes(sql, len(names))
        rows = self._plain(wrapped, params)
        self._columns = names
        return (_texts(row, encoding) for row in rows)

    def _look(self, cursor: apsw.Cursor, statement: str, _params: object) -> bool:
        """See each statement before it runs: note its columns, refuse a second one."""
        if not cursor.has_vdbe:
            return True
        if self._guarded and not _NOTHING(self._sql[len(statement) :]):
            raise QueryError("one statement at a time: remove what comes after the first semicolon")
        self._columns = tuple([name for name, _ in cursor.get_description()])
        return True

    @contextmanager
    def _within(self, seconds: float) -> Generator[None, None, None]:
        """Stop what runs after ``seconds``, and tell SQLite's errors as ours."""
        self._deadline = time.monotonic() + seconds
        try:
            yield
        except apsw.InterruptError as exc:
            raise QueryTimeout(
                "the query was stopped at its time limit: narrow it down with a filter, or sort by an indexed column"
            ) from exc
        except apsw.AuthError as exc:
            raise QueryError("only reading is possible here: one SELECT, WITH or EXPLAIN statement") from exc
        except KeyError as exc:
            raise QueryError(
                "a parameter has no name, or no value: write each as :name, and give name=... in the URL"
            ) from exc
        except (apsw.Error, ValueError, TypeError) as exc:
            if not self._guarded and _TOO_MUCH(str(exc)):
                raise QueryError("SQLite cannot take so many or so long filters at once: use fewer") from exc
            raise QueryError(f"SQLite refused the query: {exc}") from exc
        finally:
            self._deadline = float("inf")

    def _late(self) -> bool:
        return time.monotonic() > self._deadline


def count_tables(path: Path, entry: manifest.Database, *, immutable: bool) -> Mapping[str, int]:
    """Count the rows of every table by reading them, without limits; 0 for one the bake could not read either."""
    sqlite = _open(path, entry.name, immutable=immutable, statements=0)
    try:
        return {name: _count(sqlite, name) if table.columns else 0 for name, table in entry.tables.items()}
    except apsw.Error as exc:
        raise ManifestError(f"database {entry.name!r} does not hold what was baked: {exc}") from exc
    finally:
        sqlite.close()


def _count(sqlite: Sqlite, table: str) -> int:
    return int(sqlite.execute(f"select count(*) from {quote(table)}").get)  # noqa: S608 - quoted


def _uri(path: Path, *, immutable: bool) -> str:
    return f"file:{percent_encode(path.absolute().as_posix())}?mode=ro" + ("&immutable=1" if immutable else "")


def _open_all(attached: Mapping[str, Path], *, immutable: bool, statements: int) -> Sqlite:
    """Open an empty database in memory with all the others attached to it, read only."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_NOMUTEX
    sqlite = apsw.Connection(":memory:", flags=flags, statementcachesize=statements)
    for name, path in attached.items():
        sqlite.execute(f"attach ? as {quote(name)}", (_uri(path, immutable=immutable),))
    return sqlite


def _open(path: Path, name: str, *, immutable: bool, statements: int) -> Sqlite:
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_NOMUTEX
    try:
        return apsw.Connection(_uri(path, immutable=immutable), flags=flags, statementcachesize=statements)
    except apsw.Error as exc:
        raise ManifestError(f"database {name!r} cannot be opened ({exc}): publish it again") from exc


def _guard(sqlite: Sqlite, entry: manifest.Database) -> None:
    """Lock the connection down for a stranger's SQL."""
    authorizer = Authorizer()
    sqlite.set_authorizer(authorizer)
    for table in entry.tables.values():
        if table.virtual is not None:
            with suppress(apsw.Error):  # a module that is missing here: the table cannot be read anyway
                sqlite.execute(f"select * from {quote(table.name)} limit 1").fetchall()  # noqa: S608 - quoted
    sqlite.execute("pragma temp_store = memory")
    limits = {
        apsw.SQLITE_LIMIT_LENGTH: max(1_000_000, 2 * entry.largest_row),
        apsw.SQLITE_LIMIT_SQL_LENGTH: 100_000,
        apsw.SQLITE_LIMIT_EXPR_DEPTH: 100,
        apsw.SQLITE_LIMIT_COMPOUND_SELECT: 50,
        apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
        apsw.SQLITE_LIMIT_ATTACHED: 0,
        apsw.SQLITE_LIMIT_WORKER_THREADS: 0,
    }
    for limit, value in limits.items():
        sqlite.limit(limit, value)
    authorizer.armed = True


def _as_bytes(sql: str, columns: int) -> str:
    """Wrap ``sql`` so that each of its cells comes as two: whether it is text, and the value with text as bytes."""
    marks = [f"c{i}" for i in range(columns)]
    cells = [f"typeof({c}) = 'text', case typeof({c}) when 'text' then cast({c} as blob) else {c} end" for c in marks]
    inner = sql.rstrip().rstrip(";")
    return f"with q({', '.join(marks)}) as (\n{inner}\n) select {', '.join(cells)} from q"  # noqa: S608 - the same SQL


def _texts(row: Row, encoding: str) -> Row:
    """Undo ``_as_bytes``."""
    cells = zip(row[::2], row[1::2], strict=True)
    return tuple([_text(value, encoding) if is_text else value for is_text, value in cells])


def _text(value: Value, encoding: str) -> Value:
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode(encoding)
    except UnicodeDecodeError:
        return BrokenText(value, encoding)
