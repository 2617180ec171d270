"""The canned queries: of the whole site, of one database, and what one of them is."""

from baked_core import canned
from baked_core.errors import NotFound, nearest
from baked_core.page import DocumentPage, QueriesPage
from baked_core.request import Request
from baked_core.views.database import crumbs


async def queries(request: Request) -> QueriesPage:
    """List the queries of every database, or of the one in the path."""
    request.args.check(("_ttl",))
    metadata = request.serving.baked.manifest.metadata
    names = [request.serving.own_page(request.names[0]).name] if request.names else list(request.serving.databases)
    found = {name: canned.all_of(metadata, name) for name in names}
    return QueriesPage(
        title="Queries",
        crumbs=crumbs(request, *(names if request.names else ())),
        database=names[0] if request.names else None,
        queries=tuple((name, query) for name, each in found.items() for query in each),
    )


async def definition(request: Request) -> DocumentPage:
    """Show what metadata says of one query."""
    request.args.check(("_ttl",))
    database, name = request.serving.database(request.names[0]).name, request.names[1]
    metadata = request.serving.baked.manifest.metadata
    query = canned.find(metadata, database, name)
    if query is None:
        known = [each.name for each in canned.all_of(metadata, database)]
        raise NotFound(
            "there is no query {name!r} in database {database!r}",
            name=name,
            database=database,
            near=nearest(name, known),
        )
    return DocumentPage(
        title=query.title,
        crumbs=crumbs(request, database, name),
        body={"ok": True, "query": query.body(database, private=request.serving.is_private(database, name))},
    )
