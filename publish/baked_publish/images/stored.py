"""What lies in an image: its Bundle's files, read back from the layers, with every byte of every layer checked.

A layer is a stream from its first byte to its last: nothing is kept, and what is read is compared with its digest.
"""

import tarfile
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from gzip import GzipFile
from hashlib import sha256
from io import BufferedReader, RawIOBase
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final, cast

from baked_publish.errors import DigestError, VerifyError
from baked_publish.images.config import BUNDLE
from baked_publish.images.members import OPAQUE, WHITEOUT
from baked_publish.registry.content import BLOCK, Blob
from baked_publish.registry.descriptor import DOCKER_LAYER, LAYER, Platform

Files = Iterator[tuple[str, Iterator[bytes]]]
"""What hides a name of lower layers, and all that they have in a folder, after the OCI image specification."""
ABOVE: Final = frozenset({BUNDLE, "", *(str(each) for each in PurePosixPath(BUNDLE).parents)})
"""The Bundle's folder and those it lies in."""


class Stream(RawIOBase):
    """A blob as a file to read; its digest is checked when it was read to its end."""

    def __init__(self, blob: Blob) -> None:
        self._blocks = blob.blocks()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` from the blob, as far as one block goes; raise DigestError at the end of a damaged one."""
        if not self._rest:
            self._rest = memoryview(next(self._blocks, b""))
        taken = min(len(buffer), len(self._rest))
        buffer[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken

    def drain(self) -> None:
        """Read what is left; raise DigestError if the blob is damaged."""
        for _ in self._blocks:
            pass


def bundle_files(layer: Blob, *, above: bool = False) -> Files:
    """Yield the Bundle's files in ``layer``, by their paths in the Bundle.

    A layer in another form than our builder's is of the base: it is read, and holds none. Raises VerifyError for
    content that is damaged or is not a tar, and for whatever hides or replaces files of layers that it lies ``above``.
    """
    stream = Stream(layer)
    with _readable(stream, layer):
        if layer.descriptor.media_type in {LAYER, DOCKER_LAYER}:
            unzipped = cast("BinaryIO", GzipFile(fileobj=cast("BinaryIO", BufferedReader(stream, BLOCK))))
            with tarfile.open(fileobj=unzipped, mode="r|", bufsize=BLOCK) as tar:
                for entry in tar:
                    if path := _path(entry, layer, above=above):
                        above = True
                        content = cast("BinaryIO", tar.extractfile(entry))
                        yield path, _blocks(content, stream, layer)
        stream.drain()


def same_files(platforms: Mapping[Platform | None, Sequence[Blob]]) -> Files:
    """Yield the files of images that must hold the same ones, each layer read once.

    ``platforms`` has the layers of each, lowest first. Raises VerifyError if they differ.
    """
    read: dict[str, dict[str, str]] = {}
    found: dict[Platform | None, dict[str, str]] = {}
    for platform, layers in platforms.items():
        held = found[platform] = {}
        for layer in layers:
            if layer.descriptor.digest not in read:
                yield from _noted(layer, read.setdefault(layer.descriptor.digest, {}), above=bool(held))
            held |= read[layer.descriptor.digest]
    (first, files), *others = found.items()
    for platform, held in others:
        if differing := sorted(path for path, _ in files.items() ^ held.items()):
            raise VerifyError(f"the images for {first} and {platform} differ in {differing[0]!r}: publish again")


def _noted(layer: Blob, seen: dict[str, str], *, above: bool) -> Files:
    for path, blocks in bundle_files(layer, above=above):
        digest = sha256()
        yield path, _hashed(blocks, digest)
        seen[path] = digest.hexdigest()


def _hashed(blocks: Iterable[bytes], digest: Any) -> Iterator[bytes]:
    for block in blocks:
        digest.update(block)
        yield block


def _blocks(content: BinaryIO, stream: Stream, layer: Blob) -> Iterator[bytes]:
    with _readable(stream, layer):
        yield from iter(partial(content.read, BLOCK), b"")


def _path(entry: tarfile.TarInfo, layer: Blob, *, above: bool) -> str:
    """Return the path in the Bundle of a file; empty for what is none of it."""
    whole = PurePosixPath("/", entry.name)
    if ".." in whole.parts:  # no builder writes it: it would lie elsewhere than where it is looked for
        raise VerifyError(f"layer {layer.descriptor.digest} holds {entry.name!r}, which leaves its folder: refused")
    path = str(whole).lstrip("/")
    ours = path.startswith(f"{BUNDLE}/")
    if above and _disturbs(path, entry, ours=ours):
        raise VerifyError(f"layer {layer.descriptor.digest} hides or replaces files at {path!r}: publish again")
    return path.removeprefix(f"{BUNDLE}/") if ours and entry.isreg() else ""


def _disturbs(path: str, entry: tarfile.TarInfo, *, ours: bool) -> bool:
    folder, _, name = path.rpartition("/")
    if name == OPAQUE or not name.startswith(WHITEOUT):
        hidden = folder if name == OPAQUE else path
        kept = entry.isdir() or (ours and entry.isreg() and name != OPAQUE)
    else:
        hidden, kept = f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/"), False
    return not kept and (ours or hidden in ABOVE)


@contextmanager
def _readable(stream: Stream, layer: Blob) -> Generator[None, None, None]:
    """Tell damaged content from content of another form: raise VerifyError for both."""
    digest = layer.descriptor.digest
    try:
        try:
            yield
        except (tarfile.TarError, zlib.error, EOFError, OSError) as exc:
            stream.drain()
            raise VerifyError(f"layer {digest} is not a tar, compressed by gzip: {exc}; publish again") from exc
    except DigestError as exc:
        raise VerifyError(
            f"layer {digest} is not what was pushed: {exc}; if it stays so, publish to another repository"
        ) from exc
