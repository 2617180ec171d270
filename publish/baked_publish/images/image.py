"""The Image: a Bundle packed with everything it runs on, for one platform or for several."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from baked_publish.artifacts import Artifact
from baked_publish.bundle import Bundle
from baked_publish.errors import TargetError
from baked_publish.images.lock import Lock
from baked_publish.registry.content import Blob, Tree
from baked_publish.registry.descriptor import Platform


@dataclass(frozen=True, slots=True)
class Layer:
    """A compressed tar, and what it is called uncompressed."""

    blob: Blob
    diff_id: str
    """``sha256:`` of the uncompressed tar."""
    about: str
    """One line of the image's history."""
    base: bool = False
    """Whether it belongs to the base image."""


@dataclass(frozen=True, slots=True)
class PlatformImage:
    """The image of one platform."""

    platform: Platform
    manifest: Blob
    config: Blob
    layers: tuple[Layer, ...]
    """Base layers first."""

    @property
    def tree(self) -> Tree:
        """The manifest with its configuration and layers."""
        return Tree(self.manifest, (self.config, *(layer.blob for layer in self.layers)))


@dataclass(frozen=True, slots=True)
class Image:
    """The Artifact: what a registry, an engine or a file takes."""

    bundle: Bundle
    platforms: tuple[PlatformImage, ...]
    tree: Tree
    """The manifest of the only platform, or the index of several."""
    documents: Callable[[], tuple[Tree, ...]]
    """Makes the documents about the image, which a publish that changes nothing does without."""
    lock: Lock
    """What it was made of; written beside the project once the image is used."""
    kind: str = field(default="image", init=False)

    @classmethod
    def of(cls, artifact: Artifact, target: str) -> Self:
        """Return the Image that an Artifact is; raise TargetError for another kind, which ``target`` does not take."""
        if not isinstance(artifact, cls):
            raise TargetError(f"{target} takes an image, not {artifact.kind!r}")
        return artifact

    @property
    def attached(self) -> tuple[Tree, ...]:
        """The documents about the image, by ``subject``: its SBOM."""
        return self.documents()

    def remember(self) -> None:
        """Write ``publish.lock`` in the current folder."""
        self.lock.write(Path())

    @property
    def digest(self) -> str:
        """64 hex digits of the manifest or index."""
        return self.tree.manifest.descriptor.digest.removeprefix("sha256:")
