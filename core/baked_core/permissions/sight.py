"""A Sight: all that one reader may see of a site, decided once and compared as a whole."""

from msgspec import Struct

Name = tuple[str, str]
"""A database, and a table, view or query in it."""


class Sight(Struct, frozen=True):
    """What one reader may see; readers who may see the same share it."""

    instance: bool
    """The pages that belong to no database."""
    databases: frozenset[str]
    """Those whose own page may be seen."""
    relations: frozenset[Name]
    queries: frozenset[Name]
    opened: frozenset[Name]
    """Queries among them that a block of their own opens, and that read more than the reader may."""
    sql: frozenset[str]
    """Databases for which SQL may be written."""
    files: frozenset[str]
    """Databases that may be downloaded."""
    hidden: frozenset[Name]
    """Tables and views that no SQL of the reader may read, in lower case."""

    def reaches(self, database: str) -> bool:
        """Tell whether anything of a database may be seen."""
        return database in self.databases or any(name[0] == database for name in (*self.relations, *self.queries))
