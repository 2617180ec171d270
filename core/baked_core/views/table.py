"""One page of rows of a table or view."""

from collections.abc import Sequence

from msgspec.structs import replace

from baked_core import extras, form, search, table_query
from baked_core.errors import Forbidden
from baked_core.metadata import NOTHING, about, of_database, of_table
from baked_core.page import Redirect, TablePage
from baked_core.request import Request
from baked_core.values import Row
from baked_core.views import facets
from baked_core.views.database import crumbs
from baked_core.views.reading import Part, Reading, beside, csv_columns

_FACETS = frozenset(("facet_results", "facets_timed_out", "sorted_facet_results"))


async def table(request: Request) -> TablePage | Redirect:
    """Show a page of rows, or all of them where CSV is streamed; a sent filter form leads to its plain URL."""
    database = request.serving.database(request.names[0])
    relation = database.relation(request.names[1])
    if form.is_sent(request.args):
        suffix = "" if request.format == "html" else request.format
        pairs = form.arguments(request.args)
        return Redirect(request.urls.path(database.name, relation.name, format=suffix, query=pairs))
    reading = Reading.of(request, database, relation)
    page = _empty(reading, extras.parse(request.args, extras.TABLE))
    if _streamed(request):
        first, rest = await reading.stream()
        return replace(page, columns=csv_columns(reading.query), rows=first.rows, written=first.written, stream=rest)
    return await _with_more(reading, _with_rows(reading, page, await reading.part()))


def _empty(reading: Reading, wanted: tuple[str, ...]) -> TablePage:
    request, relation, query = reading.request, reading.relation, reading.query
    everything, name = request.serving.baked.manifest.metadata, reading.database.name
    levels = (everything, of_database(everything, name), of_table(everything, name, relation.name))
    return TablePage(
        title=str(levels[-1].get("title") or relation.name),
        crumbs=crumbs(request, name) if request.format != "json" else (),
        about=about(*levels) if request.format != "json" else NOTHING,
        metadata=levels[-1],
        database=reading.database.entry,
        relation=relation,
        columns=query.columns,
        all_columns=tuple(table_query.columns_of(relation)),
        key=table_query.key_of(relation),
        rows=(),
        query=query,
        filters=query.filters,
        sort=query.sort,
        size=query.size,
        sortable=table_query.sortable(table_query.columns_of(relation), reading.said),
        allow_sql=request.serving.allows_sql(name),
        extras=wanted,
        labels=tuple(query.select.labels),
    )


def _with_rows(reading: Reading, page: TablePage, part: Part) -> TablePage:
    if reading.request.format == "csv" and page.labels:
        rows: Sequence[Row] = beside(reading.query.select, part.rows, part.labels, page.columns)
        page = replace(page, columns=csv_columns(reading.query))
    else:
        rows = part.rows
    return replace(
        page,
        rows=rows,
        label_rows=part.labels,
        next=part.next,
        next_url=_next_url(reading, part.next),
        statement=part.statement,
    )


async def _with_more(reading: Reading, page: TablePage) -> TablePage:
    """Add what costs a query of its own, where it is asked for: always in HTML, by ``_extra`` in JSON."""
    html = reading.request.format == "html"
    if not (html or page.extras):
        return page
    wanted = frozenset(page.extras)
    if (html or "count" in wanted) and not reading.request.args.flag("_nocount"):
        page = replace(page, count=await reading.count())
    if html or wanted & _FACETS:
        found, late = await facets.counted(reading)
        page = replace(page, facets=found, facets_timed_out=late)
    if html or "suggested_facets" in wanted:
        page = replace(page, suggestions=await facets.suggested(reading))
    return replace(page, searchable=_searchable(reading))


def _searchable(reading: Reading) -> bool:
    database, relation = reading.database.entry, reading.relation
    known = table_query.columns_of(relation)
    return search.index_of(reading.request.args, database, relation, known, reading.said) is not None


def _streamed(request: Request) -> bool:
    if request.format != "csv" or not (request.args.flag("_stream") or request.args.get("_size") == "max"):
        return False
    if not request.serving.settings.allow_csv_stream:
        raise Forbidden("all rows at once are switched off here: page through them with _size and _next")
    return True


def _next_url(reading: Reading, token: str | None) -> str | None:
    if token is None:
        return None
    request = reading.request
    pairs = (*request.args.without("_next"), ("_next", token))
    suffix = "" if request.format == "html" else request.format
    path = request.urls.path(reading.database.name, reading.relation.name, format=suffix, query=pairs)
    return request.urls.absolute(path)
