"""The headers of every answer: caching, what other sites may read, what a browser may load."""

from collections.abc import Mapping
from functools import cache
from typing import Final, TypeVar

from baked_core.http import RawHeaders, Sendable
from baked_core.request import Request, Serving

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
"""Nothing inline, nothing from elsewhere; our one script helps to write SQL and asks this server for names."""

SAFE: Final = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer-when-downgrade"}
CORS: Final = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "Authorization, Content-Type",
    "access-control-expose-headers": "Link, ETag",
    "access-control-allow-methods": "GET, HEAD, OPTIONS",
    "access-control-max-age": "3600",
}


Answer = TypeVar("Answer", bound=Sendable)

_VARY: Final = (b"vary", b"Cookie, Authorization")
"""Where not everybody sees the same; what somebody gets who is known is kept nowhere."""


def finish(response: Answer, request: Request, etag: str, *, keep: bool = True) -> Answer:
    """Add the headers that every answer of a view has; one that nobody may ``keep`` says so."""
    settings = request.serving.settings
    raw = response.raw_headers
    raw += _common(html=request.format == "html", cors=settings.cors, origins=request.serving.origins)
    ttl = request.args.number("_ttl")
    if request.serving.sight is not None:
        raw.append(_VARY)
    if not keep or request.actor is not None:
        raw.append((b"cache-control", b"private, no-store"))
    elif response.status_code < 400:  # noqa: PLR2004 - errors are not kept
        seconds = settings.default_cache_ttl if ttl is None else ttl
        raw.append((b"cache-control", _kept(seconds, settings.shared_cache_ttl if ttl is None else 0).encode()))
    else:
        raw.append((b"cache-control", b"no-store"))
    if etag and request.actor is None:
        raw.append((b"etag", etag.encode("latin-1")))
    return response


def of_file(serving: Serving, *, known: bool = False) -> dict[str, str]:
    """Return the headers of a database's file, for a reader who is ``known`` or not."""
    kept = _kept(serving.settings.default_cache_ttl, serving.settings.shared_cache_ttl)
    caching = {"cache-control": "private, no-store" if known else kept}
    if serving.sight is not None:
        caching["vary"] = "Cookie, Authorization"
    return {**SAFE, **(CORS if serving.settings.cors else {}), **caching}


def _kept(seconds: int, shared: int) -> str:
    """Say for how long a browser may keep an answer, and for how long what stands before many of them."""
    own = f"max-age={seconds}" if seconds else "no-cache"
    return f"{own}, s-maxage={shared}" if seconds and shared > seconds else own


def of_constant(serving: Serving) -> Mapping[str, str]:
    """Return the headers of a page that never changes while the app runs."""
    return {**SAFE, **(CORS if serving.settings.cors else {})}


def matches(asked: str, etag: str) -> bool:
    """Tell whether an ``If-None-Match`` names ``etag``, weakly compared, alone or in a list."""
    if asked == etag:
        return True
    bare = etag.removeprefix("W/")
    return any(each.strip().removeprefix("W/") in {bare, "*"} for each in asked.split(",")) if asked else False


@cache
def _common(*, html: bool, cors: bool, origins: str) -> RawHeaders:
    headers = _page(origins) if html else {**SAFE, **(CORS if cors else {})}
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _page(origins: str) -> Mapping[str, str]:
    """Return the headers of a page, which may load styles and scripts of the publisher's own from ``origins``."""
    policy = _POLICY
    for kind in ("style-src 'self'", "script-src 'self'") if origins else ():
        policy = policy.replace(kind, f"{kind} {origins}")
    return {**SAFE, "content-security-policy": policy}
