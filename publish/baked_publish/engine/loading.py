"""Loading: an Image into an engine, without the layers that the engine already has."""

from collections.abc import Iterable

from baked_publish.engine.engine import Engine
from baked_publish.errors import TargetError
from baked_publish.images.archive import archive_blocks, native
from baked_publish.images.image import Image, Layer
from baked_publish.report import Report

REPOSITORY = "baked-data/"


def repository(name: str) -> str:
    """Return the repository under which people find the images of a name."""
    return REPOSITORY + name


def load(engine: Engine, image: Image, name: str, tag: str, report: Report) -> str:
    """Bring ``image`` into the engine as ``baked-data/NAME:TAG``; return the id that the engine knows it by.

    Raises TargetError if the engine does not take it, or holds other layers afterwards.
    """
    one = native(image)
    reference = f"{repository(name)}:{tag}"
    held = engine.image(one.config.descriptor.digest)  # what engines without containerd's store call it
    if held is None:
        _send(engine, image, one.layers, reference, report)
        held = engine.image(reference)
    else:
        engine.tag(held, repository(name), tag)
    if held is None or held.diff_ids != tuple(layer.diff_id for layer in one.layers):
        raise TargetError(f"the engine took {reference!r}, but holds other layers than were sent: publish again")
    return held.id


def _send(engine: Engine, image: Image, layers: tuple[Layer, ...], reference: str, report: Report) -> None:
    without = known(layers, (held.diff_ids for held in engine.images()))
    try:
        engine.load(archive_blocks(image, report, reference, without=without))
    except TargetError as exc:
        if not without:
            raise
        report.detail(f"{exc}; sending every layer")
        engine.load(archive_blocks(image, report, reference))


def known(layers: tuple[Layer, ...], held: Iterable[tuple[str, ...]]) -> frozenset[str]:
    """Return the digests of the blobs that need not be sent.

    An engine finds a layer by its place upon the layers below it, so only a whole beginning can be left out.
    """
    wanted = tuple(layer.diff_id for layer in layers)
    count = max((_common(wanted, other) for other in held), default=0)
    sent = {layer.blob.descriptor.digest for layer in layers[count:]}
    return frozenset(layer.blob.descriptor.digest for layer in layers[:count]) - sent


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (mine, theirs) in pairs if mine != theirs), min(len(one), len(other)))
