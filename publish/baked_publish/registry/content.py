"""Content: blobs that can be read again and again, and the tree of manifests that names them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Self

from baked_publish.registry.descriptor import Descriptor


@dataclass(frozen=True, slots=True)
class Blob:
    """Content that is read as a stream, any number of times, at once as well."""

    descriptor: Descriptor
    open: Callable[[], AbstractContextManager[BinaryIO]]
    """Opens the content; what it yields may have to be hashed by the reader."""
    origin: str = ""
    """``HOST/REPOSITORY`` of a registry where it lies as well, so that it may be mounted there; or empty."""

    @classmethod
    def of(cls, data: bytes, media_type: str, **more: object) -> Self:
        """Make a blob of bytes in memory."""
        return cls(Descriptor.of(data, media_type, **more), lambda: BytesIO(data))


@dataclass(frozen=True, slots=True)
class Tree:
    """A manifest, the blobs it names and, for an index, the manifests it names."""

    manifest: Blob
    """Small, and kept in memory."""
    blobs: tuple[Blob, ...] = ()
    children: tuple["Tree", ...] = ()

    def all_blobs(self) -> Iterator[Blob]:
        """Yield every blob below this manifest once, children's first."""
        seen: set[str] = set()
        for tree in self.walk():
            for each in tree.blobs:
                if each.descriptor.digest not in seen:
                    seen.add(each.descriptor.digest)
                    yield each

    def walk(self) -> Iterator["Tree"]:
        """Yield every tree of this one, children before those that name them."""
        for child in self.children:
            yield from child.walk()
        yield self
