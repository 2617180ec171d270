"""SQLite URIs: a path of any name opens exactly that file, and never creates one.

https://sqlite.org/uri.html: ``?`` begins the query, ``#`` the fragment and ``%HH`` is an escape, so that a plain path
with one of them in it opens, or creates, another file.
"""

from pathlib import Path
from urllib.parse import quote_from_bytes


def file_uri(path: Path, *, mode: str = "ro", immutable: bool = False) -> str:
    """Return the ``file:`` URI of ``path``, with every byte but the plain ones escaped."""
    escaped = quote_from_bytes(bytes(path.absolute()))
    return f"file://{escaped}?mode={mode}" + ("&immutable=1" if immutable else "")
