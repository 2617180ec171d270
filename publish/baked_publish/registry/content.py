"""Content: blobs that can be read again and again, and the tree of manifests that names them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import BinaryIO, Final, Self

from baked_publish.errors import DigestError
from baked_publish.registry.descriptor import Descriptor

BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Blob:
    """Content that is read as a stream, any number of times, at once as well."""

    descriptor: Descriptor
    open: Callable[[], AbstractContextManager[BinaryIO]]
    """Opens the content; what it yields is not yet checked: :meth:`blocks` does."""
    origin: str = ""
    """``HOST/REPOSITORY`` of a registry where it lies as well, so that it may be mounted there; or empty."""

    @classmethod
    def of(cls, data: bytes, media_type: str, **more: object) -> Self:
        """Make a blob of bytes in memory."""
        return cls(Descriptor.of(data, media_type, **more), lambda: BytesIO(data))

    def blocks(self) -> Iterator[bytes]:
        """Yield the content in blocks; raise DigestError before the end if it is not what its descriptor says."""
        seen, size = sha256(), 0
        with self.open() as source:
            while block := source.read(BLOCK):
                seen.update(block)
                size += len(block)
                if size > self.descriptor.size:
                    break
                yield block
        if (size, "sha256:" + seen.hexdigest()) != (self.descriptor.size, self.descriptor.digest):
            raise DigestError(
                f"the content of {self.descriptor.digest} is damaged: {size:,} bytes of {self.descriptor.size:,} were "
                f"read, with sha256 {seen.hexdigest()[:12]}; run the command again"
            )

    def read(self) -> bytes:
        """Return the whole content, which had better be small; raise DigestError if it is damaged."""
        return b"".join(self.blocks())


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
