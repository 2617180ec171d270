"""The headers of every answer: caching, what other sites may read, what a browser may load."""

from typing import Final

from starlette.responses import Response

from baked_core.request import Request

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; script-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
"""Nothing inline, nothing from elsewhere; our pages use no script, a publisher's own files may."""

SAFE: Final = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer-when-downgrade"}
PAGE: Final = {**SAFE, "content-security-policy": _POLICY}


def finish(response: Response, request: Request, etag: str) -> Response:
    """Add the headers that every answer of a view has."""
    settings = request.serving.settings
    response.headers.update(PAGE if request.format == "html" else SAFE)
    if settings.cors and request.format != "html":
        response.headers["access-control-allow-origin"] = "*"
        response.headers["access-control-expose-headers"] = "Link, ETag"
    ttl = request.args.number("_ttl")
    if response.status_code < 400:  # noqa: PLR2004 - errors are not kept
        seconds = settings.default_cache_ttl if ttl is None else ttl
        response.headers["cache-control"] = f"max-age={seconds}" if seconds else "no-cache"
    else:
        response.headers["cache-control"] = "no-store"
    if etag:
        response.headers["etag"] = etag
    return response
