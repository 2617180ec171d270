"""Artifacts: a Bundle packed for one kind of host, and the Recipe that asks for it."""

from dataclasses import dataclass
from typing import Protocol

from baked_publish.bundle import Bundle


@dataclass(frozen=True, slots=True)
class Recipe:
    """What one target wants built."""

    kind: str
    """The Artifact's kind, and so the Builder's name: ``directory``."""


class Artifact(Protocol):
    """A Bundle packed for one kind of host."""

    @property
    def kind(self) -> str:
        """The word of the Recipe that asked for it."""
        ...

    @property
    def bundle(self) -> Bundle:
        """What it was packed from."""
        ...

    @property
    def digest(self) -> str:
        """64 hex digits that name its bytes."""
        ...

    def remember(self) -> None:
        """Write beside the project what it was made of, now that it is used."""
        ...
