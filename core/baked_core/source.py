"""A Source: all that is needed to open a database to read, in plain values that another process can be told."""

from msgspec import Struct


class Source(Struct, frozen=True):
    """One database file, or several that a connection in memory joins."""

    name: str
    path: str
    immutable: bool
    cache_kb: int = 0
    """Kilobytes of page cache; 0 for SQLite's default."""
    largest_row: int = 0
    widest: int = 0
    """Columns of the widest table."""
    virtual: dict[str, str] = {}
    """The modules of its virtual tables."""
    attached: dict[str, str] | None = None
    """Paths of the databases that are joined, by name; then ``path`` is not opened."""
