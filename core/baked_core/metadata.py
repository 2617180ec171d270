"""Metadata as the Manifest holds it: Datasette's nested shape, read level by level."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Metadata = Mapping[str, Any]

_ATTRIBUTION = ("source", "source_url", "license", "license_url", "about", "about_url")


@dataclass(frozen=True, slots=True)
class About:
    """Where data comes from, under which licence, and where to read more; the nearest level that says it wins."""

    source: str = ""
    source_url: str = ""
    license: str = ""
    license_url: str = ""
    about: str = ""
    about_url: str = ""


def of_database(metadata: Metadata, database: str) -> Metadata:
    """Return what is said of a database."""
    return _level(metadata, "databases", database)


def of_table(metadata: Metadata, database: str, table: str) -> Metadata:
    """Return what is said of a table or view."""
    return _level(of_database(metadata, database), "tables", table)


def about(*levels: Metadata) -> About:
    """Merge attribution from the levels, the nearest last; a name and its URL always come from the same level."""
    merged: dict[str, str] = {}
    for level in levels:
        for name in ("source", "license", "about"):
            if level.get(name) or level.get(f"{name}_url"):
                merged[name] = str(level.get(name) or level[f"{name}_url"])
                merged[f"{name}_url"] = web(level.get(f"{name}_url"))
    return About(**{key: value for key, value in merged.items() if key in _ATTRIBUTION})


def web(url: object) -> str:
    """Return ``url`` if it leads to the web, else nothing: ``javascript:`` and the like are no links."""
    text = str(url or "")
    return text if text.startswith(("https://", "http://", "/", "mailto:")) else ""


def texts(metadata: Metadata, key: str) -> Mapping[str, str]:
    """Return the mapping under ``key``, ``columns`` or ``units``, as plain text."""
    found: Metadata = metadata.get(key) or {}
    return {name: str(value) for name, value in found.items()}


def _level(metadata: Metadata, kind: str, name: str) -> Metadata:
    levels: Mapping[str, Metadata | None] = metadata.get(kind) or {}
    return levels.get(name) or {}
