"""The one door to SQLite: every statement of the app and of strangers goes through ``Database.query``.

SQL that the app wrote runs on a small pool of threads, each with a connection of its own to each database. SQL that a
stranger had a part in leaves this process: see ``baked_core.strangers``.
"""

import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from copy import copy
from enum import Enum
from pathlib import Path
from typing import Final, Self

import apsw
from msgspec import Struct

from baked_core import manifest, visitor
from baked_core.connection import Connection, Rows
from baked_core.errors import ManifestError, NotFound, QueryError, QueryTimeout, nearest
from baked_core.handle import Sqlite, opened
from baked_core.permissions import unseen
from baked_core.permissions.policy import EVERYTHING, Policy
from baked_core.settings import Settings
from baked_core.source import Source
from baked_core.sql import quote
from baked_core.strangers.choose import Strangers
from baked_core.strangers.job import CELLS, LINES, Job
from baked_core.strangers.lanes import Lanes
from baked_core.strangers.plan import proxies
from baked_core.threads import Threads
from baked_core.trace import CURRENT
from baked_core.values import Value

MOMENT: Final = 0.002
"""Seconds that a quick statement may keep everybody else waiting."""
STREAMS: Final = 16
"""Streams of the app's own that are under way at the same time."""
SMALL: Final = 8192
"""Bytes of the largest row up to which statements of a database can be quick."""

Params = Sequence[Value] | Mapping[str, Value]
NOT_PUBLIC: Final = (
    "not everything is public here, so SQL cannot hold the word {word}: join with ON, and give text that holds it as a "
    "parameter, :name"
)


class Whose(Enum):
    """Who wrote the SQL."""

    APP = "app"
    PUBLISHER = "publisher"
    """A canned query: the publisher's SQL, a visitor's values; as guarded as a stranger's."""
    STRANGER = "stranger"


class Opening(Struct, frozen=True):
    """How a database is opened; only a Manifest entry leads here."""

    entry: manifest.Database
    source: Source
    settings: Settings
    prepare: Callable[[object, str], None] | None
    """Called with each new connection and the database's name: plugins."""

    def connect(self) -> Connection:
        """Open a connection for the app's own SQL; raise ManifestError if the file is gone."""
        return Connection(self.source, guarded=False, prepare=self.prepare)


def source_of(
    entry: manifest.Database,
    path: Path,
    settings: Settings,
    *,
    immutable: bool,
    attached: Mapping[str, Path] | None = None,
) -> Source:
    """Return the Source of a database of the Manifest."""
    relations: list[manifest.Table | manifest.View] = [*entry.tables.values(), *entry.views.values()]
    return Source(
        name=entry.name,
        path=str(path.absolute()),
        immutable=immutable,
        cache_kb=settings.cache_size_kb,
        largest_row=entry.largest_row,
        widest=max((len(each.columns) for each in relations), default=0),
        virtual={each.name: each.virtual for each in entry.tables.values() if each.virtual is not None},
        attached=None if attached is None else {name: str(each.absolute()) for name, each in attached.items()},
    )


class Database:
    """One frozen database."""

    def __init__(self, opening: Opening, threads: Threads, strangers: Strangers, streams: Lanes) -> None:
        self.entry = opening.entry
        self.name = opening.entry.name
        self._opening = opening
        self._threads = threads
        self._strangers = strangers
        self._streams = streams
        self._local = threading.local()
        self.policy = EVERYTHING
        """What a stranger's SQL may not read here; see ``narrowed``."""
        self._limit_ms = opening.settings.sql_time_limit_ms
        self._small = opening.source.immutable and opening.entry.largest_row <= SMALL

    def narrowed(self, policy: Policy, entry: manifest.Database) -> Self:
        """Return this database as a reader sees it who may not read what ``policy`` holds back.

        ``entry`` names what is left. Cheap: connections and threads are shared.
        """
        other = copy(self)
        other.policy, other.entry = policy, entry
        return other

    def relation(self, name: str) -> manifest.Table | manifest.View:
        """Return the table or view called ``name``; raise NotFound."""
        found = self.entry.tables.get(name) or self.entry.views.get(name)
        if found is None:
            known = [*self.entry.tables, *self.entry.views]
            raise NotFound(
                "there is no table {name!r} in database {database!r}",
                name=name,
                database=self.name,
                near=nearest(name, known),
            )
        if not found.columns:
            raise NotFound("table {name!r} cannot be read here: it needs an SQLite extension, or is broken", name=name)
        return found

    async def query(
        self,
        sql: str,
        params: Params = (),
        *,
        whose: Whose = Whose.APP,
        limit_ms: int | None = None,
        max_rows: int | None = None,
        max_bytes: int | None = None,
        quick: bool = False,
        way: str = CELLS,
    ) -> Rows:
        """Run one statement and return its rows, at most ``max_rows``; of the app's own, one or ``max_bytes`` of them.

        One that is ``quick`` reads few rows by a key: it runs here and now, without the way to a thread and back,
        which costs more than it does; if it is not done in a moment, a thread begins it again.
        What a stranger had a part in runs in a process of its own, which may write the rows in another ``way``.
        Raises QueryError if SQLite refuses it, QueryTimeout after ``limit_ms`` milliseconds or the setting's,
        whichever is less; for a stranger also Busy, TooMany and Gone.
        """
        seconds, began = self.seconds(limit_ms), time.perf_counter()
        try:
            if whose is not Whose.APP:
                return await self._strangers.answer(self._job(whose, sql, params, seconds, max_rows, way))
            if quick and self._small:
                with suppress(QueryTimeout):
                    return self._connection().fetch(sql, params, seconds=min(seconds, MOMENT), max_rows=max_rows)
            return await self._threads.run(
                lambda: self._connection().fetch(sql, params, seconds=seconds, max_rows=max_rows, max_bytes=max_bytes)
            )
        finally:
            if (trace := CURRENT.get()) is not None:
                trace.note(self.name, sql, params, began)

    async def stream(
        self,
        sql: str,
        params: Params,
        *,
        whose: Whose = Whose.APP,
        limit_ms: int | None = None,
        max_bytes: int | None = None,
    ) -> AsyncGenerator[Rows, None]:
        """Run one statement and yield its rows as CSV, in batches, on a connection of its own; see ``query``.

        Streams of the app's own take turns, as strangers' do: each costs a connection for as long as its reader
        likes. One that has begun is not refused any more, however much is under way. A batch of theirs ends once it
        is heavier than ``max_bytes``.
        """
        seconds = self.seconds(limit_ms)
        if whose is not Whose.APP:
            async with aclosing(self._strangers.stream(self._job(whose, sql, params, seconds, None, LINES))) as found:
                async for batch in found:
                    yield batch
            return
        from baked_core.strangers.turn import Turn  # noqa: PLC0415 - not before somebody wants all rows
        from baked_core.stream import Stream  # noqa: PLC0415

        async with Turn(self._streams, visitor.CURRENT.get(), proxies(self._opening.settings)):
            stream = Stream(
                self._opening.connect, lambda found: found.batches(sql, params, seconds=seconds, max_bytes=max_bytes)
            )
            try:
                rows = await self._threads.run(stream.next)
                while rows is not None:
                    yield rows
                    rows = await self._threads.run(stream.next, begun=True)
            finally:
                stream.leave()
                self._threads.end(stream.close)

    def _job(self, whose: Whose, sql: str, params: Params, seconds: float, max_rows: int | None, way: str) -> Job:
        if whose is Whose.STRANGER and self.policy and (word := unseen.refused(sql)):
            raise QueryError(NOT_PUBLIC, word=word)
        return Job(self.name, sql, params, seconds, max_rows, way, self.policy)

    def count_tables(self) -> Mapping[str, int]:
        """Count the rows of every table by reading them, without a limit, on a connection opened anew; blocks."""
        sqlite = opened(self._opening.source)
        try:
            tables = self._opening.entry.tables
            return {name: _count(sqlite, name) if table.columns else 0 for name, table in tables.items()}
        except apsw.Error as exc:
            raise ManifestError(f"database {self.name!r} does not hold what was baked: {exc}") from exc
        finally:
            sqlite.close()

    async def answer(self, sql: str, *, seconds: float, max_rows: int) -> Rows:
        """Answer the publisher, who has the token of this deployment, where a stranger would be answered.

        Nothing that was baked is held back, and the time limit is the publisher's. Raises what ``query`` raises.
        """
        return await self._strangers.answer(Job(self.name, sql, (), seconds, max_rows))

    def reads(self, statements: Mapping[str, str]) -> Mapping[str, frozenset[tuple[str, str]] | None]:
        """Tell of each statement which tables and columns it would read, see ``Connection.reads``; blocks."""
        connection = self._opening.connect()
        try:
            return {name: connection.reads(sql) for name, sql in statements.items()}
        finally:
            connection.close()

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return Path(self._opening.source.path)

    def seconds(self, limit_ms: int | None) -> float:
        """Return the time limit in seconds; a request may only shorten it."""
        return min(self._limit_ms, limit_ms or self._limit_ms) / 1000

    def _connection(self) -> Connection:
        found: Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self._opening.connect()
        return found


def _count(sqlite: Sqlite, table: str) -> int:
    return int(sqlite.execute(f"select count(*) from {quote(table)}").get)  # noqa: S608 - quoted
