"""Static files of the app itself: found beside the templates, named by their content."""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from baked_core.errors import NotFound
from baked_core.http import HttpRequest, Response
from baked_core.urls import Urls

_TYPES: Final = {".css": "text/css", ".svg": "image/svg+xml", ".js": "text/javascript", ".png": "image/png"}
_FOREVER: Final = "public, max-age=31536000, immutable"
_SHORT: Final = "public, max-age=300"


def templates() -> Path:
    """Return the folder of templates: inside the package, or at the root of the checkout."""
    inside = Path(__file__).parent / "templates"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "templates"


def url(urls: Urls, name: str) -> str:
    """Return the address of a static file, its content's hash in it, so that it may be kept for ever."""
    _, digest = _read(name)
    return urls.own("-", "static", name, query=[("_hash", digest)])


async def icon(_request: HttpRequest) -> Response:
    """Answer with the icon that browsers ask for by themselves."""
    content, _ = _read("icon.svg")
    return Response(content, headers={"cache-control": _SHORT}, media_type=_TYPES[".svg"])


async def serve(request: HttpRequest) -> Response:
    """Answer with a static file."""
    name = request.path_params["name"]
    if name not in _names():
        raise NotFound("there is no static file {name!r}", name=name)
    content, digest = _read(name)
    caching = _FOREVER if request.query_params.get("_hash") == digest else _SHORT
    headers = {"cache-control": caching, "etag": f'"{digest}"'}
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=_TYPES[Path(name).suffix])


@cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in (templates() / "static").iterdir() if path.suffix in _TYPES)


@cache
def _read(name: str) -> tuple[bytes, str]:
    content = (templates() / "static" / name).read_bytes()
    return content, sha256(content).hexdigest()[:16]
