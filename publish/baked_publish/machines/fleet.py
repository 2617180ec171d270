"""The Fleet: all machines of an app, told apart: what is live, what waits, what is left over, what is not ours."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

from baked_publish.machines.machine import GONE, Machine
from baked_publish.machines.record import Past, Record, Standing


@dataclass(frozen=True, slots=True)
class Group:
    """The machines that were made together for one deployment, its first one first."""

    machines: tuple[Machine, ...]

    @property
    def leader(self) -> Machine:
        """The machine whose metadata tells of the group: the first one that tells of a promotion, or the first."""
        return next((each for each in self.machines if each.standing), self.machines[0])

    @property
    def record(self) -> Record:
        """What they are."""
        return self.leader.record

    @property
    def standing(self) -> Standing | None:
        """Its promotion, None for a candidate."""
        return self.leader.standing

    @property
    def kept(self) -> bool:
        """Whether it is a preview that somebody asked for."""
        return self.leader.kept


@dataclass(frozen=True, slots=True)
class Fleet:
    """All machines of an app at one moment."""

    groups: tuple[Group, ...]
    strangers: tuple[str, ...]
    """Names of machines that this tool did not make."""

    @classmethod
    def of(cls, machines: Iterable[Mapping[str, Any]]) -> Self:
        """Tell them apart."""
        there = [each for each in machines if each.get("state") not in GONE]
        ours = [machine for each in there if (machine := Machine.of(each))]
        known = {each.id for each in ours}
        ours.sort(key=lambda each: (each.launch, each.index))
        groups = [Group(tuple(found)) for _, found in groupby(ours, key=lambda each: each.launch)]
        strangers = [str(each.get("name") or each["id"]) for each in there if each["id"] not in known]
        return cls(tuple(groups), tuple(strangers))

    @property
    def live(self) -> Group | None:
        """What visitors get, or are to get: what was promoted last."""
        return max((each for each in self.groups if each.standing), key=_number, default=None)

    @property
    def spare(self) -> tuple[Group, ...]:
        """What was live before, and still has machines."""
        live = self.live
        return tuple(each for each in self.groups if each.standing and each is not live)

    @property
    def candidates(self) -> tuple[Group, ...]:
        """What was never live, newest first by Fly's own clock."""
        found = [each for each in self.groups if each.standing is None]
        return tuple(sorted(found, key=lambda each: (each.leader.created, each.record.staged), reverse=True))

    def candidate(self, revision: str) -> Group | None:
        """Return the candidate of a revision."""
        return next((each for each in self.candidates if each.record.revision == revision), None)

    @property
    def past(self) -> list[Past]:
        """What was live before, newest first; one whose machines are there still is among them."""
        live = self.live
        return live.leader.past if live else []


def _number(group: Group) -> int:
    return group.standing.number if group.standing else 0
