"""The image archive: one tar that is both a Docker archive, for ``docker load``, and an OCI layout."""

import os
import tarfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from platform import machine
from typing import Final

from baked_core.manifest import canonical
from baked_publish.errors import StorageError
from baked_publish.images.image import Image, PlatformImage
from baked_publish.images.layout import TAG, contents, entries, path_of
from baked_publish.registry.content import Blob
from baked_publish.report import Advance, Report

ARCHITECTURES: Final = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
"""What machines call themselves, and what images call them."""


def native(image: Image) -> PlatformImage:
    """Return the image for this machine's architecture, or the first: the one that a Docker archive can hold."""
    mine = ARCHITECTURES.get(machine())
    return next((each for each in image.platforms if each.platform.architecture == mine), image.platforms[0])


def write_archive(image: Image, file: Path, report: Report, name: str) -> None:
    """Write the image as ``file``, which appears complete or not at all.

    ``name`` is ``REPO:TAG``, by which ``docker load`` knows it. Raises StorageError if the file cannot be written.
    """
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        with partial.open("xb") as out:
            for block in archive_blocks(image, report, name):
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)
    except OSError as exc:
        raise StorageError(f"writing {str(file)!r} failed: {exc.strerror or exc}") from exc
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def archive_blocks(
    image: Image, report: Report, name: str, *, without: Collection[str] = frozenset()
) -> Iterator[bytes]:
    """Yield the archive; blobs whose digest is in ``without`` are left out, for who has them already.

    Documents about the image are left out as well: skopeo refuses an archive of more than one manifest.
    """
    found = [blob for blob in contents([image.tree]) if blob.descriptor.digest not in without]
    tag = name.rpartition(":")[2] or TAG
    small = {**entries([image.tree], tag), "manifest.json": _docker_manifest(native(image), name)}
    with report.progress("writing", sum(blob.descriptor.size for blob in found)) as advance:
        for blob in found:
            yield from _entry(path_of(blob), blob, advance)
        for path, data in sorted(small.items()):
            yield from _entry(path, Blob.of(data, ""), lambda _done: None)
    yield bytes(2 * tarfile.BLOCKSIZE)


def docker_archive(one: PlatformImage, name: str, report: Report) -> Iterator[bytes]:
    """Yield an archive of one platform's image for ``docker load`` alone."""
    blobs = [one.config, *(layer.blob for layer in one.layers)]
    with report.progress("loading", sum(blob.descriptor.size for blob in blobs)) as advance:
        for blob in blobs:
            yield from _entry(path_of(blob), blob, advance)
    yield from _entry("manifest.json", Blob.of(_docker_manifest(one, name), ""), lambda _done: None)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _docker_manifest(one: PlatformImage, name: str) -> bytes:
    layers = [path_of(layer.blob) for layer in one.layers]
    return canonical([{"Config": path_of(one.config), "RepoTags": [name], "Layers": layers}])


def _entry(path: str, blob: Blob, advance: Advance) -> Iterator[bytes]:
    header = tarfile.TarInfo(path)
    header.size, header.mode = blob.descriptor.size, 0o644
    yield header.tobuf(tarfile.PAX_FORMAT)
    for block in blob.blocks():
        yield block
        advance(len(block))
    yield bytes(-header.size % tarfile.BLOCKSIZE)
