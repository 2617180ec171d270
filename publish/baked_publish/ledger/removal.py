"""Removal: images that nothing in a repository names any more, as far as its registry removes anything."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final, cast

import orjson

from baked_publish.registry.descriptor import INDEXES, Descriptor
from baked_publish.registry.repository import Repository

MOST: Final = 200
"""Tags that are looked at before something is removed; with more, all images stay."""
JSON = dict[str, list[dict[str, Any]]]


def remove(repository: Repository, images: Collection[str], own: Collection[str] = ()) -> None:
    """Remove the manifests of ``images``, by digest, and what belongs to them alone; the registry keeps the blobs.

    What a tag still names, by itself or by an index such as a ledger, stays, but for the tags ``own``, which go with
    their images. Raises TargetError if the registry removes nothing.
    """
    tags = set(repository.tags(MOST + 1)) if images else set[str]()
    if not images or len(tags) > MOST:
        return
    documents = {_documents_of(image) for image in images} & tags
    going = dict.fromkeys([*_named(repository, documents), *_named(repository, images)])
    kept = set(_named(repository, tags - documents - set(own)))
    for digest in going:
        if digest not in kept:
            repository.delete(digest)


def _documents_of(image: str) -> str:
    """Return the tag under which documents about an image are listed, after the distribution specification."""
    return image.replace(":", "-")


def _named(repository: Repository, references: Iterable[str]) -> Iterator[str]:
    """Yield the digest of each manifest that ``references`` lead to; an index before those that it names."""
    for reference in references:
        if (found := repository.find(reference)) is not None:
            yield found.digest
            if found.media_type in INDEXES:
                yield from _below(repository, found)


def _below(repository: Repository, index: Descriptor) -> Iterator[str]:
    raw = cast("JSON", orjson.loads(repository.manifest(index.digest)[1]))
    for each in (Descriptor.from_json(entry) for entry in raw["manifests"]):
        yield each.digest
        if each.media_type in INDEXES:
            yield from _below(repository, each)
