"""The OCI layout: an Image as a folder of blobs, after the OCI image specification."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from baked_core.manifest import canonical
from baked_publish.errors import StorageError
from baked_publish.images.image import Image
from baked_publish.registry.content import Blob, Tree
from baked_publish.registry.descriptor import INDEX
from baked_publish.report import Report

MARK: Final = canonical({"imageLayoutVersion": "1.0.0"})
REF_NAME: Final = "org.opencontainers.image.ref.name"
TAG: Final = "latest"


def contents(trees: Iterable[Tree]) -> Iterator[Blob]:
    """Yield each blob and manifest once, in an order that is always the same."""
    seen: set[str] = set()
    for tree in trees:
        for blob in (*tree.all_blobs(), *(each.manifest for each in tree.walk())):
            if blob.descriptor.digest not in seen:
                seen.add(blob.descriptor.digest)
                yield blob


def entries(trees: Iterable[Tree], tag: str) -> dict[str, bytes]:
    """Return the two small files of a layout, ``oci-layout`` and ``index.json``; ``tag`` names the first tree."""
    image_entry, *documents = [tree.manifest.descriptor.to_json() for tree in trees]
    image_entry["annotations"] = {**image_entry.get("annotations", {}), REF_NAME: tag}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [image_entry, *documents]}
    return {"oci-layout": MARK, "index.json": canonical(index)}


def path_of(blob: Blob) -> str:
    """Return where a layout keeps ``blob``."""
    return "blobs/" + blob.descriptor.digest.replace(":", "/")


def write_layout(image: Image, folder: Path, report: Report, tag: str = TAG) -> None:
    """Write the image as the new or empty ``folder``, which appears complete or not at all.

    Raises StorageError if that cannot be done.
    """
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    trees = (image.tree, *image.attached)
    found = list(contents(trees))
    try:
        (partial / "blobs" / "sha256").mkdir(parents=True)
        with report.progress("writing", sum(blob.descriptor.size for blob in found)) as advance:
            for blob in found:
                with (partial / path_of(blob)).open("xb") as out:
                    for block in blob.blocks():
                        out.write(block)
                        advance(len(block))
        for name, data in entries(trees, tag).items():
            (partial / name).write_bytes(data)
        os.replace(partial, folder)  # noqa: PTH105 - Path.replace says nothing more
    except OSError as exc:
        raise StorageError(f"writing {str(folder)!r} failed: {exc.strerror or exc}") from exc
    finally:
        shutil.rmtree(partial, ignore_errors=True)
