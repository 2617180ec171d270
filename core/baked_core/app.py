"""The serving app: a Baked in, an ASGI application out."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from baked_core.bundle import Baked
from baked_core.manifest import FORMAT, canonical


def create_app(baked: Baked, *, verify_token: str | None = None) -> Starlette:  # noqa: ARG001 - the next commit's
    """Make the application that serves ``baked``; ``/-/verify`` answers only with ``verify_token``."""
    identity = canonical({"ok": True, "format": FORMAT, "digest": baked.digest})

    async def healthz(_request: Request) -> Response:
        return Response(b"ok", media_type="text/plain")

    async def baked_json(_request: Request) -> Response:
        return Response(identity, media_type="application/json")

    return Starlette(routes=[Route("/-/healthz", healthz), Route("/-/baked.json", baked_json)])
