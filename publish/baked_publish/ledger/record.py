"""A Record: one image that a tag had, has or may get; an entry of the ledger's index, told in its annotations."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from baked_publish.registry.descriptor import Descriptor

PREFIX: Final = "baked-data."


@dataclass(frozen=True, slots=True)
class Record:
    """One image under a tag."""

    image: Descriptor
    """Its manifest, or its index of several platforms."""
    revision: str
    release: str
    bundle: str
    staged: str
    """UTC, ISO 8601."""
    promoted: str = ""
    """When the tag was moved to it last, UTC, ISO 8601; empty for a candidate."""
    previous: str = ""
    """The revision that was live before it."""
    kept: bool = False
    """A preview that somebody asked for."""

    @property
    def digest(self) -> str:
        """``sha256:`` and 64 hex digits of the image."""
        return self.image.digest

    def to_entry(self) -> Descriptor:
        """Return the descriptor that the ledger's index holds."""
        told = {
            "revision": self.revision,
            "release": self.release,
            "bundle": self.bundle,
            "staged": self.staged,
            "promoted": self.promoted,
            "previous": self.previous,
            "kept": "yes" if self.kept else "",
        }
        said = {PREFIX + key: value for key, value in told.items() if value}
        return Descriptor(self.image.media_type, self.image.digest, self.image.size, annotations=said)

    @classmethod
    def from_entry(cls, entry: Descriptor) -> Self:
        """Read what the ledger's index holds; raise KeyError if something is missing."""
        said: Mapping[str, str] = entry.annotations
        return cls(
            image=replace(entry, annotations={}),
            revision=said[PREFIX + "revision"],
            release=said[PREFIX + "release"],
            bundle=said[PREFIX + "bundle"],
            staged=said[PREFIX + "staged"],
            promoted=said.get(PREFIX + "promoted", ""),
            previous=said.get(PREFIX + "previous", ""),
            kept=bool(said.get(PREFIX + "kept")),
        )
