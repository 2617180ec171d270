"""The pages under ``/-/`` that machines ask: identity, verification; and what answers to writes."""

from typing import Any, Final

from starlette.routing import BaseRoute, Route

from baked_core import headers
from baked_core.errors import Forbidden, MethodNotAllowed
from baked_core.http import Handler, HttpRequest, Response
from baked_core.manifest import FORMAT
from baked_core.renderers.json import JSON, answer
from baked_core.request import Serving

_WRITES: Final = {
    "/{database}/-": ("create", "execute-write"),
    "/{database}/-/queries": ("store",),
    "/{database}/{table}/-": ("insert", "upsert", "alter", "drop", "set-column-type"),
    "/{database}/{table}/{key}/-": ("update", "delete"),
}
"""Where Datasette writes."""
_CLOSED: Final = (
    *(f"/-/{name}" for name in ("actions", "rules", "check", "permissions", "create-token", "auth-token", "tasks")),
    "/{database}/-/foreign-key-targets",
    "/{database}/{table}/-/foreign-key-suggestions",
)
"""What Datasette shows to those who administer it."""


def routes(serving: Serving, verify: Handler | None) -> list[BaseRoute]:
    """Return the routes of these pages; ``/-/verify`` only if it may be asked."""
    identity = {"ok": True, "format": FORMAT, "digest": serving.baked.digest}
    pages: list[BaseRoute] = [
        Route("/-/baked.json", _constant(serving, identity), methods=["GET"]),
    ]
    if verify is not None:
        pages.append(Route("/-/verify", verify, methods=["GET"]))
    return pages


def writes() -> list[BaseRoute]:
    """Return the routes that refuse to write."""
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return [Route(f"{path}/{name}", _refuse, methods=methods) for path, names in _WRITES.items() for name in names]


def closed() -> list[BaseRoute]:
    """Return the routes that refuse to show what only those see who administer a Datasette."""
    return [Route(path + suffix, _close, methods=["GET"]) for path in _CLOSED for suffix in ("", ".json")]


async def _refuse(http: HttpRequest) -> Response:
    if http.method == "POST":
        raise Forbidden("reading is all that can be done here: the data is published as it is")
    raise MethodNotAllowed("{method} means nothing here, and reading is all that can be done", method=http.method)


async def _close(_http: HttpRequest) -> Response:
    raise Forbidden("nothing is administered here: the data is published as it is")


def _constant(serving: Serving, body: Any) -> Handler:
    """Answer always with ``body``: nothing in it changes while the app runs."""
    content, added = answer(body).body, headers.of_constant(serving)

    async def page(_http: HttpRequest) -> Response:
        return Response(bytes(content), media_type=JSON, headers=added)

    return page
