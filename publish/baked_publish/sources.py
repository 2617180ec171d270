"""Sources: the SQLite files that a bake starts from."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Source:
    """One SQLite file to bake and the database name it gets."""

    name: str
    path: Path
    """The SQLite file: the person's own, or one made of his CSV or JSON in a private folder."""
    origin: Path
    """The file the person named."""
