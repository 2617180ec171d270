"""Failures: each error becomes an answer that helps, in the format that was asked for; never a trace or a path."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from baked_core import headers
from baked_core.args import Args
from baked_core.endpoint import Renderers, urls_of
from baked_core.errors import CLOSED, CoreError, Forbidden, Later, NotFound, suggested
from baked_core.http import Headers, HttpRequest, Sendable
from baked_core.page import ErrorPage, Link
from baked_core.permissions.door import Door
from baked_core.renderers import json
from baked_core.request import Request, Serving
from baked_core.urls import Urls, tilde_decode
from baked_core.views.database import crumbs

_FILES = (".json", ".csv", ".blob", ".db", ".md", ".atom")
"""Addresses whose errors are JSON: no person looks at them."""


class Failures:
    """Makes the answer of each kind of exception."""

    def __init__(self, public: Serving, renderers: Renderers, door: Door | None) -> None:
        self._public, self._renderers, self._door = public, renderers, door

    async def known(self, http: HttpRequest, exc: CoreError) -> Sendable:
        """Answer for what we can say about."""
        response = self._answer(http, exc.status, exc.title, str(exc))
        if isinstance(exc, Later):
            response.raw_headers.append((b"retry-after", b"%d" % exc.after))
        return response

    async def refused(self, http: HttpRequest, exc: Any) -> Sendable:
        """Answer for an HTTPException of Starlette's."""
        title = HTTPStatus(exc.status_code).phrase
        message = "reading is all that can be done here" if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED else title
        response = self._answer(http, exc.status_code, title, message)
        Headers(response.raw_headers).update(exc.headers or {})
        return response

    async def unknown(self, http: HttpRequest, _exc: Exception) -> Sendable:
        """Answer for a mistake of ours."""
        message = "this server failed to answer; it is not your fault, and the log says more"
        request = self._request(http, None)  # to ask who it is may be what failed
        return self._rendered(request, 500, CoreError.title, message)

    def _answer(self, http: HttpRequest, status: int, title: str, message: str) -> Sendable:
        request = self._request(http, self._door)
        if status == NotFound.status and request.serving.closed:  # what is there and what is not: no difference
            status, title, message = Forbidden.status, Forbidden.title, CLOSED
        return self._rendered(request, status, title, message)

    def _rendered(self, request: Request, status: int, title: str, message: str) -> Sendable:
        if request.format == "json":
            return headers.finish(json.answer(json.failure(message, status), status), request, "")
        page = _page(request, status, title, message)
        return headers.finish(self._renderers["html"](page, request), request, "")

    def _request(self, http: HttpRequest, door: Door | None) -> Request:
        serving, actor = (self._public, None) if door is None else door.admit(http)
        last = http.scope["path"].rpartition("/")[2]
        kind = "html" if http.method in {"GET", "HEAD"} and not last.endswith(_FILES) else "json"
        return Request(serving, urls_of(http, serving), (), kind, Args(), path=http.scope["path"], actor=actor)


def _page(request: Request, status: int, title: str, message: str) -> ErrorPage:
    root, serving = request.urls.root, request.serving
    names = [tilde_decode(each) for each in request.path.removeprefix(root).split("/") if each]
    return ErrorPage(
        title=title,
        crumbs=crumbs(request, *names[:1]) if names and names[0] in serving.databases else crumbs(request),
        status=status,
        message=message,
        near=_near(request.urls, names, suggested(message)) if status == HTTPStatus.NOT_FOUND else (),
    )


def _near(urls: Urls, names: Sequence[str], name: str) -> tuple[Link, ...]:
    """Return a link to the page that a message suggests: the name in place of the last that was right."""
    if not name or len(names) > 2:  # noqa: PLR2004 - a database and a table
        return ()
    return (Link(name, urls.path(*names[:-1], name)),)
