"""Ejecting: a folder with a Dockerfile and all that it needs, from which any Docker builds the same server."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from baked_publish.builders.directory import Directory
from baked_publish.bundle import Bundle
from baked_publish.errors import StorageError
from baked_publish.images.dockerfile import Packages, dockerfile, readme
from baked_publish.report import Report

ORDER = ("app", "site", "databases")
"""Folders of a Bundle, the slowest-changing first."""


def eject(
    bundle: Bundle,
    folder: Path,
    packages: Packages,
    requirements: str,
    tag: str,
    labels: Mapping[str, str],
    report: Report,
) -> None:
    """Write the Dockerfile's folder as the new or empty ``folder``, which appears complete or not at all.

    Raises StorageError if that cannot be done, SourceError if a file changed since the bake.
    """
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    there = {file.path.partition("/")[0] for file in bundle.files}
    folders = [each for each in ORDER if each in there]
    try:
        partial.mkdir(parents=True)
        Directory(bundle).write(partial / "bundle", report)
        (partial / "Dockerfile").write_text(dockerfile(packages, tag, folders, labels))
        (partial / "requirements.txt").write_text(requirements)
        (partial / ".dockerignore").write_text("Dockerfile\nREADME.md\n")
        (partial / "README.md").write_text(readme(tag))
        for each in partial.rglob("*"):
            each.chmod(0o755 if each.is_dir() else 0o644)  # as the image has them, whatever the umask
        os.replace(partial, folder)  # noqa: PTH105 - Path.replace says nothing more
    except OSError as exc:
        raise StorageError(f"writing {str(folder)!r} failed: {exc.strerror or exc}") from exc
    finally:
        shutil.rmtree(partial, ignore_errors=True)
