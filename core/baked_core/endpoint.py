"""An Endpoint: one view, and the few lines that every answer of it goes through.

``scope -> view(request) -> Page -> renderer -> answer``
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct

from baked_core import headers, visitor
from baked_core.args import Args
from baked_core.errors import CLOSED, Forbidden
from baked_core.http import HttpRequest, Response, Sendable, redirect
from baked_core.page import Page, Redirect
from baked_core.permissions.door import Door
from baked_core.renderers import blob, json, markdown
from baked_core.request import Request, Serving
from baked_core.trace import CURRENT, Trace
from baked_core.urls import Urls, is_canonical, tilde_decode, tilde_encode

AnyView = Callable[[Request], Awaitable[Any]]
Renderer = Callable[[Page, Request], Sendable]

DATA: Final = ("html", "json", "csv", "blob", "atom")
"""The formats of tables and queries."""
RECORD: Final = ("html", "json", "csv", "blob")
"""The formats of a row."""
ROW: Final = 3
"""Names in the path of a row."""
_HOST: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{1,260}").fullmatch
"""A host and its port; what else somebody sends as one is not repeated, for each of a thousand links would have it."""


class Renderers:
    """The renderer of each format; templates are loaded when the first HTML is asked for."""

    def __init__(self, serving: Serving) -> None:
        self._baked = serving.baked
        self._known: dict[str, Renderer] = {
            "json": json.render,
            "blob": blob.render,
            "md": markdown.render,
        }

    def __getitem__(self, name: str) -> Renderer:
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = self._made(name)
        return found

    def warm(self) -> None:
        """Load those that are made when somebody asks, with the templates."""
        from baked_core.renderers.html import Html  # noqa: PLC0415 - see _made

        html = Html(self._baked.root, self._baked.manifest.metadata)
        html.warm()
        self._known.setdefault("html", html.render)
        for name in ("csv", "atom"):
            self._known.setdefault(name, self._made(name))

    def _made(self, name: str) -> Renderer:
        """Make a renderer that is not needed for the first answer, for jinja2 and streams are heavy."""
        if name == "csv":
            from baked_core.renderers import csv  # noqa: PLC0415

            return csv.render
        if name == "atom":
            from baked_core.renderers import atom  # noqa: PLC0415

            return atom.render
        from baked_core.renderers.html import Html  # noqa: PLC0415

        return Html(self._baked.root, self._baked.manifest.metadata).render


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

    async def __call__(self, http: HttpRequest) -> Sendable:
        """Answer: the straight line of every page."""
        if http.method == "OPTIONS":
            return Response(
                status_code=204, headers={"allow": "GET, HEAD, OPTIONS", **headers.of_constant(self.serving)}
            )
        request, elsewhere = self._read(http)
        if elsewhere:
            return headers.finish(redirect(elsewhere), request, "")
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
            return headers.finish(redirect(page.url), request, "")
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
        if len(request.names) > 1 and not _is_steady(request.serving, request.names):
            return ""
        name = f"{baked.digest}\n{request.urls.origin}\n{request.urls.root}\n{request.path}\n"
        tag = f'"{sha256(name.encode("utf-8", "surrogatepass") + request.query).hexdigest()[:24]}"'
        return f"W/{tag}" if _timed(request) else tag


def _timed(request: Request) -> bool:
    """Tell whether an answer says how long it took, so that two of the same are not the same bytes."""
    return request.format == "json" and (len(request.names) == ROW or request.args.has("_trace"))


def _canonical(http: HttpRequest, urls: Urls, kind: str) -> str:
    """Return the tilde-encoded address of a path that was percent-encoded."""
    suffix = "" if kind == "html" else kind
    path = http.scope["path"].removeprefix(urls.root).removesuffix(f".{suffix}").lstrip("/")
    parts = [part if is_canonical(part) else tilde_encode(tilde_decode(part)) for part in path.split("/")]
    return with_query(urls.own(*parts, format=suffix), http)


def with_query(path: str, http: HttpRequest) -> str:
    """Return ``path`` with the arguments of ``http``."""
    query = http.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _is_steady(serving: Serving, names: Sequence[str]) -> bool:
    """Tell tables, and views that the bake could count, from what may hold ``random()`` or the time."""
    found = serving.databases.get(names[0])
    if found is None:
        return False
    view = found.entry.views.get(names[1])
    return names[1] in found.entry.tables or (view is not None and view.count is not None)


def urls_of(http: HttpRequest, serving: Serving) -> Urls:
    """Return what makes the URLs of the answer to ``http``."""
    scope = http.scope
    host = http.headers.get("host", "localhost")
    scheme = "https" if serving.settings.force_https_urls else scope.get("scheme", "http")
    return Urls(str(scope.get("root_path", "")).rstrip("/"), f"{scheme}://{host}" if _HOST(host) else "")
