"""The recipe of an Image: what to build it of, and for which platforms."""

from dataclasses import dataclass, field

from baked_publish.artifacts import Recipe
from baked_publish.images.options import ImageOptions
from baked_publish.registry.descriptor import Platform


@dataclass(frozen=True, slots=True)
class ImageRecipe(Recipe):
    """What one target wants built."""

    kind: str = "image"
    platforms: tuple[Platform, ...] = (Platform("linux", "amd64"),)
    """One: a manifest; several: an index of them."""
    options: ImageOptions = field(default_factory=ImageOptions)
