"""A visitor's own SQL and its answer."""

from collections.abc import Mapping

from msgspec.structs import replace

from baked_core import extras
from baked_core.args import FORMAT_ARGUMENTS
from baked_core.connection import Rows
from baked_core.database import Database, Whose
from baked_core.errors import NO_SQL, BadRequest, Forbidden, nearest
from baked_core.metadata import about, of_database
from baked_core.page import QueryPage
from baked_core.parameters import parameters
from baked_core.request import Request
from baked_core.strangers.job import CELLS
from baked_core.values import Value
from baked_core.views.database import crumbs
from baked_core.written import SHAPES, distinct

ARGUMENTS = FORMAT_ARGUMENTS | {"sql", "_size", "_stream", "_blob_hash", "_hide_sql", "_show_sql"}


async def query(request: Request) -> QueryPage:
    """Run the SQL in the URL; ``:name`` in it is filled from the argument ``name``."""
    database = request.serving.own_page(request.names[0])
    if not request.serving.allows_sql(database.name):
        raise Forbidden(NO_SQL)
    wanted = extras.parse(request.args, extras.QUERY)
    sql = request.args.get("sql")
    values = {name: request.args.get(name) for name in parameters(sql)}
    page = replace(_empty(request, database, sql, values), extras=wanted)
    if not sql.strip():
        return _unasked(page, request)
    request.args.check(ARGUMENTS | set(values))
    try:
        return await answered(request, database, page, values, Whose.STRANGER)
    except BadRequest as exc:
        return replace(page, error=str(exc), words=exc.words, title=exc.title, status=exc.status)


async def answered(
    request: Request, database: Database, page: QueryPage, parameters: Mapping[str, Value], whose: Whose
) -> QueryPage:
    """Return ``page`` with the rows that its SQL gives; CSV has all of them. Raises QueryError and QueryTimeout."""
    if request.format == "csv":
        stream = database.stream(page.sql, parameters, whose=whose, limit_ms=request.limit_ms)
        first = await anext(stream)
        return replace(page, columns=distinct(first.columns), rows=first.rows, written=first.written, stream=stream)
    found = await _run(request, database, page.sql, parameters, whose)
    columns = distinct(found.columns)
    return replace(page, columns=columns, rows=found.rows, written=found.written, truncated=found.truncated)


async def _run(request: Request, database: Database, sql: str, parameters: Mapping[str, Value], whose: Whose) -> Rows:
    return await database.query(
        sql,
        parameters,
        whose=whose,
        limit_ms=request.limit_ms,
        max_rows=_max_rows(request),
        way=_way(request),
    )


def _way(request: Request) -> str:
    """Return the shape in which the rows can be written where they are read; else they are wanted as values."""
    shape = request.args.get("_shape", "objects")
    plain = not request.args.has("_json", "_bigint", "_json_infinity", "_nl")
    return shape if request.format == "json" and shape in SHAPES and plain else CELLS


def _max_rows(request: Request) -> int:
    most = request.serving.settings.max_returned_rows
    if request.args.get("_size") == "max":
        return most
    size = request.args.number("_size")
    return most if size is None else min(size, most)


def _empty(request: Request, database: Database, sql: str, parameters: Mapping[str, str]) -> QueryPage:
    everything = request.serving.baked.manifest.metadata
    return QueryPage(
        title="SQL",
        crumbs=crumbs(request, database.name),
        about=about(everything, of_database(everything, database.name)),
        database=database.entry,
        columns=(),
        rows=(),
        sql=sql,
        hide_sql=request.args.flag("_hide_sql"),
        parameters=tuple(parameters.items()),
    )


def _unasked(page: QueryPage, request: Request) -> QueryPage:
    request.args.check(ARGUMENTS)
    if request.format != "html":
        raise BadRequest("which SQL? Add sql=...", near=nearest("sql", [name for name, _ in request.args.pairs]))
    return page
