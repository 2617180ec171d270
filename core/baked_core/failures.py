"""Failures: each error becomes an answer that helps, in the format that was asked for; never a trace or a path."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from baked_core import headers
from baked_core.args import Args
from baked_core.door import Door
from baked_core.errors import CLOSED, CoreError, Forbidden, Later, NotFound, suggested
from baked_core.page import ErrorPage, Link
from baked_core.renderers import json
from baked_core.request import Request, Serving
from baked_core.routes import Renderers, urls_of
from baked_core.urls import Urls, tilde_decode
from baked_core.views.database import crumbs

Handler = Callable[[HttpRequest, Any], Awaitable[Response]]

_FILES = (".json", ".csv", ".blob", ".db", ".md", ".atom")
"""Addresses whose errors are JSON: no person looks at them."""


def handlers(public: Serving, door: Door | None) -> dict[Any, Handler]:
    """Return what answers for each kind of exception; ``public`` is what somebody may see who is not known."""
    renderers = Renderers(public)

    def told(http: HttpRequest, status: int, title: str, message: str) -> Response:
        request = _request(http, public, door)
        if status == NotFound.status and request.serving.closed:  # what is there and what is not: no difference
            status, title, message = Forbidden.status, Forbidden.title, CLOSED
        return _answer(request, status, title, message, renderers)

    async def known(http: HttpRequest, exc: CoreError) -> Response:
        response = told(http, exc.status, exc.title, str(exc))
        if isinstance(exc, Later):
            response.headers["retry-after"] = str(exc.after)
        return response

    async def refused(http: HttpRequest, exc: HTTPException) -> Response:
        title = HTTPStatus(exc.status_code).phrase
        message = "reading is all that can be done here" if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED else title
        response = told(http, exc.status_code, title, message)
        response.headers.update(exc.headers or {})
        return response

    async def unknown(http: HttpRequest, _exc: Exception) -> Response:
        message = "this server failed to answer; it is not your fault, and the log says more"
        request = _request(http, public, None)  # to ask who it is may be what failed
        return _answer(request, 500, CoreError.title, message, renderers)

    return {CoreError: known, HTTPException: refused, Exception: unknown}


def _request(http: HttpRequest, public: Serving, door: Door | None) -> Request:
    serving, actor = (public, None) if door is None else door.admit(http)
    last = http.scope["path"].rpartition("/")[2]
    kind = "html" if http.method in {"GET", "HEAD"} and not last.endswith(_FILES) else "json"
    return Request(serving, urls_of(http, serving), (), kind, Args(), path=http.scope["path"], actor=actor)


def _answer(request: Request, status: int, title: str, message: str, renderers: Renderers) -> Response:
    if request.format == "json":
        return headers.finish(json.answer(json.failure(message, status), status), request, "")
    root, serving = request.urls.root, request.serving
    names = [tilde_decode(each) for each in request.path.removeprefix(root).split("/") if each]
    page = ErrorPage(
        title=title,
        crumbs=crumbs(request, *names[:1]) if names and names[0] in serving.databases else crumbs(request),
        status=status,
        message=message,
        near=_near(request.urls, names, suggested(message)) if status == HTTPStatus.NOT_FOUND else (),
    )
    return headers.finish(renderers["html"](page, request), request, "")


def _near(urls: Urls, names: Sequence[str], name: str) -> tuple[Link, ...]:
    """Return a link to the page that a message suggests: the name in place of the last that was right."""
    if not name or len(names) > 2:  # noqa: PLR2004 - a database and a table
        return ()
    return (Link(name, urls.path(*names[:-1], name)),)
