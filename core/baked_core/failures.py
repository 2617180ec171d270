"""Failures: each error becomes an answer that helps, in the format that was asked for; never a trace or a path."""

from http import HTTPStatus
from typing import Any

from baked_core import headers, nearby
from baked_core.args import Args
from baked_core.endpoint import Renderers, urls_of
from baked_core.errors import CLOSED, CoreError, Forbidden, Later, NotFound, Words
from baked_core.http import Headers, HttpRequest, Sendable
from baked_core.page import ErrorPage
from baked_core.permissions.door import Door
from baked_core.renderers import json
from baked_core.request import Request, Serving

_FILES = (".json", ".csv", ".blob", ".db", ".md", ".atom")
"""Addresses whose errors are JSON: no person looks at them."""


class Failures:
    """Makes the answer of each kind of exception."""

    def __init__(self, public: Serving, renderers: Renderers, door: Door | None) -> None:
        self._public, self._renderers, self._door = public, renderers, door

    async def known(self, http: HttpRequest, exc: CoreError) -> Sendable:
        """Answer for what we can say about."""
        response = self._answer(http, exc.status, exc.title, exc.words)
        if isinstance(exc, Later):
            response.raw_headers.append((b"retry-after", b"%d" % exc.after))
        return response

    async def refused(self, http: HttpRequest, exc: Any) -> Sendable:
        """Answer for an HTTPException of Starlette's."""
        title = HTTPStatus(exc.status_code).phrase
        writing = exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED
        words = Words("reading is all that can be done here") if writing else Words(title)
        response = self._answer(http, exc.status_code, title, words)
        Headers(response.raw_headers).update(exc.headers or {})
        return response

    async def unknown(self, http: HttpRequest, _exc: Exception) -> Sendable:
        """Answer for a mistake of ours."""
        words = Words("this server failed to answer; it is not your fault, and the log says more")
        request = self._request(http, None)  # to ask who it is may be what failed
        return self._rendered(request, 500, CoreError.title, words)

    def _answer(self, http: HttpRequest, status: int, title: str, words: Words) -> Sendable:
        request = self._request(http, self._door)
        if status == NotFound.status and request.serving.closed:  # what is there and what is not: no difference
            status, title, words = Forbidden.status, Forbidden.title, Words(CLOSED)
        return self._rendered(request, status, title, words)

    def _rendered(self, request: Request, status: int, title: str, words: Words) -> Sendable:
        if request.format == "json":
            return headers.finish(json.answer(json.failure(str(words), status), status), request, "")
        back, near = nearby.way_back(request), nearby.meant(request, status, words)
        page = ErrorPage(title=title, crumbs=back, status=status, words=words, near=near)
        return headers.finish(self._renderers["html"](page, request), request, "")

    def _request(self, http: HttpRequest, door: Door | None) -> Request:
        serving, actor = (self._public, None) if door is None else door.admit(http)
        last = http.scope["path"].rpartition("/")[2]
        kind = "html" if http.method in {"GET", "HEAD"} and not last.endswith(_FILES) else "json"
        query, path = http.scope["query_string"], http.scope["path"]
        return Request(serving, urls_of(http, serving), (), kind, Args(), query, path, actor=actor)
