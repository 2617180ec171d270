"""Uploads: which layers of an Image a repository lacks, and so what a push will send; it asks and sends nothing."""

from baked_publish.deployment import Change
from baked_publish.images.image import Image
from baked_publish.registry.repository import Repository


def uploads(image: Image, repository: Repository | None) -> tuple[Change, ...]:
    """Return a Change for each layer that is not in ``repository``, with its bytes; all, where there is none yet."""
    if repository is not None:
        repository = repository.writing
        if repository.find(image.tree.manifest.descriptor.digest) is not None:
            return ()
    layers = {layer.blob.descriptor.digest: layer for one in image.platforms for layer in one.layers}
    lacking = [each for digest, each in layers.items() if repository is None or not repository.has(digest)]
    return tuple(
        Change(
            "upload",
            f"layer of {'the base image' if each.base else each.about}",
            after=_bytes(each.blob.descriptor.size),
        )
        for each in lacking
    )


def _bytes(size: int) -> str:
    return f"{size:,} bytes"
