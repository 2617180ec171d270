"""The Fleet: all containers of one name, and which of them is live.

Labels cannot change, so the name of a container tells where it is on its way, and one rename is the moment of a
promotion:

================================  ==================================================================
``NAME--candidate-REVISION``      up for verification
``NAME--preview-REVISION``        up because somebody asked for a preview
``NAME--next``                    a promotion is under way; found without one, it was interrupted
``NAME``, ``NAME--NUMBER``        was promoted; the one with the highest number is live
================================  ==================================================================
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from baked_publish.engine.container import Container

APART: Final = "--"
"""Never inside a name that somebody publishes under."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What an engine holds of one name."""

    name: str
    containers: tuple[Container, ...]

    @property
    def settled(self) -> Sequence[Container]:
        """What is and was live, newest promotion first."""
        found = [each for each in self.containers if each.record.number and each.name != next_name(self.name)]
        return sorted(found, key=lambda each: each.record.number, reverse=True)

    @property
    def live(self) -> Container | None:
        """What visitors get, or should get where it is not running."""
        return next(iter(self.settled), None)

    @property
    def past(self) -> Sequence[Container]:
        """What is and was live, each revision once, newest first."""
        found: dict[str, Container] = {}
        for each in self.settled:
            found.setdefault(each.record.revision, each)
        return list(found.values())

    @property
    def waiting(self) -> Sequence[Container]:
        """Candidates and previews, newest first, those of recalled deployments too."""
        found = [each for each in self.containers if not each.record.number]
        return sorted(found, key=lambda each: each.record.revision, reverse=True)

    @property
    def candidates(self) -> Sequence[Container]:
        """Candidates and previews that were never promoted, newest first."""
        promoted = {each.record.revision for each in self.settled}
        return [each for each in self.waiting if each.record.revision not in promoted]

    @property
    def pending(self) -> Container | None:
        """The successor of a promotion that is under way, or was interrupted."""
        return next((each for each in self.containers if each.name == next_name(self.name)), None)

    @property
    def spare(self) -> Sequence[Container]:
        """What a finished promotion would have removed: its candidate, and older promotions of one revision."""
        kept = {each.id for each in (*self.past, *self.candidates)}
        kept |= {self.pending.id} if self.pending else set()
        return [each for each in self.containers if each.id not in kept]

    def find(self, revision: str) -> Container | None:
        """Return the candidate of ``revision``."""
        return next((each for each in self.waiting if each.record.revision == revision), None)


def next_name(name: str) -> str:
    """Return what a successor is called until it is live."""
    return f"{name}{APART}next"


def candidate_name(name: str, revision: str) -> str:
    """Return what a candidate is called."""
    return f"{name}{APART}candidate-{revision}"


def preview_name(name: str, revision: str) -> str:
    """Return what a preview is called."""
    return f"{name}{APART}preview-{revision}"


def old_name(name: str, number: int) -> str:
    """Return what a deployment is called that is live no more."""
    return f"{name}{APART}{number}"


def is_preview(container: Container) -> bool:
    """Tell whether somebody asked for it."""
    record = container.record
    return container.name == preview_name(record.name, record.revision)
