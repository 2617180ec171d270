"""The serving app: a Baked in, an ASGI application out."""

from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from baked_core import assets, failures, manifest, mounted, plugins, routes
from baked_core.bundle import Baked
from baked_core.database import Database, Opening, source_of
from baked_core.door import Door
from baked_core.request import Serving
from baked_core.settings import Settings
from baked_core.strangers.choose import Prepare, Strangers, choose
from baked_core.verify import verify_page

MEMORY: Final = "_memory"
"""The name of the database in which SQL may join across the others."""
ATTACHED: Final = 10
"""SQLITE_MAX_ATTACHED of every build."""


def create_app(baked: Baked, *, verify_token: str | None = None) -> Starlette:
    """Make the application that serves ``baked``; ``/-/verify`` answers only to ``verify_token``."""
    _check_language(baked)
    serving = _serving(baked)
    verify = verify_page(serving, verify_token) if verify_token else None
    door = Door.of(serving)
    public = serving if door is None else door.anonymous
    table = routes.routes(public, verify, _mounts(baked.root), door)
    middleware = [Middleware(mounted.Mounted, base=serving.settings.base_url)]
    if serving.plugins is not None:
        middleware += [Middleware(wrapper) for wrapper in serving.plugins.wrappers()]
    app = Starlette(
        routes=table,
        middleware=middleware,
        exception_handlers=failures.handlers(public, door),
        lifespan=partial(_life, serving.strangers),
    )
    app.router.redirect_slashes = False
    return app


def _check_language(baked: Baked) -> None:
    """Raise ManifestError at start if the pages' language has no strings; our own has them."""
    if baked.manifest.metadata.get("language"):
        from baked_core.strings import of_site  # noqa: PLC0415 - with the first page of HTML is soon enough

        of_site(baked.root, baked.manifest.metadata)


@asynccontextmanager
async def _life(strangers: Strangers, _app: Starlette) -> AsyncGenerator[None, None]:
    strangers.warm()
    try:
        yield
    finally:
        strangers.close()


def _serving(baked: Baked) -> Serving:
    settings = Settings.of(baked.manifest.settings)
    found = plugins.find(baked.root)
    if found is not None:
        found.configure(baked.manifest.metadata)
    prepare = None if found is None else found.prepare_connection
    openings = {name: _opening(baked, name, settings, prepare) for name in baked.manifest.databases}
    if settings.crossdb:
        openings[MEMORY] = _joined(baked, settings)
    sources = {name: opening.source for name, opening in openings.items()}
    site = baked.root if found is not None else None
    strangers = choose(settings, sources, prepare, site, baked.manifest.metadata)
    pool = ThreadPoolExecutor(settings.num_sql_threads, thread_name_prefix="sql")
    databases = {name: Database(opening, pool, strangers) for name, opening in openings.items()}
    return Serving(baked, settings, databases, strangers, found, assets.origins(baked.manifest.metadata))


def _opening(baked: Baked, name: str, settings: Settings, prepare: Prepare | None) -> Opening:
    entry = baked.manifest.databases[name]
    return Opening(entry, source_of(entry, baked.paths[name], settings, immutable=baked.immutable), settings, prepare)


def _joined(baked: Baked, settings: Settings) -> Opening:
    """Return how a database in memory is opened that joins the others, as many as SQLite can attach."""
    first = dict(list(baked.paths.items())[:ATTACHED])
    largest = max((each.largest_row for each in baked.manifest.databases.values()), default=0)
    entry = manifest.Database(MEMORY, "", 0, 4096, "", largest)
    return Opening(entry, source_of(entry, Path(), settings, immutable=baked.immutable, attached=first), settings, None)


def _mounts(root: Path | None) -> dict[str, ASGIApp]:
    """Return what serves the publisher's own static folders, by the name each is mounted under."""
    folder = None if root is None else root / "site" / "static"
    if folder is None or not folder.is_dir():
        return {}
    from starlette.staticfiles import StaticFiles  # noqa: PLC0415 - only a Bundle with static files pays for it

    return {mount.name: StaticFiles(directory=mount) for mount in sorted(folder.iterdir()) if mount.is_dir()}
