"""A plugin's configuration: what metadata says under ``plugins``, secrets read from where they are kept."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

from baked_core.errors import ManifestError
from baked_core.metadata import Metadata, of_database, of_table


class Configured:
    """What one plugin is told, at the top, of a database or of a table; the nearest level that says it wins."""

    def __init__(self, metadata: Metadata, plugin: str) -> None:
        self._metadata = metadata
        self._plugin = plugin

    def __call__(self, database: str = "", table: str = "") -> Mapping[str, Any]:
        """Return the configuration; raise ManifestError for a secret that is not there."""
        metadata = self._metadata
        for level in (of_table(metadata, database, table), of_database(metadata, database), metadata):
            found: Mapping[str, Any] = level.get("plugins") or {}
            if self._plugin in found:
                told: Mapping[str, Any] = _resolved(found[self._plugin], self._plugin)
                return told
        return {}


def _resolved(value: Any, plugin: str) -> Any:
    if _is_list(value):
        return [_resolved(each, plugin) for each in value]
    return _of_object(value, plugin) if _is_object(value) else value


def _of_object(told: Mapping[str, Any], plugin: str) -> Any:
    if set(told) == {"$env"}:
        return _of_environment(str(told["$env"]), plugin)
    if set(told) == {"$file"}:
        return _of_file(Path(str(told["$file"])), plugin)
    return {name: _resolved(each, plugin) for name, each in told.items()}


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _of_environment(name: str, plugin: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise ManifestError(f"plugin {plugin!r} needs the environment variable {name!r}: set it") from None


def _of_file(path: Path, plugin: str) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ManifestError(f"plugin {plugin!r} needs the file {str(path)!r}, which cannot be read") from exc
