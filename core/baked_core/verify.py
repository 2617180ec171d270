"""``/-/verify``: what the files and the tables really hold, for whoever published them and nobody else."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from hashlib import file_digest
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final

from msgspec import to_builtins

from baked_core.errors import Busy, NotFound, QueryError, QueryTimeout
from baked_core.http import HttpRequest, Response
from baked_core.manifest import FORMAT
from baked_core.renderers.json import answer
from baked_core.request import Serving

PATIENCE: Final = 60.0
"""Seconds that one statement of the publisher's may take."""
SHOWN: Final = 2
"""Its rows that are answered: what is expected of it is one value, or that there is none."""
_AGAIN: Final = "5"
"""Seconds after which somebody who came second may ask again."""


def verify_page(serving: Serving, token: str) -> Callable[[HttpRequest], Awaitable[Response]]:
    """Make the page; without ``token`` as its bearer a request gets what an unknown page gets.

    ``?_only=manifest`` answers with the Manifest alone, at once: what a plan compares with. ``?_only=query`` with
    ``database`` and ``sql`` answers one statement of the publisher's, whether or not strangers may send any; it runs
    where theirs run, behind the same walls: a token that leaked reads what is published, and nothing else.
    """
    expected = f"Bearer {token}".encode()
    running = False

    async def page(http: HttpRequest) -> Response:
        nonlocal running
        if not compare_digest(http.headers.get("authorization", "").encode("latin-1"), expected):
            raise NotFound("there is no page {path!r}: begin at the index", path=http.scope["path"])
        if http.query_params.get("_only") == "manifest":
            return _sealed({"format": FORMAT, "manifest": to_builtins(serving.baked.manifest)})
        if running:
            raise Busy("a verification is under way: ask again in a while")
        running = True
        try:
            if http.query_params.get("_only") == "query":
                body = await _ask(serving, http.query_params)
            else:
                body = await asyncio.to_thread(_look, serving)
        finally:
            running = False
        return _sealed(body)

    return page


def _sealed(body: dict[str, Any]) -> Response:
    response = answer(body)
    response.headers["cache-control"] = "no-store"
    return response


def _look(serving: Serving) -> dict[str, Any]:
    """Count every table and hash every file, as long as it takes."""
    baked = serving.baked
    return {
        "format": FORMAT,
        "manifest": to_builtins(baked.manifest),
        "databases": {
            name: {**_hashed(serving.databases[name].path), "tables": dict(serving.databases[name].count_tables())}
            for name in baked.manifest.databases
        },
        "files": {path: _hashed(baked.root / path) for path in baked.manifest.files} if baked.root else {},
    }


async def _ask(serving: Serving, asked: Mapping[str, str]) -> dict[str, Any]:
    """Answer one statement with its first rows."""
    name = asked.get("database", "")
    if name not in serving.databases:
        raise NotFound("there is no database {name!r}", name=name)
    try:
        rows = await serving.databases[name].answer(asked.get("sql", ""), seconds=PATIENCE, max_rows=SHOWN)
    except (QueryError, QueryTimeout) as exc:
        return {"format": FORMAT, "error": str(exc)}
    shown = [[each if isinstance(each, int | float | str) else None for each in row] for row in rows.rows]
    return {"format": FORMAT, "rows": shown, "truncated": rows.truncated}


def _hashed(path: Path) -> dict[str, Any]:
    """Return a file's size and sha256; of a file that is gone, nothing that could match."""
    try:
        with path.open("rb") as file:
            return {"sha256": file_digest(file, "sha256").hexdigest(), "size": file.seek(0, 2)}
    except OSError:
        return {"sha256": "", "size": -1}
