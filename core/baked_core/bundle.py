"""The Bundle as the serving app sees it: a Manifest and the files that it names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from baked_core.errors import ManifestError
from baked_core.manifest import FILE_NAME, Manifest, digest_of


class Baked(Struct, frozen=True):
    """A Manifest and where its database files lie on this machine."""

    manifest: Manifest
    paths: Mapping[str, Path]
    """The database files by database name."""
    root: Path | None = None
    """The folder that holds ``site/``; None where there is no site."""
    immutable: bool = True
    """False for a preview of files that somebody may still write to."""
    digest: str = ""
    """The Bundle digest, computed once."""

    def __post_init__(self) -> None:
        if not self.digest:
            force_setattr(self, "digest", self.manifest.digest)

    def narrowed(self, manifest: Manifest) -> Self:
        """Return the same Bundle, digest included, of which only what ``manifest`` holds is told."""
        return replace(self, manifest=manifest)

    @classmethod
    def open(cls, root: Path) -> Self:
        """Open the Bundle in the folder ``root``; raise ManifestError if it or one of its databases is not there."""
        data = _read(root / FILE_NAME)
        manifest = Manifest.from_json(data)
        paths = {name: root / database.file for name, database in manifest.databases.items()}
        for name, path in paths.items():
            _check(name, path, manifest.databases[name].size)
        return cls(manifest, paths, root, digest=digest_of(data))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise ManifestError(
            f"{str(path)!r} cannot be read ({exc.strerror}): name the folder that `publish bake -o` wrote"
        ) from exc


def _check(name: str, path: Path, size: int) -> None:
    try:
        found = path.stat().st_size
    except OSError as exc:
        raise ManifestError(
            f"database {name!r} is not there: {str(path)!r} ({exc.strerror}); bake the databases again"
        ) from exc
    if found != size:
        raise ManifestError(
            f"database {name!r} in {str(path)!r} has {found:,} bytes, the Manifest says {size:,}; "
            "bake the databases again"
        )
