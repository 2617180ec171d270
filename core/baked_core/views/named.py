"""What a name below a database stands for: a table or view, or else a canned query."""

from baked_core import canned
from baked_core.page import QueryPage, Redirect, TablePage
from baked_core.request import Request
from baked_core.views.table import table


async def named(request: Request) -> TablePage | QueryPage | Redirect:
    """Show the table, view or canned query of that name; a table goes first, as in Datasette."""
    database = request.serving.database(request.names[0])
    name = request.names[1]
    if name not in database.entry.tables and name not in database.entry.views:
        query = canned.find(request.serving.baked.manifest.metadata, database.name, name)
        if query is not None:
            from baked_core.views.canned import canned as canned_view  # noqa: PLC0415 - not before one is asked for

            return await canned_view(request, database, query)
    return await table(request)
