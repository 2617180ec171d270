"""The Bundle: databases, Manifest, the serving app's files and the site, frozen and named by one digest.

Laid out in a folder or an archive it is::

    manifest.json               canonical JSON; its sha256 is the Bundle digest
    databases/NAME.db           one file a database, in rollback mode, for immutable=1
    app/baked_core/...          the serving app, its templates with it
    site/templates/...          the publisher's own templates, plugins and static files
    site/plugins/...
    site/static/MOUNT/...
"""

from dataclasses import dataclass
from pathlib import Path

from baked_core.manifest import Manifest


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of a Bundle and where its bytes lie now.

    The bytes at ``source`` are those that were hashed as long as the ``bake`` context that made the
    Bundle is open; whoever copies them hashes again and compares with ``sha256``.
    """

    path: str
    """Path inside the Bundle, with ``/``."""
    source: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """The frozen result of a bake."""

    manifest: Manifest
    files: tuple[BundleFile, ...]
    """Every file but ``manifest.json`` itself, sorted by path."""

    @property
    def digest(self) -> str:
        """64 hex digits: the sha256 of the Manifest's canonical JSON."""
        return self.manifest.digest

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)
