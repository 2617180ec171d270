"""Autocompletion: the rows of a table that a few typed letters may mean, by key and by label."""

from collections.abc import Sequence
from typing import Any, Final

from baked_core import strain
from baked_core.database import Database, Whose
from baked_core.errors import BadRequest, QueryTimeout
from baked_core.filters import OPERATORS
from baked_core.labels import label_of
from baked_core.manifest import Table, View
from baked_core.metadata import of_table
from baked_core.page import DocumentPage
from baked_core.request import Request
from baked_core.sql import Clause, quote
from baked_core.table_query import columns_of, key_of
from baked_core.values import Row

MOST: Final = 10
"""Rows in one answer."""
LONGEST: Final = 200
"""Characters of what is typed."""


async def autocomplete(request: Request) -> DocumentPage:
    """Answer with at most ``MOST`` rows whose key or label holds ``q``; with the last rows for ``_initial=1``."""
    request.args.check(("q", "_initial", "_ttl"))
    database = request.serving.database(request.names[0])
    table = database.relation(request.names[1])
    if isinstance(table, View) or not key_of(table):
        raise BadRequest("rows of {name!r} have no key by which they could be named", name=table.name)
    label = label_of(table, of_table(request.serving.baked.manifest.metadata, database.name, table.name))
    rows, truncated = await _found(request, database, table, label)
    key = key_of(table)
    body: dict[str, Any] = {"ok": True, "rows": [_row(key, label, row) for row in rows]}
    return DocumentPage(title=table.name, body={**body, "truncated": True} if truncated else body)


async def _found(request: Request, database: Database, table: Table, label: str | None) -> tuple[Sequence[Row], bool]:
    """Return keys and labels, and whether looking through the labels took too long."""
    text, limit = request.args.get("q").strip(), request.serving.settings.facet_time_limit_ms
    if not text:
        if not request.args.flag("_initial"):
            return (), False
        statement = _last(table, label)
        return (await database.query(statement.sql, statement.params, limit_ms=limit)).rows, False
    if len(text) > LONGEST:
        raise BadRequest("q may have {most} characters at most, not {length}", most=LONGEST, length=len(text))
    strained = strain.of_pattern(text, strain.largest_row(table, database.entry))
    whose = Whose.PUBLISHER if strained else Whose.APP
    rows, late = list[Row](), False
    for statement in (_exact(table, label, text), _holding(table, label, text)):
        try:
            rows += (await database.query(statement.sql, statement.params, whose=whose, limit_ms=limit)).rows
        except QueryTimeout:
            late = True
    width = len(key_of(table))
    return list({row[:width]: row for row in map(tuple, rows)}.values())[:MOST], late


def _row(key: Sequence[str], label: str | None, row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {"pks": dict(zip(key, row, strict=False))}
    return {**found, "label": row[-1]} if label else found


def _exact(table: Table, label: str | None, text: str) -> Clause:
    """Return the rows one of whose key columns is ``text``."""
    columns = columns_of(table)
    equal = [OPERATORS["exact"].clause(columns[name], text) for name in key_of(table)]
    where = " or ".join(each.sql for each in equal)
    return Clause(f"{_read(table, label)} where {where} limit {MOST}", tuple(p for each in equal for p in each.params))


def _holding(table: Table, label: str | None, text: str) -> Clause:
    """Return the rows whose label or key holds ``text``, the shortest first."""
    pattern = "%" + "".join(f"\\{letter}" if letter in "\\%_" else letter for letter in text) + "%"
    names = list(map(quote, [*key_of(table), *([label] if label else [])]))
    where = " or ".join(f"{name} like ? escape '\\'" for name in names)
    order = f"length({names[-1]}), {names[-1]}"
    return Clause(f"{_read(table, label)} where {where} order by {order} limit {MOST}", (pattern,) * len(names))


def _last(table: Table, label: str | None) -> Clause:
    order = ", ".join(f"{quote(name)} desc" for name in key_of(table))
    return Clause(f"{_read(table, label)} order by {order} limit {MOST}")


def _read(table: Table, label: str | None) -> str:
    names = [*key_of(table), *([label] if label else [])]
    return f"select {', '.join(map(quote, names))} from {quote(table.name)}"  # noqa: S608 - quoted
