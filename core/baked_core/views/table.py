"""One page of rows of a table or view."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from baked_core import form, keyset, table_query
from baked_core.connection import Rows
from baked_core.database import Database
from baked_core.errors import BadRequest, Forbidden, QueryTimeout, nearest
from baked_core.manifest import Table, View
from baked_core.metadata import about, of_database, of_table
from baked_core.page import Redirect, TablePage
from baked_core.request import Request
from baked_core.sentence import sentence
from baked_core.table_query import TableQuery
from baked_core.values import Row
from baked_core.views.database import crumbs

EXTRAS = frozenset(("count", "columns", "primary_keys"))


async def table(request: Request) -> TablePage | Redirect:
    """Show a page of rows, or all of them where CSV is streamed; a sent filter form leads to its plain URL."""
    database = request.serving.database(request.names[0])
    relation = database.relation(request.names[1])
    if form.is_sent(request.args):
        return Redirect(request.urls.path(database.name, relation.name, query=form.arguments(request.args)))
    said = of_table(request.serving.baked.manifest.metadata, database.name, relation.name)
    query = table_query.parse(request.args, database.name, relation, said, request.serving.settings)
    extras = extras_of(request, EXTRAS)
    page = _empty(request, database, relation, query)
    if _streamed(request):
        first, rest = await first_batch(database, query, request.limit_ms)
        return replace(page, rows=first.rows, stream=rest)
    rows, token = await _read(request, database, relation, query)
    count = await _count(request, database, relation, query) if _counted(request, extras) else None
    return replace(
        page,
        rows=rows,
        next=token,
        next_url=_next_url(request, database, relation, token),
        count=count,
        sentence=sentence(count, query.filters, query.sort),
    )


def extras_of(request: Request, known: frozenset[str]) -> frozenset[str]:
    """Return the names in ``_extra``, repeated or between commas; raise BadRequest for one not among ``known``."""
    names = [name for value in request.args.all("_extra") for name in value.split(",") if name]
    for name in names:
        if name not in known:
            raise BadRequest(f"there is no _extra {name!r} here{nearest(name, known)}")
    return frozenset(names)


async def first_batch(
    database: Database, query: TableQuery, limit_ms: int | None
) -> tuple[Rows, AsyncGenerator[Rows, None]]:
    """Begin to read all rows: what fails, fails before the first byte of the answer."""
    statement = query.all()
    stream = database.stream(statement.sql, statement.params, limit_ms=limit_ms)
    return await anext(stream), stream


def _empty(request: Request, database: Database, relation: Table | View, query: TableQuery) -> TablePage:
    everything = request.serving.baked.manifest.metadata
    levels = (everything, of_database(everything, database.name), of_table(everything, database.name, relation.name))
    return TablePage(
        title=str(levels[-1].get("title") or relation.name),
        crumbs=crumbs(request, database.name),
        about=about(*levels),
        metadata=levels[-1],
        database=database.entry,
        relation=relation,
        columns=query.columns,
        all_columns=tuple(table_query.columns_of(relation)),
        key=table_query.key_of(relation),
        rows=(),
        filters=query.filters,
        sort=query.sort,
        size=query.size,
        allow_sql=request.serving.settings.default_allow_sql,
    )


def _streamed(request: Request) -> bool:
    if request.format != "csv" or not (request.args.flag("_stream") or request.args.get("_size") == "max"):
        return False
    if not request.serving.settings.allow_csv_stream:
        raise Forbidden("all rows at once are switched off here: page through them with _size and _next")
    return True


async def _read(
    request: Request, database: Database, relation: Table | View, query: TableQuery
) -> tuple[Sequence[Row], str | None]:
    """Read one page and the token of the next; a page is read with one row more, which tells whether there is one."""
    scope = query.scope if query.keyed else f"{query.scope}/{query.select.where}/{request.serving.baked.digest}"
    place = await _place(request, database, relation, query, scope)
    statement = query.page(place)
    found = await database.query(statement.sql, statement.params, limit_ms=request.limit_ms)
    rows, shown = found.rows[: query.size], len(query.columns)
    token = None
    if len(found.rows) > query.size > 0:
        before = place.rows if isinstance(place, keyset.Offset) else 0
        rowid_name = relation.rowid if isinstance(relation, Table) else None
        token = keyset.encode(query.place_after(rows[-1], before, rowid_name), scope)
    if shown < len(query.select.columns):
        rows = [row[:shown] for row in rows]
    return rows, token


async def _place(
    request: Request, database: Database, relation: Table | View, query: TableQuery, scope: str
) -> keyset.After | keyset.Offset | None:
    token = request.args.get("_next")
    if not token:
        return None
    place = keyset.decode(token, scope, query.select.order)
    if not isinstance(place, keyset.AfterRowid):
        return place
    if isinstance(relation, View) or relation.rowid is None:
        raise BadRequest("_next is not a token of this table")
    statement = query.lookup(relation.rowid)
    found = await database.query(statement.sql, (place.rowid,), limit_ms=request.limit_ms)
    if not found.rows:
        raise BadRequest("_next names a row that is no longer there: begin again without it")
    return keyset.After(tuple(found.rows[0]))


def _next_url(request: Request, database: Database, relation: Table | View, token: str | None) -> str | None:
    if token is None:
        return None
    pairs = (*request.args.without("_next"), ("_next", token))
    suffix = "" if request.format == "html" else request.format
    return request.urls.absolute(request.urls.path(database.name, relation.name, format=suffix, query=pairs))


def _counted(request: Request, extras: frozenset[str]) -> bool:
    if request.format == "html":
        return not request.args.flag("_nocount")
    return "count" in extras


async def _count(request: Request, database: Database, relation: Table | View, query: TableQuery) -> int | None:
    if isinstance(relation, Table) and not query.filters:
        return relation.count
    statement = query.select.count()
    try:
        found = await database.query(statement.sql, statement.params, limit_ms=request.limit_ms)
    except QueryTimeout:
        return None
    count = found.rows[0][0]
    return count if isinstance(count, int) else None
