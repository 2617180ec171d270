"""The Directory: a Bundle as plain files in a folder."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from baked_core.manifest import FILE_NAME
from baked_publish.artifacts import Recipe
from baked_publish.bundle import Bundle, BundleFile
from baked_publish.errors import SourceError, StorageError
from baked_publish.report import Advance, Report

BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Directory:
    """A Bundle that can be written into a folder; nothing is copied before :meth:`write`."""

    bundle: Bundle
    kind: str = field(default="directory", init=False)

    @property
    def digest(self) -> str:
        """The Bundle digest: the files are the Artifact."""
        return self.bundle.digest

    def remember(self) -> None:
        """Write nothing: it is made of the files alone."""

    def write(self, folder: Path, report: Report, *, linked: Mapping[str, Path] | None = None) -> None:
        """Write all files below the new ``folder``, each hashed again on the way.

        ``linked`` names files, by sha256, that already lie on this disk and never change: they are hard-linked.
        Raises SourceError if a source no longer holds the bytes that were baked, StorageError if the disk is
        full or read-only. What was written so far stays; the caller owns the folder.
        """
        linked = linked or {}
        try:
            folder.mkdir(parents=True)
            with report.progress("copying", self.bundle.size) as advance:
                for file in self.bundle.files:
                    _place(file, folder / file.path, linked.get(file.sha256), advance)
            _write_synced(folder / FILE_NAME, self.bundle.manifest.to_json())
        except OSError as exc:
            raise StorageError(f"writing {str(folder)!r} failed: {exc.strerror or exc}; nothing was published") from exc

    def write_whole(self, folder: Path, report: Report) -> None:
        """Write all files as the new or empty ``folder``, which appears complete or not at all."""
        partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
        try:
            self.write(partial, report)
            os.replace(partial, folder)  # noqa: PTH105 - Path.replace says nothing more
        except OSError as exc:
            raise StorageError(f"writing {str(folder)!r} failed: {exc.strerror or exc}") from exc
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def build(bundle: Bundle, _recipe: Recipe, _report: Report) -> Directory:
    """Pack ``bundle`` as a Directory."""
    return Directory(bundle)


def _place(file: BundleFile, target: Path, twin: Path | None, advance: Advance) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if twin is not None:
        try:
            os.link(twin, target)
        except OSError:  # another file system, or one without links
            pass
        else:
            advance(file.size)
            return
    _copy(file, target, advance)


def _copy(file: BundleFile, target: Path, advance: Advance) -> None:
    seen = sha256()
    with file.source.open("rb") as source, target.open("xb") as out:
        while block := source.read(BLOCK):
            seen.update(block)
            out.write(block)
            advance(len(block))
        out.flush()
        os.fsync(out.fileno())
        os.fchmod(out.fileno(), 0o444)
    if seen.hexdigest() != file.sha256:
        raise SourceError(
            f"{str(file.source)!r} changed while it was being published; nothing was published: run the command again"
        )


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("xb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
