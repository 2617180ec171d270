"""Small Bundles for the tests of the serving app, described as a bake describes them."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import apsw

from baked_core.bundle import Baked
from baked_core.manifest import Database, File, Manifest
from baked_publish.manifest import describe

Content = str | Callable[[apsw.Connection], object]
"""SQL, or a function that fills a connection."""


def baked_of(
    root: Path,
    *,
    settings: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
    **databases: Content,
) -> Baked:
    """Make a Bundle in the folder ``root`` and open it."""
    made = {name: _make(root, name, content) for name, content in databases.items()}
    for path, text in (files or {}).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    listed = {path: File(len(text.encode()), sha256(text.encode()).hexdigest()) for path, text in (files or {}).items()}
    manifest = Manifest("baked-data 0", made, listed, settings or {}, metadata or {})
    (root / "manifest.json").write_bytes(manifest.to_json())
    return Baked.open(root)


def _make(root: Path, name: str, content: Content) -> Database:
    path = root / f"databases/{name}.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    with apsw.Connection(str(path)) as connection:
        _ = connection.execute(content) if isinstance(content, str) else content(connection)
    data = path.read_bytes()
    file, digest = f"databases/{name}.db", sha256(data).hexdigest()
    made = describe(connection, name=name, file=file, size=len(data), sha256=digest)
    connection.close()
    return made
