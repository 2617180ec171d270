"""Making a layer: taken from the cache by what goes into it, or written, hashed and compressed in one pass."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import BinaryIO

from baked_core.manifest import canonical
from baked_publish.errors import DigestError, SourceError
from baked_publish.images.cache import Known, LayerCache
from baked_publish.images.gzip import COMPRESSOR, compress, members, side_by_side
from baked_publish.images.image import Layer
from baked_publish.images.tarball import Entry, tarball
from baked_publish.registry.content import Blob
from baked_publish.registry.descriptor import Descriptor
from baked_publish.report import Advance, Report

Opening = Callable[[], AbstractContextManager[Iterable[bytes]]]
"""Opens the context in which a layer's tar can be read, once."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A layer that is to be made."""

    about: str
    """One line of the image's history."""
    key: str
    """64 hex digits of all that goes into it."""
    tar: Opening
    size: int = 0
    """Bytes of content, for progress; 0 if nobody knows yet."""


def key_of(*parts: object) -> str:
    """Return the 64 hex digits of ``parts``, which are JSON, and of how layers are compressed."""
    return sha256(canonical([COMPRESSOR, *parts])).hexdigest()


def draft_of(about: str, entries: Sequence[Entry]) -> Draft:
    """Return the draft of a layer of files that lie on this disk."""
    return Draft(
        about, key_of_entries(entries), lambda: nullcontext(tarball(entries)), sum(each.size for each in entries)
    )


def key_of_entries(entries: Iterable[Entry]) -> str:
    """Return the key of a layer of exactly these files."""
    return key_of(sorted((entry.path, entry.size, entry.sha256) for entry in entries))


def make_layer(draft: Draft, cache: LayerCache, report: Report, media_type: str) -> Layer:
    """Return the layer, made only if the cache does not hold it; safe to be called by threads side by side.

    Its blob is checked whenever it is opened, and made once more if it was damaged; DigestError if that gives other
    bytes. Raises SourceError if a file changed since the bake, StorageError if the cache's disk is full.
    """
    known = cache.find(draft.key)
    if known is None:
        known, opened = _made(draft, cache, report)
        opened.close()
    else:
        report.detail(f"{draft.about}: not changed")
    descriptor = Descriptor(media_type, f"sha256:{known.digest}", known.size)
    return Layer(
        Blob(descriptor, partial(_opened, draft, known, cache, report)), f"sha256:{known.diff_id}", draft.about
    )


def _opened(draft: Draft, known: Known, cache: LayerCache, report: Report) -> BinaryIO:
    found = cache.open(known)
    if found is not None:
        return found
    report.detail(f"{draft.about}: not as it was in the cache, made once more")
    again, found = _made(draft, cache, report)
    if again.digest != known.digest:
        found.close()
        raise DigestError(f"the layer {draft.about!r} has other bytes than before: run the command again")
    return found


def _made(draft: Draft, cache: LayerCache, report: Report) -> tuple[Known, BinaryIO]:
    with draft.tar() as blocks, report.progress(f"packing {draft.about}", draft.size) as advance:
        return cache.store(draft.key, partial(_write, blocks, advance))


def _write(blocks: Iterable[bytes], advance: Advance, out: BinaryIO) -> Known:
    """Write a compressed tar to ``out`` in one pass."""
    tar, whole, size = sha256(), sha256(), 0

    def read() -> Iterator[bytes]:
        try:
            for block in blocks:
                tar.update(block)
                advance(len(block))
                yield block
        except OSError as exc:  # here, where it is known not to be the cache that fails
            raise SourceError(f"{exc.filename or 'a file'!r} cannot be read: {exc.strerror or exc}") from exc

    for member in side_by_side(compress, members(read())):
        whole.update(member)
        out.write(member)
        size += len(member)
    return Known(whole.hexdigest(), size, tar.hexdigest())
