"""A Reading: one table page being read, and what its statements have in common."""

from collections.abc import AsyncGenerator, Sequence
from typing import Final, NoReturn

from msgspec import Struct

from baked_core import keyset, strain
from baked_core.connection import BATCH, Rows
from baked_core.database import Database, Whose
from baked_core.errors import BadRequest, QueryError, QueryTimeout
from baked_core.keyset import After, AfterKey, Offset
from baked_core.manifest import Table, View
from baked_core.metadata import Metadata, of_database
from baked_core.request import Request
from baked_core.sql import Clause, Select
from baked_core.strangers.bounds import MB
from baked_core.table_query import Asked, TableQuery, parse
from baked_core.values import Row

PIECE: Final = 1 << 18
"""Bytes of a stream's rows that are written at a time, about: while they are, nobody else is answered."""
CSV_TAKES: Final = 4
"""How many times as long as JSON it takes to write CSV, whose text is copied cell by cell."""


class Part(Struct, frozen=True):
    """The rows of one page."""

    rows: Sequence[Row]
    labels: Sequence[Row]
    """Beside each row the labels of its foreign keys."""
    next: str | None
    """The token of the next page."""
    statement: Clause


class Reading(Struct, frozen=True):
    """What a table page's URL asks for, and where to ask it."""

    request: Request
    database: Database
    relation: Table | View
    query: TableQuery
    said: Metadata
    """What metadata says of the table."""

    @classmethod
    def of(cls, request: Request, database: Database, relation: Table | View) -> "Reading":
        """Understand the URL; raise BadRequest for what means nothing."""
        tables: Metadata = of_database(request.serving.baked.manifest.metadata, database.name).get("tables") or {}
        serving, allow_sql = request.serving, request.serving.allows_sql(database.name)
        asked = Asked(request.args, database.entry, relation, tables, serving.settings, request.format, allow_sql)
        return cls(request, database, relation, parse(asked), asked.said)

    @property
    def whose(self) -> Whose:
        """Who wrote part of the SQL; the app's own runs as a publisher's where a visitor's values could hold it up."""
        query = self.query
        if query.wheres:
            return Whose.STRANGER
        strained = strain.of_query(query.filters, query.searches, self.largest_row)
        return Whose.PUBLISHER if strained else Whose.APP

    @property
    def largest_row(self) -> int:
        """Bytes of the largest row that is read here; of the whole database where more is not known."""
        return strain.largest_row(self.relation, self.database.entry)

    @property
    def max_bytes(self) -> int | None:
        """Bytes of an answer that may be gathered at once; None where its rows cannot come to so much."""
        settings = self.request.serving.settings
        most = max(settings.max_answer_mb * MB, 3 * self.largest_row)
        most = max(most // CSV_TAKES, 1) if self.request.format == "csv" else most
        known = self._largest_with_labels
        return None if known and known * max(settings.max_returned_rows, BATCH) < most else most

    @property
    def _largest_with_labels(self) -> int:
        """Bytes of the largest row with all labels beside it; 0 where that is not known."""
        tables = self.database.entry.tables
        sizes = [tables[each.key.other_table].largest_row for each in self.query.expandable]
        sizes.append(self.relation.largest_row if isinstance(self.relation, Table) else 0)
        return sum(sizes) if all(sizes) else 0

    async def fetch(self, statement: Clause, limit_ms: int | None = None, *, quick: bool = False) -> Rows:
        """Run a statement with this page's conditions; what is wrong with them is said of the argument."""
        limits = [limit for limit in (limit_ms, self.request.limit_ms) if limit is not None]
        limit = min(limits) if limits else None
        try:
            return await self.database.query(
                statement.sql,
                statement.params,
                whose=self.whose,
                limit_ms=limit,
                max_bytes=self.max_bytes,
                quick=quick,
            )
        except QueryError as exc:
            self._refused(exc)

    async def stream(self) -> tuple[Rows, AsyncGenerator[Rows, None]]:
        """Begin to read all rows: what fails at once, fails before the first byte of the answer."""
        statement = self.query.all()
        batches = self.database.stream(
            statement.sql,
            statement.params,
            whose=self.whose,
            limit_ms=self.request.limit_ms,
            max_bytes=None if self.max_bytes is None else PIECE,
        )
        try:
            return await anext(batches), batches
        except QueryError as exc:
            self._refused(exc)

    async def part(self) -> Part:
        """Read one page, with one row more, which tells whether there is another; heavy rows end it early."""
        query, scope = self.query, self._scope()
        place = await self._place(scope)
        statement = query.page(place)
        found = await self.fetch(statement, quick=query.quick)
        rows, token = found.rows[: query.size], None
        if found.truncated or len(found.rows) > query.size > 0:
            before = place.rows if isinstance(place, Offset) else 0
            place_after = query.place_after(rows[-1], before + len(rows), keyset.finding(self.relation))
            token = keyset.encode(place_after, scope)
        shown, read = len(query.columns), len(query.select.columns)
        words = [row[read:] for row in rows] if query.select.labels else ()
        return Part([row[:shown] for row in rows] if read > shown or words else rows, words, token, statement)

    async def count(self) -> int | None:
        """Return how many rows all pages hold; None if counting took too long."""
        if self.relation.count is not None and not self.query.narrowed:
            return self.relation.count
        try:
            found = await self.fetch(self.query.select.count())
        except QueryTimeout:
            return None
        count = found.rows[0][0]
        return count if isinstance(count, int) else None

    def _scope(self) -> str:
        query = self.query
        return query.scope if query.keyed else f"{query.scope}/{query.select.where}/{self.request.serving.baked.digest}"

    async def _place(self, scope: str) -> After | Offset | None:
        token = self.request.args.get("_next")
        if not token:
            return None
        key = keyset.finding(self.relation)
        place = keyset.decode(token, scope, self.query.select.order, key)
        if not isinstance(place, AfterKey):
            return place
        statement = self.query.lookup(dict(zip(key, place.key, strict=True)))
        found = await self.database.query(statement.sql, statement.params, limit_ms=self.request.limit_ms)
        if not found.rows:
            raise BadRequest("_next names a row that is no longer there: begin again without it")
        return After(tuple(found.rows[0]))

    def _refused(self, exc: QueryError) -> NoReturn:
        if self.query.wheres:
            raise BadRequest("_where cannot be run: {reason}", reason=exc) from exc
        if self.whose is Whose.PUBLISHER and "pattern too complex" in str(exc):
            raise BadRequest("a filter is too long for values as long as those here: 98 characters at most") from exc
        if any(search.raw for search in self.query.searches):
            raise BadRequest(
                "_search is no query of SQLite's full-text search: put words with other signs in double quotes, "
                "or leave out _searchmode=raw"
            ) from exc
        raise exc


def csv_columns(query: TableQuery) -> tuple[str, ...]:
    """Return the header of CSV: each label has a column of its own beside its value's."""
    return tuple(
        [
            name
            for column in query.columns
            for name in ((column, f"{column}_label") if column in query.select.labels else (column,))
        ]
    )


def beside(select: Select, rows: Sequence[Row], words: Sequence[Row], columns: Sequence[str]) -> list[Row]:
    """Return ``rows`` with each label right after its value, as CSV has them."""
    return [_beside(tuple(select.labels), row, word, columns) for row, word in zip(rows, words, strict=True)]


def _beside(labelled: tuple[str, ...], row: Row, words: Row, columns: Sequence[str]) -> Row:
    by_name = dict(zip(labelled, words, strict=True))
    return [
        cell
        for name, value in zip(columns, row, strict=True)
        for cell in ((value, by_name[name]) if name in by_name else (value,))
    ]
