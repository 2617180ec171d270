"""Artifacts that lie: another database under a correct Manifest, to see that verification finds it."""

import io
import json
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import replace
from gzip import compress, decompress
from pathlib import Path
from typing import Any

from baked_core.manifest import canonical
from baked_publish.artifacts import Artifact
from baked_publish.builders.directory import Directory
from baked_publish.images.image import Image, Layer, PlatformImage
from baked_publish.registry.content import Blob
from baked_publish.registry.descriptor import digest_of
from baked_publish.report import Report

Change = Callable[[Path], object]
"""Changes a database file."""


def tampered(artifact: Artifact, change: Change) -> Artifact:
    """Return ``artifact`` with its database changed and all else as it was."""
    if isinstance(artifact, Directory):
        return tampered_directory(artifact, change)
    assert isinstance(artifact, Image)
    (one,) = artifact.platforms
    changed = tampered_platform(one, change)
    return replace(artifact, platforms=(changed,), tree=changed.tree)


def tampered_directory(artifact: Directory, change: Change) -> Directory:
    """Return a Directory whose database is changed as soon as it is written."""

    class Tampered(Directory):
        def write(self, folder: Path, report: Report, **how: Any) -> None:
            super().write(folder, report, **how)
            file = folder / "databases" / "data.db"
            file.write_bytes(changed_bytes(unlinked(file), change))

    return Tampered(artifact.bundle)


def unlinked(file: Path) -> bytes:
    """Return what is in ``file`` and unlink it: it may share its bytes with another deployment."""
    data = file.read_bytes()
    file.unlink()
    return data


def changed_bytes(data: bytes, change: Change) -> bytes:
    """Return a database's bytes after ``change``."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.db"
        file.write_bytes(data)
        change(file)
        return file.read_bytes()


def tampered_platform(one: PlatformImage, change: Change) -> PlatformImage:
    """Return an image with one data layer changed, and the configuration and manifest that belong to it."""
    layers = tuple(tampered_layer(layer, change) for layer in one.layers)
    config = json.loads(one.config.read())
    config["rootfs"]["diff_ids"] = [layer.diff_id for layer in layers]
    new = Blob.of(canonical(config), one.config.descriptor.media_type)
    manifest = json.loads(one.manifest.read())
    manifest["config"] = new.descriptor.to_json()
    manifest["layers"] = [layer.blob.descriptor.to_json() for layer in layers]
    return replace(
        one, manifest=Blob.of(canonical(manifest), one.manifest.descriptor.media_type), config=new, layers=layers
    )


def tampered_layer(layer: Layer, change: Change) -> Layer:
    """Return a layer with its database changed; as it is, if it holds none."""
    if layer.base:
        return layer
    raw, out, found = decompress(layer.blob.read()), io.BytesIO(), False
    with tarfile.open(fileobj=io.BytesIO(raw)) as old, tarfile.open(fileobj=out, mode="w") as new:
        for entry in old:
            content = old.extractfile(entry) if entry.isreg() else None
            data = content.read() if content else b""
            if entry.name.endswith("databases/data.db"):
                data, found = changed_bytes(data, change), True
                entry.size = len(data)
            new.addfile(entry, io.BytesIO(data))
    if not found:
        return layer
    blob = Blob.of(compress(out.getvalue()), layer.blob.descriptor.media_type)
    return replace(layer, blob=blob, diff_id=digest_of(out.getvalue()))
