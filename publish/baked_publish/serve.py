"""Serve: look at files here, exactly as they will look when published, and again whenever they change."""

import asyncio
import contextlib
import shutil
import socket
import time
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import apsw

from baked_core.bundle import Baked
from baked_core.errors import CoreError, ManifestError
from baked_core.manifest import Database, Manifest
from baked_publish.config import Config
from baked_publish.errors import ConfigError, PreflightError, PublishError, UsageError
from baked_publish.ingredients import Ingredients
from baked_publish.manifest import describe
from baked_publish.options import option
from baked_publish.report import Report, Silent
from baked_publish.sources import Source
from baked_publish.sqlite_uri import file_uri

if TYPE_CHECKING:
    from baked_core.app import App
    from baked_core.http import Receive, Scope, Send

EVERY: Final = 0.5
"""Seconds between two looks at the files."""
SHARE: Final = 0.1
"""The part of the time that looking may take when files change all the time."""
GRACE: Final = 10.0
"""Seconds that requests have to finish once newer files are shown."""
BACKLOG: Final = 128


@dataclass(frozen=True, slots=True)
class Serving:
    """How files are served on this machine; the flags are those of ``datasette serve``."""

    immutable: tuple[Path, ...] = option((), "File that nobody writes to; repeatable.", flag="-i --immutable")
    host: str = option("127.0.0.1", "Address to listen on; 0.0.0.0 for all.", flag="-h --host")
    port: int = option(8001, "Port to listen on; 0 for a free one.", flag="-p --port")
    uds: Path | None = option(None, "Unix socket to listen on instead.")
    cors: bool = option(False, "Let scripts of other sites read JSON and CSV.")
    crossdb: bool = option(False, "Let SQL at /_memory join across the databases.")
    reload: bool = option(False, "Read metadata, templates and plugins again when they change.")
    open_browser: bool = option(False, "Open the page in a browser.", flag="-o --open")
    root_path: str = option("", "Path below which a proxy serves this.")


@dataclass(frozen=True, slots=True)
class Look:
    """What the files held at one moment, ready to be served."""

    app: "App"
    watched: tuple[Path, ...]
    """Files and folders whose change calls for another look."""
    stamp: tuple[object, ...]
    took: float
    """Seconds."""


def preview(
    files: Sequence[Path], ingredients: Ingredients, serving: Serving, report: Report, ready: Callable[[str], None]
) -> None:
    """Serve ``files`` until interrupted; ``ready`` is called with the URL once it answers.

    Raises UsageError when there are no files, PreflightError when the port is taken, and the errors of a bake.
    """
    if not (files or serving.immutable):
        raise UsageError("there is nothing to serve: name at least one file or folder")
    with TemporaryDirectory(prefix="baked-") as workspace, contextlib.suppress(KeyboardInterrupt):
        looker = Looker(files, ingredients, serving, Path(workspace), report)
        asyncio.run(_serve(Preview(looker, looker.look(report), report), serving, ready))


class Looker:
    """Looks at the files: gathers, describes and makes an application of what they hold now."""

    def __init__(
        self, files: Sequence[Path], ingredients: Ingredients, serving: Serving, workspace: Path, report: Report
    ) -> None:
        self._files = [*files, *serving.immutable]
        self._ingredients, self._serving, self._workspace, self._report = ingredients, serving, workspace, report
        self._looks = 0

    def look(self, report: Report) -> Look:
        """Describe every database as it is now; raises the errors of a bake."""
        from baked_core.app import create_app  # noqa: PLC0415 - only those who serve need it

        began, self._looks = time.monotonic(), self._looks + 1
        folder = self._workspace / str(self._looks)
        folder.mkdir()
        inputs, site, config = self._ingredients.read(self._files, folder, report)
        watched = tuple(self._watched(inputs.sources, inputs.metadata))
        stamp = stamp_of(watched)
        for path, source in site.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / path)
        databases = {source.name: self._describe(source, config, report) for source in inputs.sources}
        config.require_permissions(databases, report)
        manifest = Manifest("baked-data preview", databases, settings=self._settings(config), metadata=config.metadata)
        paths = {each.name: each.path for each in inputs.sources}
        try:
            app = create_app(Baked(manifest, paths, folder, immutable=self._immutable))
        except ManifestError as exc:  # a plugin, or a secret that is not there
            raise ConfigError(str(exc)) from exc
        return Look(app, watched, stamp, time.monotonic() - began)

    @property
    def _immutable(self) -> bool:
        """Whether nobody writes to any of the files."""
        given = {path.resolve() for path in self._serving.immutable}
        return all(path.resolve() in given for path in self._files)

    def _describe(self, source: Source, config: Config, report: Report) -> Database:
        """Describe one database as it is; its digest is made of what the file system says, not of its bytes."""
        uri = file_uri(source.path, immutable=self._immutable)
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        with contextlib.closing(apsw.Connection(uri, flags=flags)) as connection:
            return describe(
                connection,
                name=source.name,
                file=source.path.name,
                size=source.path.stat().st_size,
                sha256=sha256(repr(stamp_of((source.path,))).encode()).hexdigest(),
                hidden=config.hidden(source.name),
                report=report,
            )

    def _settings(self, config: Config) -> dict[str, Any]:
        given = {"cors": self._serving.cors, "crossdb": self._serving.crossdb or config.settings.get("crossdb", False)}
        return {**config.settings, **given}

    def _watched(self, sources: Sequence[Source], metadata: Sequence[Path]) -> Iterator[Path]:
        for source in sources:
            yield source.origin
            yield source.origin.with_name(source.origin.name + "-wal")
        yield from (each for each in self._files if each.is_dir())
        if self._serving.reload:
            yield from metadata
            yield from self._ingredients.paths()


class Preview:
    """An ASGI application that shows the newest look at the files."""

    def __init__(self, looker: Looker, first: Look, report: Report) -> None:
        self._looker, self._current, self._report = looker, first, report
        self._stamp = first.stamp

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer by the newest application."""
        await self._current.app(scope, receive, send)

    async def follow(self) -> None:
        """Look again whenever something changed, for ever; a look that fails leaves what was served before."""
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._lifespan(self._current))
            while True:
                await asyncio.sleep(max(EVERY, self._current.took / SHARE))
                stamp = stamp_of(self._current.watched)
                if stamp != self._stamp:
                    self._stamp = stamp
                    await self._show_new(stack)

    async def _show_new(self, stack: contextlib.AsyncExitStack) -> None:
        try:
            look = await asyncio.to_thread(self._looker.look, Silent())
        except (PublishError, CoreError, OSError, apsw.Error) as exc:
            self._report.warning(f"the files changed, but cannot be shown: {exc}")
            return
        before = stack.pop_all()
        await stack.enter_async_context(self._lifespan(look))
        self._current, self._stamp = look, look.stamp
        self._report.info("the files changed: shown anew")
        asyncio.get_running_loop().call_later(GRACE, lambda: asyncio.ensure_future(before.aclose()))

    @staticmethod
    def _lifespan(look: Look) -> contextlib.AbstractAsyncContextManager[Any]:
        return look.app.life()


async def _serve(preview: Preview, serving: Serving, ready: Callable[[str], None]) -> None:
    import uvicorn  # noqa: PLC0415 - only those who serve need it

    bound = _bind(serving)
    config = uvicorn.Config(preview, log_level="warning", lifespan="off", root_path=serving.root_path)
    server = uvicorn.Server(config)
    following, running = asyncio.create_task(preview.follow()), asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not (server.started or running.done()):  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        if server.started:
            _welcome(serving, _url(serving, bound), ready)
        await running
    finally:
        following.cancel()
        if serving.uds is not None:
            serving.uds.unlink(missing_ok=True)


def _welcome(serving: Serving, url: str, ready: Callable[[str], None]) -> None:
    ready(url)
    if serving.open_browser and serving.uds is None:
        webbrowser.open(url)


def _bind(serving: Serving) -> socket.socket:
    """Bind before anything is said; raises PreflightError naming the address."""
    where = str(serving.uds) if serving.uds else f"{serving.host}:{serving.port}"
    try:
        if serving.uds is None:
            return socket.create_server((serving.host, serving.port), backlog=BACKLOG)
        bound = socket.socket(socket.AF_UNIX)
        bound.bind(str(serving.uds))
        bound.listen(BACKLOG)
    except OSError as exc:
        raise PreflightError(f"{where!r} cannot be listened on: {exc.strerror or exc}; choose another port") from exc
    return bound


def _url(serving: Serving, bound: socket.socket) -> str:
    if serving.uds is not None:
        return f"http+unix://{serving.uds}"
    host, port = bound.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def stamp_of(paths: Sequence[Path]) -> tuple[object, ...]:
    """Return what changes whenever one of ``paths`` is written, replaced, made or removed."""
    return tuple(_stat(each) for path in paths for each in (path, *(sorted(path.rglob("*")) if path.is_dir() else ())))


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns
