"""Canned queries: SQL that the publisher wrote and named, run with the values of a visitor."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from baked_core.metadata import Metadata, of_database


class Canned(Struct, frozen=True):
    """One query of the metadata."""

    name: str
    sql: str
    said: Metadata
    """What metadata says of it, its SQL included."""
    params: tuple[str, ...] | None = None
    """The form's fields where metadata tells them, else those of the SQL."""

    @property
    def title(self) -> str:
        """What a page calls it."""
        return str(self.said.get("title") or self.name)

    @property
    def hide_sql(self) -> bool:
        """Whether its page shows the SQL only when asked."""
        return bool(self.said.get("hide_sql"))

    @property
    def fragment(self) -> str:
        """What a link to it ends with, ``#`` included; for scripts of the publisher's own."""
        text = str(self.said.get("fragment") or "")
        return f"#{text}" if text else ""

    def body(self, database: str, *, private: bool) -> dict[str, Any]:
        """Return what JSON says of it: the keys of Datasette 1.0 that mean something where nothing is written."""
        return {
            "database": database,
            "name": self.name,
            "sql": self.sql,
            **{key: self.said.get(key) for key in ("title", "description", "description_html")},
            "hide_sql": self.hide_sql,
            "fragment": self.said.get("fragment"),
            "parameters": list(self.params or ()),
            "is_write": False,
            "private": private,
        }


def all_of(metadata: Metadata, database: str) -> tuple[Canned, ...]:
    """Return the queries of a database, in the order of the metadata."""
    found: Mapping[str, Any] = of_database(metadata, database).get("queries") or {}
    return tuple(_canned(name, value) for name, value in found.items())


def find(metadata: Metadata, database: str, name: str) -> Canned | None:
    """Return the query called ``name``, if there is one."""
    found: Mapping[str, Any] = of_database(metadata, database).get("queries") or {}
    return _canned(name, found[name]) if name in found else None


def _canned(name: str, value: str | Mapping[str, Any]) -> Canned:
    said: Metadata = {"sql": value} if isinstance(value, str) else value
    params = said.get("params")
    return Canned(name, str(said["sql"]), said, None if params is None else tuple(map(str, params)))
