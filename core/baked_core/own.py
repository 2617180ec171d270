"""The app's own pages under ``/-/``: health, identity, versions, databases, settings."""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import apsw
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from baked_core import headers
from baked_core.errors import NotFound
from baked_core.manifest import FORMAT
from baked_core.renderers.json import answer
from baked_core.request import Serving

Handler = Callable[[HttpRequest], Awaitable[Response]]


def routes(serving: Serving, verify: Handler | None) -> list[BaseRoute]:
    """Return the routes of the app's own pages; ``/-/verify`` only if it may be asked."""
    bodies = {
        "baked": {"ok": True, "format": FORMAT, "digest": serving.baked.digest},
        "versions": _versions(serving),
        "databases": _databases(serving),
        "settings": {"ok": True, "settings": asdict(serving.settings)},
    }
    pages: list[BaseRoute] = [Route("/-/healthz", _health, methods=["GET"])]
    pages += [Route(f"/-/{name}.json", _constant(serving, body), methods=["GET"]) for name, body in bodies.items()]
    if verify is not None:
        pages.append(Route("/-/verify", verify, methods=["GET"]))
    return [*pages, Route("/-/{name}", _unknown, methods=["GET"])]


async def _health(_http: HttpRequest) -> Response:
    return Response(b"ok", media_type="text/plain", headers={"cache-control": "no-store"})


async def _unknown(http: HttpRequest) -> Response:
    raise NotFound(f"there is no page {http.scope['path']!r}: begin at the index")


def _constant(serving: Serving, body: Any) -> Handler:
    """Answer always with ``body``: nothing in it changes while the app runs."""
    content = answer(body).body
    added = dict(headers.SAFE)
    if serving.settings.cors:
        added["access-control-allow-origin"] = "*"

    async def page(_http: HttpRequest) -> Response:
        return Response(bytes(content), media_type="application/json; charset=utf-8", headers=added)

    return page


def _versions(serving: Serving) -> dict[str, Any]:
    return {
        "ok": True,
        "python": {"version": ".".join(map(str, sys.version_info[:3])), "full": sys.version},
        "baked_data": {"version": serving.baked.manifest.generator},
        "asgi": "3.0",
        "sqlite": {"version": apsw.sqlite_lib_version(), "apsw": apsw.apsw_version()},
    }


def _databases(serving: Serving) -> dict[str, Any]:
    listed = [
        {
            "name": database.name,
            "size": database.size,
            "is_mutable": not serving.baked.immutable,
            "is_memory": False,
            "hash": database.sha256,
        }
        for database in serving.baked.manifest.databases.values()
    ]
    return {"ok": True, "databases": listed}
