"""A canned query and its answer: the publisher's SQL with the values of a visitor."""

from collections.abc import Sequence

from msgspec.structs import replace

from baked_core import extras, magic
from baked_core.canned import Canned
from baked_core.database import Database, Whose
from baked_core.errors import BadRequest, QueryError, Words
from baked_core.metadata import about, of_database
from baked_core.page import QueryPage
from baked_core.parameters import parameters
from baked_core.request import Request
from baked_core.trace import CURRENT
from baked_core.values import Value
from baked_core.views.database import crumbs
from baked_core.views.query import ARGUMENTS, answered

FAILED = "this query cannot be run with these values: tell whoever publishes it"
"""All that is said of an error of SQL that its reader may not see."""


async def canned(request: Request, database: Database, query: Canned) -> QueryPage:
    """Run the query; ``:name`` in it is filled from the argument ``name``, a magic one from the request."""
    opened = request.serving.opened(database, query)
    if opened is None:
        return await _answered(request, database, query)
    CURRENT.set(None)  # the SQL is not told, in a trace neither
    page = await _answered(request, *opened, sealed=True)
    return replace(page, sql="", hide_sql=True, canned=query, metadata=query.said, database=database.entry)


async def _answered(request: Request, database: Database, query: Canned, *, sealed: bool = False) -> QueryPage:
    wanted = extras.parse(request.args, extras.QUERY)
    names = parameters(query.sql)
    told = [name for name in query.params or names if not magic.is_magic(name)]
    request.args.check((ARGUMENTS - {"sql"}) | set(told) | set(names))
    values: dict[str, Value] = {name: _value(name, request) for name in names}
    page = replace(_page(request, database, query, told), extras=wanted, personal=any(map(magic.is_magic, names)))
    try:
        return await answered(request, database, page, values, Whose.PUBLISHER)
    except BadRequest as exc:
        words = Words(FAILED) if sealed and isinstance(exc, QueryError) else exc.words
        return replace(page, error=str(words), words=words, status=exc.status)


def _value(name: str, request: Request) -> Value:
    return magic.value(name, request) if magic.is_magic(name) else request.args.get(name)


def _page(request: Request, database: Database, query: Canned, names: Sequence[str]) -> QueryPage:
    everything = request.serving.baked.manifest.metadata
    hidden = query.hide_sql and not request.args.flag("_show_sql")
    return QueryPage(
        title=query.title,
        crumbs=crumbs(request, database.name),
        about=about(everything, of_database(everything, database.name), query.said),
        metadata=query.said,
        database=database.entry,
        columns=(),
        rows=(),
        sql=query.sql,
        canned=query,
        hide_sql=hidden or request.args.flag("_hide_sql"),
        allow_sql=request.serving.allows_sql(database.name),
        parameters=tuple((name, request.args.get(name)) for name in names),
    )
