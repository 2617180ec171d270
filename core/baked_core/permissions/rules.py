"""Rules: what metadata says of who may see what; the nearest level that says anything is the one that counts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from baked_core.metadata import Metadata, of_database, of_query, of_table
from baked_core.permissions.allow import Actor, allows

INSTANCE: Final = "view-instance"
DATABASE: Final = "view-database"
DOWNLOAD: Final = "view-database-download"
TABLE: Final = "view-table"
QUERY: Final = "view-query"
SQL: Final = "execute-sql"

ACTIONS: Final[Mapping[str, frozenset[str]]] = {
    "file": frozenset((INSTANCE, DATABASE, DOWNLOAD, TABLE, QUERY, SQL)),
    "database": frozenset((DATABASE, DOWNLOAD, TABLE, QUERY, SQL)),
    "table": frozenset((TABLE,)),
    "query": frozenset((QUERY,)),
}
"""The actions that a block ``permissions`` may name at each level."""
KEYS: Final = frozenset(("allow", "allow_sql", "permissions", "tokens", "hidden_columns"))
"""Keys that say who may see what, and are told to nobody."""

_ALLOW: Final = frozenset((INSTANCE, DATABASE, TABLE, QUERY))
"""What the key ``allow`` speaks of, at its own level and below."""


class Rules:
    """All the allow blocks of one site."""

    def __init__(self, metadata: Metadata, *, allow_sql: bool) -> None:
        self._metadata = metadata
        self._allow_sql = allow_sql
        """What goes for SQL where no block says anything: the setting ``default_allow_sql``."""

    def __bool__(self) -> bool:
        """Tell whether anything at all is said of who may see what."""
        return any(KEYS & level.keys() for level in _levels(self._metadata))

    def instance(self, actor: Actor | None) -> bool:
        """Tell whether ``actor`` may see the pages that belong to no database."""
        return self._decided(actor, INSTANCE, self._metadata)

    def database(self, actor: Actor | None, name: str) -> bool:
        """Tell whether ``actor`` may see the page of a database."""
        return self._decided(actor, DATABASE, of_database(self._metadata, name), self._metadata)

    def download(self, actor: Actor | None, name: str) -> bool:
        """Tell whether ``actor`` may have the file of a database, if all in it may be seen."""
        levels = of_database(self._metadata, name), self._metadata
        return self.database(actor, name) and self._decided(actor, DOWNLOAD, *levels)

    def sql(self, actor: Actor | None, name: str) -> bool:
        """Tell whether ``actor`` may write SQL for a database."""
        levels = of_database(self._metadata, name), self._metadata
        return self.database(actor, name) and self._decided(actor, SQL, *levels, default=self._allow_sql)

    def table(self, actor: Actor | None, database: str, name: str) -> bool:
        """Tell whether ``actor`` may see a table or view."""
        own = of_table(self._metadata, database, name)
        return self._decided(actor, TABLE, own, of_database(self._metadata, database), self._metadata)

    def query(self, actor: Actor | None, database: str, name: str) -> bool:
        """Tell whether ``actor`` may see a canned query."""
        own = of_query(self._metadata, database, name)
        return self._decided(actor, QUERY, own, of_database(self._metadata, database), self._metadata)

    def opens_table(self, database: str, name: str) -> bool:
        """Tell whether a table or view has a block of its own."""
        return bool(_said(of_table(self._metadata, database, name), TABLE))

    def opens_query(self, database: str, name: str) -> bool:
        """Tell whether a canned query has a block of its own."""
        return bool(_said(of_query(self._metadata, database, name), QUERY))

    @staticmethod
    def _decided(actor: Actor | None, action: str, *levels: Metadata, default: bool = True) -> bool:
        """Ask the nearest of ``levels`` that says anything of ``action``; all that it says must agree."""
        for level in levels:
            if said := _said(level, action):
                return all(allows(block, actor) for block in said)
        return default


def _said(level: Metadata, action: str) -> Sequence[Any]:
    """Return the blocks of one level that speak of ``action``."""
    permissions: Mapping[str, Any] = level.get("permissions") or {}
    found = [permissions[action]] if action in permissions else []
    if action in _ALLOW and "allow" in level:
        found.append(level["allow"])
    if action == SQL and "allow_sql" in level:
        found.append(level["allow_sql"])
    return found


def _levels(metadata: Metadata) -> Iterator[Metadata]:
    """Yield every level of the metadata that may hold a block."""
    yield metadata
    databases: Mapping[str, Metadata | None] = metadata.get("databases") or {}
    for database in filter(None, databases.values()):
        yield database
        for kind in ("tables", "queries"):
            found: Mapping[str, Any] = database.get(kind) or {}
            yield from (each for each in found.values() if isinstance(each, Mapping))
