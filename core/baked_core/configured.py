"""Configuration with secrets: what metadata says under ``plugins``, each secret read from where it is kept."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from baked_core.errors import ManifestError
from baked_core.metadata import Metadata, of_database, of_table
from baked_core.shapes import is_list, is_object


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
                told: Mapping[str, Any] = resolved(found[self._plugin], f"plugin {self._plugin!r}")
                return told
        return {}


def resolved(value: Any, who: str) -> Any:
    """Return ``value`` with each ``$env`` and ``$file`` in it read; raise ManifestError naming ``who`` needs them."""
    if is_list(value):
        return [resolved(each, who) for each in value]
    return _of_object(value, who) if is_object(value) else value


def _of_object(told: Mapping[str, Any], who: str) -> Any:
    if set(told) == {"$env"}:
        return _of_environment(str(told["$env"]), who)
    if set(told) == {"$file"}:
        return _of_file(Path(str(told["$file"])), who)
    return {name: resolved(each, who) for name, each in told.items()}


def _of_environment(name: str, who: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise ManifestError(f"{who} needs the environment variable {name!r}: set it") from None


def _of_file(path: Path, who: str) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ManifestError(f"{who} needs the file {str(path)!r}, which cannot be read") from exc
