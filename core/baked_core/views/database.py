"""One database: its tables and views."""

from baked_core.args import FORMAT_ARGUMENTS
from baked_core.canned import all_of
from baked_core.manifest import Table, View
from baked_core.metadata import about, of_database, of_table
from baked_core.page import DatabasePage, Link, Redirect
from baked_core.request import Request


async def database(request: Request) -> DatabasePage | Redirect:
    """Show the tables and views of a database; ``?sql=`` leads to its SQL page."""
    found = request.serving.own_page(request.names[0]).entry
    if request.args.get("sql"):
        suffix = "" if request.format == "html" else request.format
        return Redirect(request.urls.query(found.name, suffix, request.args.pairs))
    request.args.check({*FORMAT_ARGUMENTS, "_show_hidden"})
    everything = request.serving.baked.manifest.metadata
    said = of_database(everything, found.name)
    relations: list[Table | View] = [*found.tables.values(), *found.views.values()]
    hidden = (r.name for r in relations if r.hidden or of_table(everything, found.name, r.name).get("hidden"))
    return DatabasePage(
        title=str(said.get("title") or found.name),
        crumbs=crumbs(request),
        about=about(everything, said),
        metadata=said,
        database=found,
        tables=tuple(found.tables.values()),
        views=tuple(found.views.values()),
        hidden=frozenset(hidden),
        show_hidden=request.args.flag("_show_hidden"),
        allow_sql=request.serving.allows_sql(found.name),
        queries=all_of(everything, found.name),
        table_metadata=said.get("tables") or {},
    )


def crumbs(request: Request, *names: str) -> tuple[Link, ...]:
    """Return the way from the index down to ``names``, a database and a table, called by their titles."""
    everything, way = request.serving.baked.manifest.metadata, [Link("home", request.urls.path(""))]
    for depth, name in enumerate(names, 1):
        said = of_database(everything, name) if depth == 1 else of_table(everything, names[0], name)
        way.append(Link(str(said.get("title") or name), request.urls.path(*names[:depth])))
    return tuple(way)
