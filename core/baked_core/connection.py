"""A connection to a frozen database: read only, stopped at its limit, and for strangers' SQL authorised."""

import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice, repeat
from typing import Final

import apsw
from msgspec import Struct

from baked_core.authorizer import Authorizer
from baked_core.errors import OutOfMemory, QueryError, QueryTimeout
from baked_core.guard import functions, guard, limit
from baked_core.handle import Sqlite, can_spill, opened, seal, sort_in_memory
from baked_core.permissions.policy import EVERYTHING, Policy
from baked_core.reads import reads
from baked_core.source import Source
from baked_core.values import BrokenText, Row, Value, weight
from baked_core.walls import STANDING, Walls

STEPS: Final = 10_000
"""SQLite instructions between two looks at the clock."""
FEW_STEPS: Final = 1_000
"""The same where rows may be heavy: a step may then be the sorting of a megabyte."""
BATCH: Final = 500
"""Rows of a stream that are read at a time."""
KEPT: Final = 100
"""Prepared statements that a connection keeps for the app; for strangers none: they would pass the authorizer by."""

TOO_LONG: Final = "the query was stopped at its time limit: narrow it down with a filter, or sort by an indexed column"
REFUSED: Final = "SQLite refused the query: {reason}"
TOO_LARGE: Final = "the query needs more memory than there is for one: ask for less at a time"
NO_ROOM: Final = (
    "there is no room here to sort so many rows: narrow them down with a filter, or sort by an indexed column"
)
DENIED: Final = (
    "only reading is possible here, and only what is public: one SELECT, WITH or EXPLAIN statement over the tables, "
    "columns and functions that there are; name the columns where * is refused"
)
"""The one message for all that is denied, so that nobody learns from it what is there."""

_NOTHING: Final = re.compile(r"(?:[\s;]|--[^\n]*(?:\n|\Z)|(?>/\*.*?(?:\*/|\Z)))*", re.DOTALL).fullmatch
"""Blanks and comments; one that was closed ends there, whatever follows."""

_TOO_MUCH: Final = re.compile("too (large|complex|big|many)|maximum depth").search
_SYNTAX: Final = re.compile("syntax error|incomplete input|unrecognized token|one statement at a time").search
_NO_COLUMNS: Final[tuple[str, ...]] = ()

Params = Sequence[Value] | Mapping[str, Value]


class Rows(Struct, frozen=True):
    """What a query gave back."""

    columns: tuple[str, ...]
    rows: Sequence[Row]
    truncated: bool = False
    """Whether there were more rows than were asked for."""
    written: bytes | None = None
    """The rows as JSON or CSV, where the process that read them wrote them down; then ``rows`` is empty."""


class Connection:
    """A read-only connection for one thread at a time."""

    def __init__(
        self,
        source: Source,
        *,
        guarded: bool,
        prepare: Callable[[object, str], None] | None = None,
        overrides: Callable[[Sqlite], frozenset[str]] | None = None,
        walls: Walls = STANDING,
    ) -> None:
        """Open ``source``; a stranger's SQL needs a connection that is ``guarded``.

        ``overrides`` are for one that shares its process with others: they replace functions that nothing could
        stop, and return the names of those that have to be denied.
        """
        self._sqlite = opened(source, statements=0 if guarded else KEPT, read_only=walls.read_only)
        self._deadline = float("inf")
        self._columns: tuple[str, ...] = ()
        self._sql = ""
        self._guarded = guarded
        self._authorizer: Authorizer | None = None
        if source.cache_kb:
            self._sqlite.execute(f"pragma cache_size = -{source.cache_kb}")
        added = frozenset[str]()
        if prepare is not None:
            before = functions(self._sqlite) if guarded else added
            prepare(self._sqlite, source.name)
            added = functions(self._sqlite) - before if guarded else added
        if walls.read_only:
            seal(self._sqlite)
        if not (guarded or can_spill()):
            sort_in_memory(self._sqlite)
        denied = overrides(self._sqlite) if overrides is not None else ()
        if guarded and walls.memory:
            limit(self._sqlite, source)
        if guarded and walls.authorizer:
            self._authorizer = guard(self._sqlite, source, added=added, denied=denied)
        self._often = False
        """Whether it looks at the clock every few steps."""
        if walls.progress:
            self._sqlite.set_progress_handler(self._late, STEPS)

    @property
    def policy(self) -> Policy:
        """What the next statements may not read."""
        return EVERYTHING if self._authorizer is None else self._authorizer.policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        if self._authorizer is not None:
            self._authorizer.policy = policy
            # else "x" would be the text x where there is no such column, and refused where there is a hidden one
            self._sqlite.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0 if policy else 1)

    def interrupt(self) -> None:
        """Break off what runs, from another thread; it fails as if it had been late."""
        self._sqlite.interrupt()

    def close(self) -> None:
        """Close it, whatever runs."""
        self._sqlite.close(force=True)

    def fetch(
        self, sql: str, params: Params, *, seconds: float, max_rows: int | None = None, max_bytes: int | None = None
    ) -> Rows:
        """Run one statement and return its rows, as many as may be; see ``Database.query``."""
        with self._within(seconds, often=max_bytes is not None):
            try:
                rows, more = _first(self._plain(sql, params), max_rows, max_bytes)
            except UnicodeDecodeError:
                rows, more = _first(self._decoded(sql, params), max_rows, max_bytes)
        return Rows(self._columns, rows, truncated=more)

    def batches(
        self,
        sql: str,
        params: Params,
        *,
        seconds: float,
        sizes: Iterable[int] | None = None,
        max_bytes: int | None = None,
    ) -> Iterator[Rows]:
        """Run one statement and yield its rows by ``sizes``, else by ``BATCH``; at least once.

        A batch ends early with the row that makes it heavier than ``max_bytes``.
        ``seconds`` are those that SQLite works: of a stranger's statement on the whole, of the app's on each batch.
        """
        rows: Iterator[Row] | None = None  # executing already takes the first step
        left, done = seconds, 0
        for size in sizes or repeat(BATCH):
            began = time.monotonic()
            with self._within(left, often=max_bytes is not None):
                try:
                    rows = rows or self._plain(sql, params)
                    batch, more = _next(rows, size, max_bytes)
                except UnicodeDecodeError:
                    rows = islice(self._decoded(sql, params), done, None)
                    batch, more = _next(rows, size, max_bytes)
            if self._guarded:
                left -= time.monotonic() - began
            yield Rows(self._columns, batch)
            done += len(batch)
            if not more:
                return

    def reads(self, sql: str) -> frozenset[tuple[str, str]] | None:
        """Return each table and column that ``sql`` would read; see ``reads``."""
        return reads(self._sqlite, sql)

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
    def _within(self, seconds: float, *, often: bool = False) -> Generator[None, None, None]:
        """Stop what runs after ``seconds``, looking at the clock ``often`` or not; tell SQLite's errors as ours."""
        self._deadline = time.monotonic() + seconds
        if often != self._often:
            self._often = often
            self._sqlite.set_progress_handler(self._late, FEW_STEPS if often else STEPS)
        try:
            yield
        except apsw.InterruptError as exc:
            raise QueryTimeout(TOO_LONG) from exc
        except (apsw.Error, ValueError, TypeError, KeyError) as exc:
            raise self._refused(exc) from exc
        finally:
            self._deadline = float("inf")

    def _refused(self, exc: Exception) -> QueryError:
        if isinstance(exc, apsw.NoMemError):
            return OutOfMemory(TOO_LARGE)
        if isinstance(exc, KeyError | apsw.BindingsError):
            return QueryError("a parameter has no name, or no value: write each as :name, and give name=... in the URL")
        if isinstance(exc, apsw.FullError):
            return QueryError(NO_ROOM)
        text = str(exc)
        if isinstance(exc, apsw.AuthError) or (self.policy and not _SYNTAX(text)):
            return QueryError(DENIED)  # not which table or column: whoever may not read it shall not hear of it
        if not self._guarded and _TOO_MUCH(text):
            return QueryError("SQLite cannot take so many or so long filters at once: use fewer")
        return QueryError(REFUSED, reason=text)

    def _late(self) -> bool:
        return time.monotonic() > self._deadline


def _first(rows: Iterator[Row], most: int | None, most_bytes: int | None) -> tuple[list[Row], bool]:
    """Return the first of ``rows``, one at least, and whether there are more than may be returned."""
    if most_bytes is None:
        found = list(islice(rows, None if most is None else most + 1))
        return (found, False) if most is None or len(found) <= most else (found[:most], True)
    found, left = list[Row](), most_bytes
    for row in rows:
        left -= weight(row)
        if len(found) == most or (found and left < 0):
            return found, True
        found.append(row)
    return found, False


def _next(rows: Iterator[Row], size: int, most_bytes: int | None) -> tuple[list[Row], bool]:
    """Take a batch of ``rows``; return it, and whether there may be more."""
    if most_bytes is None:
        found = list(islice(rows, size))
        return found, len(found) == size
    found, left = list[Row](), most_bytes
    for row in islice(rows, size):
        found.append(row)
        left -= weight(row)
        if left < 0:
            return found, True
    return found, len(found) == size


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
