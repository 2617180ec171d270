"""The Front: answers what is asked for most straight from the scope, and leaves the rest to the routes."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from threading import Lock
from typing import Any, Final

from msgspec import Struct

from baked_core import static
from baked_core.endpoint import DATA, RECORD, Endpoint, Renderers
from baked_core.errors import CoreError
from baked_core.failures import Failures
from baked_core.http import ASGIApp, Handler, HttpRequest, Receive, Response, Scope, Send, Sendable
from baked_core.permissions.door import Door
from baked_core.request import Serving
from baked_core.urls import tilde_encode, with_slashes
from baked_core.views.named import named
from baked_core.views.row import row

SOON: Final = 1.0
"""Seconds after the start until what was left out of it is loaded: whoever woke the site is answered before."""

Life = Callable[[], AbstractAsyncContextManager[Any]]


class Kit(Struct, frozen=True):
    """What every page is answered with, made once."""

    renderers: Renderers
    failures: Failures


class Front:
    """The app itself, inside of what wraps it."""

    def __init__(
        self,
        public: Serving,
        door: Door | None,
        mounts: frozenset[str],
        rest: Callable[[Kit], ASGIApp],
        life: Life,
    ) -> None:
        renderers = Renderers(public)
        self.kit = Kit(renderers, Failures(public, renderers, door))
        self._databases = frozenset(map(tilde_encode, public.databases)) - mounts
        self._named = Endpoint(named, DATA, public, renderers, door=door)
        self._row = Endpoint(row, RECORD, public, renderers, door=door)
        self._life = life
        self._make = rest
        self._rest: ASGIApp | None = None
        self._lock = Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live as long as the server does."""
        if b"%2" in scope.get("raw_path", b""):
            scope["path"] = with_slashes(scope["path"], scope["raw_path"])
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and scope["method"] in {"GET", "HEAD"} and (handler := self._find(scope)):
            await self._answer(handler, scope, receive, send)
        else:
            await self._others()(scope, receive, send)

    def warm(self) -> None:
        """Load what the first page of HTML and the rarer pages need: a quarter of a second, in which nobody waits."""
        self._others()
        self.kit.renderers.warm()

    def _others(self) -> ASGIApp:
        with self._lock:
            if self._rest is None:
                self._rest = self._make(self.kit)
            return self._rest

    async def _answer(self, handler: Handler | Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
        http = HttpRequest(scope, receive)
        try:
            response: Sendable = await handler(http)
        except CoreError as exc:
            response = await self.kit.failures.known(http, exc)
        except Exception as exc:
            response = await self.kit.failures.unknown(http, exc)
            await response(scope, receive, send)
            raise  # to the log
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> Handler | Endpoint | None:
        """Return what answers for a table or row of a database that is there, or one of the simplest pages."""
        path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
        _, *parts = path.split("/")
        if len(parts) not in {2, 3} or parts[0] not in self._databases or parts[1] in {"-", ""} or not parts[-1]:
            return self._own(scope, path, parts) if parts[:1] == ["-"] else _SIMPLE.get(path)
        scope["path_params"] = dict(zip(("database", "table", "key"), parts, strict=False))
        return self._named if len(parts) == 2 else self._row  # noqa: PLR2004 - a database and a table

    @staticmethod
    def _own(scope: Scope, path: str, parts: Sequence[str]) -> Handler | None:
        """Return what answers for a page of the app's own that every visit asks for."""
        if len(parts) == 3 and parts[1] == "static":  # noqa: PLR2004 - the folder and a name in it
            scope["path_params"] = {"name": parts[2]}
            return static.serve
        return _SIMPLE.get(path)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self._life():
                loop = asyncio.get_running_loop()
                warming = loop.call_later(SOON, loop.run_in_executor, None, self.warm)
                await send({"type": "lifespan.startup.complete"})
                await receive()
                warming.cancel()
        except Exception as exc:
            await send({"type": "lifespan.startup.failed", "message": str(exc)})
            raise
        await send({"type": "lifespan.shutdown.complete"})


async def _health(_http: HttpRequest) -> Response:
    return Response(b"ok", media_type="text/plain", headers={"cache-control": "no-store"})


_SIMPLE: Final[Mapping[str, Handler]] = {"/-/healthz": _health, "/favicon.ico": static.icon}
