"""Failures: each error becomes an answer that helps, in the format that was asked for; never a trace or a path."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from baked_core import headers
from baked_core.args import Args
from baked_core.errors import Busy, CoreError
from baked_core.page import ErrorPage, Link
from baked_core.renderers import json
from baked_core.request import Request, Serving
from baked_core.routes import Renderers, urls_of

Handler = Callable[[HttpRequest, Any], Awaitable[Response]]

_FILES = (".json", ".csv", ".blob", ".db", ".md")
"""Addresses whose errors are JSON: no person looks at them."""


def handlers(serving: Serving) -> dict[Any, Handler]:
    """Return what answers for each kind of exception."""
    renderers = Renderers(serving)

    async def known(http: HttpRequest, exc: CoreError) -> Response:
        response = _answer(http, exc.status, exc.title, str(exc), serving, renderers)
        if isinstance(exc, Busy):
            response.headers["retry-after"] = "5"
        return response

    async def refused(http: HttpRequest, exc: HTTPException) -> Response:
        title = HTTPStatus(exc.status_code).phrase
        message = "reading is all that can be done here" if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED else title
        response = _answer(http, exc.status_code, title, message, serving, renderers)
        response.headers.update(exc.headers or {})
        return response

    async def unknown(http: HttpRequest, _exc: Exception) -> Response:
        message = "this server failed to answer; it is not your fault, and the log says more"
        return _answer(http, 500, CoreError.title, message, serving, renderers)

    return {CoreError: known, HTTPException: refused, Exception: unknown}


def _answer(
    http: HttpRequest, status: int, title: str, message: str, serving: Serving, renderers: Renderers
) -> Response:
    urls = urls_of(http, serving)
    last = http.scope["path"].rpartition("/")[2]
    kind = "html" if http.method in {"GET", "HEAD"} and not last.endswith(_FILES) else "json"
    request = Request(serving, urls, (), kind, Args())
    if kind == "json":
        return headers.finish(json.answer(json.failure(message, status), status), request, "")
    home = (Link("home", urls.path("")),)
    page = ErrorPage(title=title, crumbs=home, status=status, message=message)
    return headers.finish(renderers["html"](page, request), request, "")
