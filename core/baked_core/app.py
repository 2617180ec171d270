"""The serving app: a Baked in, an ASGI application out."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from baked_core import assets, manifest, plugins
from baked_core.bundle import Baked
from baked_core.compressed import Compressed
from baked_core.database import STREAMS, Database, Opening, source_of
from baked_core.errors import CoreError
from baked_core.failures import Failures
from baked_core.front import Front, Kit, Life
from baked_core.http import ASGIApp, Handler, Receive, Scope, Send
from baked_core.mounted import Mounted
from baked_core.permissions.door import Door
from baked_core.request import Serving
from baked_core.settings import Settings
from baked_core.strangers.choose import Prepare, Strangers, choose
from baked_core.strangers.lanes import Lanes
from baked_core.strangers.plan import proxies
from baked_core.threads import Threads
from baked_core.verify import verify_page

MEMORY: Final = "_memory"
"""The name of the database in which SQL may join across the others."""
ATTACHED: Final = 10
"""SQLITE_MAX_ATTACHED of every build."""


class App:
    """The ASGI application of one Bundle, with all that wraps it."""

    def __init__(self, outermost: ASGIApp, life: Life, proxies: int) -> None:
        self._outermost = outermost
        self.proxies = proxies
        """How many proxies before it tell clients apart."""
        self.life = life
        """What the app holds while it serves, for a server that sends no lifespan."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        await self._outermost(scope, receive, send)


def create_app(baked: Baked, *, verify_token: str | None = None) -> App:
    """Make the application that serves ``baked``; ``/-/verify`` answers only to ``verify_token``."""
    _check_language(baked)
    serving = _serving(baked)
    verify = verify_page(serving, verify_token) if verify_token else None
    door = Door.of(serving)
    public = serving if door is None else door.anonymous
    mounts = _mounts(baked.root)
    life = partial(_life, serving.strangers)
    front = Front(public, door, frozenset(mounts), lambda kit: _rest(public, door, kit, verify, mounts), life)
    return App(Compressed(_wrapped(front, serving, front.kit.failures)), life, proxies(serving.settings))


def _wrapped(app: ASGIApp, serving: Serving, failures: Failures) -> ASGIApp:
    """Wrap ``app`` in what plugins add and in the path it is under; answer for what fails in a plugin."""
    wrappers = [] if serving.plugins is None else serving.plugins.wrappers()
    for wrapper in reversed(wrappers):
        app = wrapper(app)
    if serving.settings.base_url.strip("/"):
        app = Mounted(app, serving.settings.base_url)
    if not wrappers:
        return app
    from starlette.middleware.errors import ServerErrorMiddleware  # noqa: PLC0415 - only plugins need it

    guarded: Any = ServerErrorMiddleware(cast("Any", app), handler=cast("Any", failures.unknown))
    made: ASGIApp = guarded
    return made


def _rest(public: Serving, door: Door | None, kit: Kit, verify: Handler | None, mounts: Mapping[str, Any]) -> ASGIApp:
    """Make what answers for all pages but the ones that are asked for most."""
    from starlette.applications import Starlette  # noqa: PLC0415 - heavy: not before it is needed
    from starlette.exceptions import HTTPException  # noqa: PLC0415

    from baked_core.routes import routes  # noqa: PLC0415

    failures = kit.failures
    handlers: Any = {CoreError: failures.known, HTTPException: failures.refused, Exception: failures.unknown}
    made: Any = Starlette(routes=routes(public, door, kit.renderers, verify, mounts), exception_handlers=handlers)
    made.router.redirect_slashes = False
    app: ASGIApp = made
    return app


def _check_language(baked: Baked) -> None:
    """Raise ManifestError at start if the pages' language has no strings; our own has them."""
    if baked.manifest.metadata.get("language"):
        from baked_core.strings import of_site  # noqa: PLC0415 - with the first page of HTML is soon enough

        of_site(baked.root, baked.manifest.metadata)


@asynccontextmanager
async def _life(strangers: Strangers) -> AsyncGenerator[None, None]:
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
    threads = Threads(settings.num_sql_threads, proxies(settings))
    streams = Lanes(STREAMS, settings.sql_queue, lasting=True)
    databases = {name: Database(opening, threads, strangers, streams) for name, opening in openings.items()}
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


def _mounts(root: Path | None) -> dict[str, Any]:
    """Return what serves the publisher's own static folders, by the name each is mounted under."""
    folder = None if root is None else root / "site" / "static"
    if folder is None or not folder.is_dir():
        return {}
    from starlette.staticfiles import StaticFiles  # noqa: PLC0415 - only a Bundle with static files pays for it

    return {mount.name: StaticFiles(directory=mount) for mount in sorted(folder.iterdir()) if mount.is_dir()}
