"""One row, and the rows of other tables that refer to it."""

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from baked_core import extras, labels
from baked_core.args import FORMAT_ARGUMENTS
from baked_core.connection import Rows
from baked_core.database import Database
from baked_core.errors import BadRequest, NotFound, QueryTimeout
from baked_core.filters import OPERATORS
from baked_core.manifest import Column, ForeignKey, Table, View
from baked_core.metadata import NOTHING, Metadata, about, of_database, of_table
from baked_core.page import Incoming, RowPage
from baked_core.request import Request
from baked_core.sql import Clause, Select, Term, affinity, bound, quote
from baked_core.table_query import KNOWN, columns_of, key_of, untyped_key
from baked_core.urls import decode_key
from baked_core.values import ExactText, Value
from baked_core.views.database import crumbs

LONG = 100
"""Characters of its label that a row's page is called by."""
COUNT_MS = 200
"""How long counting the rows that refer to this one may take, for each reference."""


async def row(request: Request) -> RowPage:
    """Show the row with the primary key in the path."""
    request.args.check(FORMAT_ARGUMENTS)
    wanted = extras.parse(request.args, extras.ROW)
    database = request.serving.database(request.names[0])
    table = database.relation(request.names[1])
    key = key_of(table)
    values = decode_key(request.names[2])
    if isinstance(table, View) or not key:
        raise NotFound(
            "there is no row {key!r} in {table!r}: its rows have no key", key=request.names[2], table=table.name
        )
    if len(key) != len(values):
        raise BadRequest(
            "{key!r} is no key of table {table!r}: its rows are found by {columns}",
            key=request.names[2],
            table=table.name,
            columns=_said(key),
        )
    began = time.perf_counter()
    statement, quick = _statement(table, dict(zip(key, values, strict=True))), table.virtual is None
    found = await database.query(statement.sql, statement.params, limit_ms=request.limit_ms, quick=quick)
    milliseconds = (time.perf_counter() - began) * 1000
    if not found.rows:
        raise NotFound("there is no row {key!r} in table {table!r}", key=request.names[2], table=table.name)
    if len(found.rows) > 1 and None in values:
        raise BadRequest(
            "several rows of table {table!r} have this key: filter by COLUMN__isnull=1 to see them", table=table.name
        )
    page = _page(request, database, table, found, milliseconds=milliseconds, extras=wanted, statement=statement)
    if request.format == "html":
        page = await _labelled(request, database, table, page)
    if request.format == "html" or "foreign_key_tables" in wanted:
        page = replace(page, incoming=await _incoming(request, database, table, found))
    return page


async def _labelled(request: Request, database: Database, table: Table, page: RowPage) -> RowPage:
    """Add the words of the row itself and of those that it refers to."""
    tables: Metadata = of_database(request.serving.baked.manifest.metadata, database.name).get("tables") or {}
    words = labels.select(labels.expandable(database.entry, table, tables), table.name, page.columns)
    own = labels.label_of(table, tables.get(table.name) or {})
    name = None if own is None else dict(zip(page.columns, page.rows[0], strict=True)).get(own)
    if isinstance(name, str) and name.strip():
        page = replace(page, title=name[:LONG])
    if not words:
        return page
    key = _statement(table, dict(zip(page.key, decode_key(request.names[2]), strict=True)), words)
    found = await database.query(key.sql, key.params, limit_ms=request.limit_ms)
    return replace(page, labels=tuple(words), label_rows=[row[1:] for row in found.rows[:1]])


def _statement(table: Table, key: Mapping[str, Value], words: Mapping[str, str] | None = None) -> Clause:
    """Return the SQL that reads a row; with ``words``, only the first column of its key and these labels."""
    values = tuple(key.values())
    if not words and set(map(type, values)) == {str} and (sql := _by_texts(table)):
        return Clause(sql, values)
    columns = columns_of(table)
    where = tuple(_equal(columns[name], value) for name, value in key.items())
    numbers_first = tuple(
        Term(name, kind=True)
        for name, value, untyped in zip(key, key.values(), untyped_key(table), strict=True)
        if untyped and isinstance(value, str)
    )
    shown, limit = tuple(key)[:1] if words else tuple(columns), 2 if None in key.values() else 1
    return Select(table.name, shown, where, numbers_first, limit=limit, labels=words or {}).page()


@lru_cache(KNOWN)
def _by_texts(table: Table) -> str:
    """Return the SQL that reads a row of any key as it stands in a URL; nothing where it depends on the key."""
    columns = columns_of(table)
    if not {affinity(columns[name].type) for name in key_of(table)} <= {"TEXT", "INTEGER"}:
        return ""
    return _statement(table, dict.fromkeys(key_of(table), ExactText())).sql


def _equal(column: Column, value: Value) -> Clause:
    if value is None:
        return Clause(f"{quote(column.name)} is null")
    if isinstance(value, str) and not isinstance(value, ExactText):
        return OPERATORS["exact"].clause(column, value)
    mark = bound(value)
    return Clause(f"{quote(column.name)} = {mark.sql}", mark.params)


def _page(request: Request, database: Database, table: Table, found: Rows, **more: Any) -> RowPage:
    everything = request.serving.baked.manifest.metadata
    levels = (everything, of_database(everything, database.name), of_table(everything, database.name, table.name))
    values = dict(zip(found.columns, found.rows[0], strict=True))
    key, shown = key_of(table), request.format != "json"
    return RowPage(
        title=f"{table.name} {', '.join(str(values[name]) for name in key)}" if shown else "",
        crumbs=crumbs(request, database.name, table.name) if shown else (),
        about=about(*levels) if shown else NOTHING,
        metadata=levels[-1],
        database=database.entry,
        table=table,
        columns=found.columns,
        rows=found.rows,
        key=key,
        key_values=tuple(values[name] for name in key),
        path_values=tuple(decode_key(request.names[2])),
        **more,
    )


async def _incoming(request: Request, database: Database, table: Table, found: Rows) -> tuple[Incoming, ...]:
    values = dict(zip(found.columns, found.rows[0], strict=True))
    return tuple([await _referring(request, database, key, values) for key in table.incoming])


async def _referring(request: Request, database: Database, key: ForeignKey, values: Mapping[str, Value]) -> Incoming:
    pairs = list(zip(key.other_columns, (values.get(name) for name in key.columns), strict=True))
    where: list[Clause] = []
    for name, value in pairs:
        mark = bound(value)
        where.append(Clause(f"{quote(name)} = {mark.sql}", mark.params))
    statement = Select(key.other_table, (), tuple(where)).count()
    query = [(f"{name}__exact" if name.startswith("_") else name, str(value)) for name, value in pairs]
    url = request.urls.path(database.name, key.other_table, query=query)
    try:
        counted = await database.query(statement.sql, statement.params, limit_ms=COUNT_MS)
    except QueryTimeout:
        return Incoming(foreign_key=key, count=None, url=url)
    return Incoming(foreign_key=key, count=int(str(counted.rows[0][0])), url=url)


def _said(key: Sequence[str]) -> str:
    return " and ".join(key)
