"""Metadata as the Manifest holds it: Datasette's nested shape, read level by level."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

Metadata = Mapping[str, Any]


class About(Struct, frozen=True):
    """Where data comes from, of when, under which licence, and where to read more; the nearest level wins."""

    source: str = ""
    source_url: str = ""
    license: str = ""
    license_url: str = ""
    about: str = ""
    about_url: str = ""
    date: str = ""
    """ISO 8601: a day, a month or a year."""


NOTHING: Final = About()
"""Nothing is said, or nothing of it is shown."""


def of_database(metadata: Metadata, database: str) -> Metadata:
    """Return what is said of a database."""
    return _level(metadata, "databases", database)


def of_table(metadata: Metadata, database: str, table: str) -> Metadata:
    """Return what is said of a table or view."""
    return _level(of_database(metadata, database), "tables", table)


def of_query(metadata: Metadata, database: str, query: str) -> Metadata:
    """Return what is said of a canned query beside its SQL."""
    found: Metadata | str = _level(of_database(metadata, database), "queries", query)
    return {} if isinstance(found, str) else found


def hidden_columns(metadata: Metadata, database: str) -> Mapping[str, frozenset[str]]:
    """Return the columns that nobody may read, by the table that has them."""
    tables: Mapping[str, Metadata | None] = of_database(metadata, database).get("tables") or {}
    found = {name: frozenset(map(str, (said or {}).get("hidden_columns") or ())) for name, said in tables.items()}
    return {name: columns for name, columns in found.items() if columns}


def about(*levels: Metadata) -> About:
    """Merge attribution from the levels, the nearest last; a name and its URL always come from the same level."""
    merged: dict[str, str] = {}
    for level in levels:
        if level.get("date"):
            merged["date"] = str(level["date"])
        for name in ("source", "license", "about"):
            url = web(level.get(f"{name}_url"))
            if level.get(name) or url:
                merged |= {name: str(level.get(name) or url), f"{name}_url": url}
    return About(**merged)


def web(url: object) -> str:
    """Return ``url`` if it leads to the web, else nothing: ``javascript:`` and the like are no links."""
    text = str(url or "")
    return text if text.startswith(("https://", "http://", "/", "mailto:")) else ""


def texts(metadata: Metadata, key: str) -> Mapping[str, str]:
    """Return the mapping under ``key``, ``columns`` or ``units``, as plain text."""
    found: Metadata = metadata.get(key) or {}
    return {name: str(value) for name, value in found.items()}


def types(metadata: Metadata) -> Mapping[str, str]:
    """Return the type that metadata gives to columns, ``url``, ``email`` or ``json``, by column."""
    found: Mapping[str, str | Metadata] = metadata.get("column_types") or {}
    return {name: value if isinstance(value, str) else str(value["type"]) for name, value in found.items()}


def _level(metadata: Metadata, kind: str, name: str) -> Metadata:
    levels: Mapping[str, Metadata | None] = metadata.get(kind) or {}
    return levels.get(name) or {}
