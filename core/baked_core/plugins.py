"""Plugins: Python files in ``site/plugins/`` of the Bundle, loaded with pluggy at start."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

from baked_core.configured import Configured
from baked_core.errors import ManifestError
from baked_core.http import ASGIApp, HttpRequest
from baked_core.metadata import Metadata
from baked_core.permissions.allow import Actor

NAME: Final = "baked_data"
Wrapper = Callable[[ASGIApp], ASGIApp]


class Plugins:
    """The plugins of one Bundle and what they add."""

    def __init__(self, files: Iterable[Path]) -> None:
        import pluggy  # noqa: PLC0415 - only a Bundle with plugins pays for it

        from baked_core import hookspecs  # noqa: PLC0415

        self._manager = pluggy.PluginManager(NAME)
        self._manager.add_hookspecs(hookspecs)
        for file in files:
            self._manager.register(_load(file), name=file.stem)
        self._manager.check_pending()

    def listed(self) -> list[dict[str, Any]]:
        """Return the name of each plugin and the hooks that it implements."""
        return [
            {
                "name": name,
                "static": False,
                "templates": False,
                "version": None,
                "hooks": sorted(hook.name for hook in self._manager.get_hookcallers(plugin) or ()),
            }
            for name, plugin in self._manager.list_name_plugin()
        ]

    def configure(self, metadata: Metadata) -> None:
        """Tell each plugin what metadata says under its name."""
        found = dict(self._manager.list_name_plugin())
        for name, plugin in found.items():
            others = [each for each in found.values() if each is not plugin]
            self._manager.subset_hook_caller("configure", others)(config=Configured(metadata, name))

    def prepare_connection(self, connection: object, database: str) -> None:
        """Let each plugin add functions or collations to a new connection."""
        self._manager.hook.prepare_connection(connection=connection, database=database)

    @property
    def know_actors(self) -> bool:
        """Whether any plugin may know who asks."""
        return bool(self._manager.hook.actor_from_request.get_hookimpls())

    def actor(self, http: HttpRequest) -> Actor | None:
        """Ask the plugins who sent a request."""
        from starlette.requests import Request  # noqa: PLC0415 - what the hook promises; only such a plugin pays

        found: Actor | None = self._manager.hook.actor_from_request(request=Request(http.scope))
        return found

    def template_vars(self, page: object) -> Mapping[str, Any]:
        """Gather what plugins add to a page's template."""
        added: dict[str, Any] = {}
        for variables in self._manager.hook.extra_template_vars(page=page):
            added.update(variables)
        return added

    def wrappers(self) -> list[Wrapper]:
        """Return what each plugin wraps around the app, the outermost first."""
        return [cast("Wrapper", impl.function) for impl in self._manager.hook.asgi_wrapper.get_hookimpls()]


def find(root: Path | None) -> Plugins | None:
    """Load the plugins of the Bundle in ``root``, if there are any; raise ManifestError if one cannot be loaded."""
    files = sorted(root.glob("site/plugins/*.py")) if root is not None else []
    return Plugins(files) if files else None


def _load(file: Path) -> ModuleType:
    name = f"baked_site_plugins.{file.stem}"
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ManifestError(f"plugin {file.name!r} cannot be loaded: it is no Python file")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as exc:
        raise ManifestError(f"plugin {file.name!r} failed to load: {type(exc).__name__}: {exc}") from exc
    return module
