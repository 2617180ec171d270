"""Stores of images: an OCI layout on this disk, or a repository of a registry; both are read the same way."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from baked_publish.errors import ConfigError
from baked_publish.registry.content import Blob
from baked_publish.registry.descriptor import INDEX, MANIFEST, Descriptor, digest_of

REF_NAME = "org.opencontainers.image.ref.name"


class Store(Protocol):
    """Where an image is read from."""

    @property
    def origin(self) -> str:
        """``HOST/REPOSITORY`` from which blobs may be mounted; empty for a folder."""
        ...

    def manifest(self, reference: str) -> tuple[Descriptor, bytes]:
        """Return the manifest or index of a tag or digest, checked; raise a PublishError if there is none."""
        ...

    def open(self, descriptor: Descriptor) -> AbstractContextManager[BinaryIO]:
        """Open a blob, not yet checked."""
        ...


def blob_of(store: Store, descriptor: Descriptor) -> Blob:
    """Return a blob that is read from ``store`` whenever somebody asks for it."""
    return Blob(descriptor, partial(store.open, descriptor), store.origin)


class Layout:
    """An OCI layout: a folder of blobs, after the OCI image specification."""

    origin = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def manifest(self, reference: str) -> tuple[Descriptor, bytes]:
        """Return what a tag or digest names; without one, the only image there is."""
        descriptor = self._named(reference)
        return descriptor, self._read(descriptor.digest)

    def open(self, descriptor: Descriptor) -> BinaryIO:
        """Open a blob."""
        try:
            return self._path(descriptor.digest).open("rb")
        except OSError as exc:
            raise ConfigError(
                f"{str(self._folder)!r} lacks {descriptor.digest} ({exc.strerror}): write the layout again"
            ) from exc

    def _named(self, reference: str) -> Descriptor:
        if reference.startswith("sha256:"):
            data = self._read(reference)
            raw = cast("Mapping[str, Any]", json.loads(data))
            return Descriptor(raw.get("mediaType") or (INDEX if "manifests" in raw else MANIFEST), reference, len(data))
        found = {each.annotations.get(REF_NAME, "").rpartition(":")[2]: each for each in self._entries()}
        if not reference and len(found) == 1:
            return next(iter(found.values()))
        if reference not in found:
            known = ", ".join(sorted(found)) or "none"
            raise ConfigError(
                f"the layout {str(self._folder)!r} has no image {reference!r}: write oci:DIR:TAG, TAG is one of {known}"
            )
        return found[reference]

    def _entries(self) -> list[Descriptor]:
        try:
            raw = json.loads((self._folder / "index.json").read_bytes())
            entries = [Descriptor.from_json(each) for each in raw["manifests"]]
        except OSError as exc:
            raise ConfigError(
                f"{str(self._folder)!r} is not an OCI layout: index.json cannot be read ({exc.strerror})"
            ) from exc
        except (ValueError, KeyError, TypeError) as exc:
            raise ConfigError(f"index.json of the layout {str(self._folder)!r} is damaged: {exc!r}") from exc
        return [each for each in entries if not each.artifact_type]

    def _read(self, digest: str) -> bytes:
        with self.open(Descriptor("", digest, 0)) as file:
            data = file.read()
        if digest_of(data) != digest:
            raise ConfigError(f"{digest} in {str(self._folder)!r} is damaged: write the layout again")
        return data

    def _path(self, digest: str) -> Path:
        return self._folder / "blobs" / digest.replace(":", "/")
