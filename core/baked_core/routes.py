"""Routes: which path leads to which view; made with the first request that is not answered by the Front."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.routing import BaseRoute, Mount, Route

from baked_core import crawlers, headers, own, static
from baked_core.download import download
from baked_core.endpoint import DATA, RECORD, AnyView, Endpoint, Renderers, urls_of, with_query
from baked_core.errors import NotFound
from baked_core.http import Handler, HttpRequest, Response, redirect
from baked_core.permissions.door import Door
from baked_core.request import Serving
from baked_core.urls import Urls, is_canonical
from baked_core.views import own as views_own
from baked_core.views import queries as views_queries
from baked_core.views.autocomplete import autocomplete
from baked_core.views.database import database
from baked_core.views.index import index
from baked_core.views.jump import jump
from baked_core.views.named import named
from baked_core.views.query import query
from baked_core.views.row import row

PAGES: Final = ("html", "json")
TEXTS: Final = ("html", "json", "md")

_OWN: Final = ("versions", "plugins", "settings", "databases", "actor", "config", "threads", "openapi")
_MOVED: Final = {"/-": ("-", ""), "/:memory:": ("_memory",)}
"""Addresses that Datasette once had, and where they lead."""


def routes(
    serving: Serving, door: Door | None, renderers: Renderers, verify: Handler | None, mounts: Mapping[str, Any]
) -> list[BaseRoute]:
    """Return the table of routes, tried from above; ``serving`` is what somebody may see who is not known."""

    def page(path: str, view: AnyView, formats: Sequence[str] = PAGES, *, fixed: bool = True) -> Route:
        endpoint = Endpoint(view, formats, serving, renderers, fixed, door)
        return Route(path, endpoint.__call__, methods=["GET", "OPTIONS"])

    def pages(path: str, view: AnyView, formats: Sequence[str] = PAGES) -> list[Route]:
        suffixes = ["" if each == "html" else f".{each}" for each in formats]
        return [page(path + suffix, view, formats, fixed=False) for suffix in suffixes]

    def data(path: str, view: AnyView) -> list[Route]:
        return [page(path + suffix, view, ("json",), fixed=False) for suffix in ("", ".json")]

    ours = {name: getattr(views_own, name) for name in _OWN}
    tables, rows = page("/{database}/{table}", named, DATA), page("/{database}/{table}/{key}", row, RECORD)
    return [
        *own.routes(serving, verify),
        Route("/-/static/{name}", static.serve, methods=["GET"]),
        Route("/favicon.ico", static.icon, methods=["GET"]),
        *(Route(path, page, methods=["GET"]) for path, page in crawlers.pages(serving, urls_of).items()),
        *(route for name, view in ours.items() for route in pages(f"/-/{name}", view)),
        *pages("/-/schema", views_own.schema, TEXTS),
        *pages("/-/queries", views_queries.queries),
        *data("/-/jump", jump),
        page("/-/", index),
        page("/-/.json", index),
        *own.closed(),
        page("/-/{name}", views_own.unknown),
        *(Mount(f"/{name}", app) for name, app in mounts.items()),
        page("/", index),
        page("/.json", index),
        *(Route(path, _moved(target), methods=["GET"]) for path, target in _MOVED.items()),
        Route("/{database}.db", download(serving, door), methods=["GET"]),
        page("/{database}", database),
        *pages("/{database}/-/query", query, DATA),
        *data("/{database}/-/query/parameters", views_own.parameters),
        *pages("/{database}/-/queries", views_queries.queries),
        *pages("/{database}/-/schema", views_own.database_schema, TEXTS),
        *own.writes(),
        tables,
        *pages("/{database}/{table}/-/schema", views_own.table_schema, TEXTS),
        *data("/{database}/{table}/-/definition", views_queries.definition),
        *data("/{database}/{table}/-/autocomplete", autocomplete),
        rows,
        Route("/{path:path}", _elsewhere, methods=["GET"]),
    ]


def _moved(target: Sequence[str]) -> Handler:
    async def page(http: HttpRequest) -> Response:
        root = str(http.scope.get("root_path", "")).rstrip("/")
        return redirect(Urls(root).own(*target), 301, headers.SAFE)

    return page


async def _elsewhere(http: HttpRequest) -> Response:
    """Send a path with a slash too many to the one without; nothing else is known here."""
    path = http.path_params["path"]
    parts = [part for part in path.split("/") if part]
    if not path.endswith("/") or not parts or not all(map(is_canonical, parts)):
        raise NotFound("there is no page {path!r}: begin at the index", path=http.scope["path"])
    root = str(http.scope.get("root_path", "")).rstrip("/")
    return redirect(with_query(Urls(root).own(*parts), http), 302, headers.SAFE)
