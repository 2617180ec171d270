"""``/DB.db``: a database file as it is, whole or by Range, unless the publisher switched it off."""

from collections.abc import Awaitable, Callable

from baked_core import headers
from baked_core.database import Database
from baked_core.errors import Forbidden, NotFound, nearest
from baked_core.http import HttpRequest, Response, Sendable
from baked_core.metadata import of_database
from baked_core.permissions.door import Door
from baked_core.request import Serving
from baked_core.urls import tilde_decode


def is_allowed(serving: Serving, name: str) -> bool:
    """Tell whether a database may be downloaded: by the setting, and by what metadata says of it."""
    said = of_database(serving.baked.manifest.metadata, name).get("allow_download", True)
    allowed = serving.sight is None or name in serving.sight.files
    return (
        allowed and serving.settings.allow_download and said is not False and name in serving.baked.manifest.databases
    )


def download(public: Serving, door: Door | None) -> Callable[[HttpRequest], Awaitable[Sendable]]:
    """Make the page that answers with files; ``public`` is what somebody may see who is not known."""

    async def page(http: HttpRequest) -> Sendable:
        serving, actor = (public, None) if door is None else door.admit(http)
        name = tilde_decode(http.path_params["database"])
        found = serving.databases.get(name)
        if found is None or name not in serving.baked.manifest.databases:
            known = [f"{each}.db" for each in serving.baked.manifest.databases]
            raise NotFound("there is no database file {name!r}", name=f"{name}.db", near=nearest(f"{name}.db", known))
        if not is_allowed(serving, name):
            raise Forbidden(
                "downloading database {name!r} is switched off here: read its tables as CSV or JSON", name=name
            )
        return _answer(http, serving, found, known=actor is not None)

    return page


def _answer(http: HttpRequest, serving: Serving, database: Database, *, known: bool) -> Sendable:
    added = headers.of_file(serving, known=known)
    if serving.baked.immutable:
        added["etag"] = f'"{database.entry.sha256}"'
        if headers.matches(http.headers.get("if-none-match", ""), added["etag"]):
            return Response(status_code=304, headers=added)
    from baked_core.file import File  # noqa: PLC0415 - heavy, and a page only asks whether it is allowed

    return File(database.path, headers=added, media_type="application/vnd.sqlite3", filename=f"{database.name}.db")
