"""Links that the HTML of a page shows beside its content: other formats, sorting, the next page."""

from msgspec import Struct

from baked_core import atom, download
from baked_core.page import (
    ApiPage,
    DatabasePage,
    DataPage,
    DocumentPage,
    IndexPage,
    Page,
    QueryPage,
    RowPage,
    TablePage,
)
from baked_core.request import Request
from baked_core.search import PREFIX
from baked_core.sql import named
from baked_core.table_query import ARGUMENTS


class Links(Struct, frozen=True):
    """Addresses of the same thing in other forms; empty where there is none."""

    json: str = ""
    csv: str = ""
    next: str = ""
    first: str = ""
    """The first page, where this is another."""
    everything: str = ""
    """All rows, where this page shows only some."""
    columns: str = ""
    """The same rows with all columns, where this page shows only some."""
    feed: str = ""
    """The same rows as an Atom feed, where they are entries of one."""
    download: str = ""
    """The file of the database, where it may be downloaded."""
    schema: str = ""
    """The SQL that made it."""
    sql: str = ""
    """Where the SQL can be changed."""
    toggle: str = ""
    """The same page with its SQL hidden, or shown."""


def links(page: Page, request: Request) -> Links:
    """Return the addresses of ``page`` in other formats and of what follows it."""
    urls = request.urls
    found = Links()
    match page:
        case IndexPage():
            found = Links(json=urls.own("", format="json"))
        case DatabasePage():
            found = _database_links(page, request)
        case TablePage():
            found = _table_links(page, request)
        case RowPage():
            found = Links(json=urls.row(page.database.name, page.table.name, page.key_values, "json"))
        case QueryPage() if (page.sql or page.canned) and not page.error:
            found = _query_links(page, request)
        case DocumentPage() if not isinstance(page, ApiPage):
            found = Links(json=f"{request.path}.json")
        case _:
            pass
    return found


def _database_links(page: DatabasePage, request: Request) -> Links:
    urls, name = request.urls, page.database.name
    return Links(
        json=urls.path(name, format="json"),
        sql=urls.query(name) if page.allow_sql else "",
        download=urls.path(name, format="db") if download.is_allowed(request.serving, name) else "",
        schema=f"{urls.path(name)}/-/schema",
    )


def _table_links(page: TablePage, request: Request) -> Links:
    names = (page.database.name, page.relation.name)
    urls, pairs = request.urls, request.args.without("_next")
    everything = (("_stream", "on"),) if request.serving.settings.allow_csv_stream else ()
    following = (*pairs, ("_next", page.next)) if page.next else ()
    return Links(
        json=urls.path(*names, format="json", query=request.args.pairs),
        csv=urls.path(*names, format="csv", query=(*request.args.without("_next", "_size", "_stream"), *everything)),
        next=urls.path(*names, query=following) if page.next else "",
        first=urls.path(*names, query=pairs) if request.args.has("_next") else "",
        sql=urls.query(page.database.name, query=_statement(page)) if page.allow_sql and not page.personal else "",
        everything=urls.path(*names) if page.query.narrowed else "",
        columns=urls.path(*names, query=request.args.without("_col", "_nocol")) if _has_fewer(page) else "",
        feed=_feed(page, urls.path(*names, format="atom", query=pairs)),
        schema=f"{urls.path(*names)}/-/schema",
    )


def _has_fewer(page: TablePage) -> bool:
    return len(page.columns) < len(page.all_columns)


def _feed(page: DataPage, url: str) -> str:
    return url if atom.is_feed(page.columns) else ""


def _statement(page: TablePage) -> list[tuple[str, str]]:
    sql, values = named(page.statement)
    return [("sql", sql), *((name, str(value)) for name, value in values.items())]


def carried(page: TablePage, request: Request) -> list[tuple[str, str]]:
    """Return the arguments that the filter form sends along: all but filters, the search, sorting and the place."""
    shown = {"_search", "_sort", "_sort_desc", "_next"}
    known = frozenset(page.all_columns)
    return [
        (name, value)
        for name, value in request.args.pairs
        if name not in shown and name not in known and (name in ARGUMENTS or name.startswith(PREFIX))
    ]


def _query_links(page: QueryPage, request: Request) -> Links:
    urls, pairs, name = request.urls, request.args.pairs, page.database.name
    if page.canned is None:
        return Links(
            json=urls.query(name, "json", pairs),
            csv=urls.query(name, "csv", pairs),
            feed=_feed(page, urls.query(name, "atom", pairs)),
        )
    plain = request.args.without("_show_sql", "_hide_sql")
    json, csv = (urls.path(name, page.canned.name, format=each, query=plain) for each in ("json", "csv"))
    toggled = (*plain, ("_show_sql" if page.hide_sql else "_hide_sql", "1"))
    given = [pair for pair in plain if pair[0] in dict(page.parameters)]
    return Links(
        json=json,
        csv=csv,
        sql=urls.query(name, query=[("sql", page.sql), *given])
        if page.sql and page.allow_sql and not page.personal
        else "",
        toggle=urls.path(name, page.canned.name, query=toggled) if page.sql else "",
        feed=_feed(page, urls.path(name, page.canned.name, format="atom", query=plain)),
    )
