"""Routes: which path leads to which view, and the few lines that every answer goes through.

``scope -> route -> view(request) -> Page -> renderer -> Response``
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send

from baked_core import crawlers, headers, own, static, visitor
from baked_core.args import Args
from baked_core.door import Door
from baked_core.download import download
from baked_core.errors import CLOSED, Forbidden, NotFound
from baked_core.page import Page, Redirect
from baked_core.renderers import blob, csv, json, markdown
from baked_core.request import Request, Serving
from baked_core.trace import CURRENT, Trace
from baked_core.urls import Urls, is_canonical, tilde_decode, tilde_encode
from baked_core.views import own as views_own
from baked_core.views import queries as views_queries
from baked_core.views.autocomplete import autocomplete
from baked_core.views.database import database
from baked_core.views.index import index
from baked_core.views.jump import jump
from baked_core.views.named import named
from baked_core.views.query import query
from baked_core.views.row import row

AnyView = Callable[[Request], Awaitable[Any]]
Renderer = Callable[[Page, Request], Response]

DATA: Final = ("html", "json", "csv", "blob", "atom")
RECORD: Final = ("html", "json", "csv", "blob")
PAGES: Final = ("html", "json")
TEXTS: Final = ("html", "json", "md")
ROW: Final = 3
"""Names in the path of a row."""


_OWN: Final = ("versions", "plugins", "settings", "databases", "actor", "config", "threads", "openapi")
_MOVED: Final = {"/-": ("-", ""), "/:memory:": ("_memory",)}
"""Addresses that Datasette once had, and where they lead."""


class Renderers:
    """The renderer of each format; templates are loaded when the first HTML is asked for."""

    def __init__(self, serving: Serving) -> None:
        self._baked = serving.baked
        self._known: dict[str, Renderer] = {
            "json": json.render,
            "csv": csv.render,
            "blob": blob.render,
            "md": markdown.render,
            "atom": _atom,
        }

    def __getitem__(self, name: str) -> Renderer:
        if name not in self._known:
            from baked_core.renderers.html import Html  # noqa: PLC0415 - jinja2 is heavy: not before it is needed

            self._known["html"] = Html(self._baked.root, self._baked.manifest.metadata).render
        return self._known[name]


def _atom(page: Page, request: Request) -> Response:
    from baked_core.renderers import atom  # noqa: PLC0415 - few ask for feeds

    return atom.render(page, request)


class Endpoint(Struct, frozen=True):
    """Answers one kind of path with one view."""

    view: AnyView
    formats: Sequence[str]
    serving: Serving
    renderers: Renderers
    fixed: bool = True
    """Whether the same URL of the same Bundle always gives the same answer."""
    door: Door | None = None
    """What tells how much the reader may see; None where it is all of ``serving``."""

    async def __call__(self, http: HttpRequest) -> Response:
        """Answer: the straight line of every page."""
        if http.method == "OPTIONS":
            return Response(
                status_code=204, headers={"allow": "GET, HEAD, OPTIONS", **headers.of_constant(self.serving)}
            )
        request, elsewhere = self._read(http)
        if elsewhere:
            return headers.finish(RedirectResponse(elsewhere, 302), request, "")
        request.args.check_values()
        if not request.names and request.serving.closed:
            raise Forbidden(CLOSED)
        etag = self._etag(request)
        if etag and headers.matches(http.headers.get("if-none-match", ""), etag):
            return headers.finish(Response(status_code=304), request, etag)
        if self.serving.settings.trace_debug and request.args.flag("_trace"):
            CURRENT.set(Trace())
        visitor.CURRENT.set(visitor.Visitor(http, request.format == "html"))
        page = await self.view(request)
        if isinstance(page, Redirect):
            return headers.finish(RedirectResponse(page.url, 302), request, "")
        response = self.renderers[request.format](page, request)
        if page.personal:
            return headers.finish(response, request, "", keep=False)
        return headers.finish(response, request, etag if response.status_code == 200 else "")  # noqa: PLR2004 - OK

    def _read(self, http: HttpRequest) -> tuple[Request, str]:
        """Read the request, and where it should have gone if its path is not in canonical form."""
        suffix = http.scope["path"].rpartition("/")[2].rpartition(".")[2]
        plain, *others = self.formats
        kind = suffix if suffix in others else plain
        segments = [str(segment) for segment in http.path_params.values()]
        if segments and kind != "html":
            segments[-1] = segments[-1].removesuffix(f".{kind}")
        serving, actor = (self.serving, None) if self.door is None else self.door.admit(http)
        urls = urls_of(http, serving)
        query = http.scope["query_string"]
        names = (*map(tilde_decode, segments[:2]), *segments[2:])
        request = Request(
            serving, urls, names, kind, Args.parse(query), query, http.scope["path"], http.scope["headers"], actor
        )
        known = bool(names) and names[0] in serving.databases
        return request, "" if not known or all(map(is_canonical, segments)) else _canonical(http, urls, kind)

    def _etag(self, request: Request) -> str:
        baked = self.serving.baked
        if (
            not (self.fixed and baked.immutable)
            or request.actor is not None
            or request.args.has("_where")
            or (request.format == "html" and self.serving.plugins is not None)
        ):
            return ""
        if len(request.names) > 1 and not _is_table(request.serving, request.names):
            return ""
        name = f"{baked.digest}{request.urls}{request.names}{request.format}".encode("utf-8", "surrogatepass")
        tag = f'"{sha256(name + request.query).hexdigest()[:24]}"'
        return f"W/{tag}" if _timed(request) else tag


def _timed(request: Request) -> bool:
    """Tell whether an answer says how long it took, so that two of the same are not the same bytes."""
    return request.format == "json" and (len(request.names) == ROW or request.args.has("_trace"))


class Shortcut(BaseRoute):
    """Leads to the pages that are asked for most, without a look at the other routes."""

    def __init__(self, serving: Serving, mounts: Iterable[str], table: Route, row: Route) -> None:
        self._databases = frozenset(map(tilde_encode, serving.databases)) - frozenset(mounts)
        self._table, self._row = table, row

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match a table or a row of a database that is there; everything else is left to the routes that follow."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            return Match.NONE, {}
        _, *parts = str(scope["path"]).removeprefix(scope.get("root_path", "")).split("/")
        if len(parts) not in {2, 3} or parts[0] not in self._databases or parts[1] in {"-", ""} or not parts[-1]:
            return Match.NONE, {}
        names = dict(zip(("database", "table", "key"), parts, strict=False))
        return Match.FULL, {"path_params": names}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        route = self._row if "key" in scope["path_params"] else self._table
        await route.handle(scope, receive, send)


def _canonical(http: HttpRequest, urls: Urls, kind: str) -> str:
    """Return the tilde-encoded address of a path that was percent-encoded."""
    suffix = "" if kind == "html" else kind
    path = http.scope["path"].removeprefix(urls.root).removesuffix(f".{suffix}").lstrip("/")
    parts = [part if is_canonical(part) else tilde_encode(tilde_decode(part)) for part in path.split("/")]
    return _with_query(urls.own(*parts, format=suffix), http)


def _with_query(path: str, http: HttpRequest) -> str:
    query = http.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _is_table(serving: Serving, names: Sequence[str]) -> bool:
    """Tell a table from views and canned queries, which may hold ``random()`` or the time."""
    found = serving.databases.get(names[0])
    return found is not None and names[1] in found.entry.tables


def urls_of(http: HttpRequest, serving: Serving) -> Urls:
    """Return what makes the URLs of the answer to ``http``."""
    scope = http.scope
    host = http.headers.get("host", "localhost")
    scheme = "https" if serving.settings.force_https_urls else scope.get("scheme", "http")
    return Urls(str(scope.get("root_path", "")).rstrip("/"), f"{scheme}://{host}")


def routes(
    serving: Serving, verify: own.Handler | None, mounts: Mapping[str, Any], door: Door | None
) -> list[BaseRoute]:
    """Return the table of routes, tried from above; ``serving`` is what somebody may see who is not known."""
    renderers = Renderers(serving)

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
        Shortcut(serving, mounts, tables, rows),
        *own.routes(serving, verify),
        Route("/-/static/{name}", static.serve, methods=["GET"]),
        Route("/favicon.ico", static.icon, methods=["GET"]),
        *crawlers.routes(serving, urls_of),
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


def _moved(target: Sequence[str]) -> own.Handler:
    async def page(http: HttpRequest) -> Response:
        root = str(http.scope.get("root_path", "")).rstrip("/")
        return RedirectResponse(Urls(root).own(*target), 301, headers.SAFE)

    return page


async def _elsewhere(http: HttpRequest) -> Response:
    """Send a path with a slash too many to the one without; nothing else is known here."""
    path = http.path_params["path"]
    parts = [part for part in path.split("/") if part]
    if not path.endswith("/") or not parts or not all(map(is_canonical, parts)):
        raise NotFound(f"there is no page {http.scope['path']!r}: begin at the index")
    root = str(http.scope.get("root_path", "")).rstrip("/")
    return RedirectResponse(_with_query(Urls(root).own(*parts), http), 302, headers.SAFE)
