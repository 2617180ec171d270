"""Launch: make the machines of a deployment outside of the load balancer, and wait until each one serves."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from baked_publish.errors import LockedError, NotFoundError, StageError, TargetError
from baked_publish.machines.fleet import Fleet, Group
from baked_publish.machines.lease import Leases
from baked_publish.machines.machine import DEAD, LEAVING, RESTING, Machine
from baked_publish.machines.record import Record
from baked_publish.machines.shape import body, count
from baked_publish.report import Report
from baked_publish.vendors.fly import JSON, Fly
from baked_publish.vendors.fly_answers import LateError, RefusedError

SETTLING: Final = 300.0
"""Seconds that Fly may not know an image that its registry has: as it happened, seconds to minutes."""
UNKNOWN: Final = ("manifest unknown", "manifest_unknown", "not found", "could not find", "failed to get manifest")
"""How it says so."""
LISTED: Final = 20.0
"""Seconds after which a machine that was made is surely in the list of its app."""
PAUSE: Final = 2.0
POLL: Final = 0.3
"""Seconds between two looks at a machine that comes up; Fly takes five a second."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How the machines of an app are made and brought up."""

    fly: Fly
    app: str
    registry: str
    """``HOST`` of the images."""
    within: float
    """Seconds that a machine gets to come up."""
    report: Report
    leases: Leases | None = None
    """Those that this process holds, while it has the lock."""

    def fleet(self) -> Fleet:
        """Look at all machines."""
        return Fleet.of(self.fly.machines(self.app))

    def make(self, record: Record, private: Mapping[str, str]) -> Group:
        """Make all machines of ``record`` and wait for them; remove them again if one does not come up."""
        launch = secrets.token_hex(6)
        try:
            for index in range(count(record.options)):
                self._create(record, launch, index, private)
                if index == 0:
                    self._attend(self.found(launch, 1))
            return self.wait(self.found(launch, count(record.options)))
        except BaseException:
            self._clear(launch)
            raise

    def _attend(self, group: Group) -> None:
        """Take the lease of a new machine at once; raise LockedError if another publish began to make some before."""
        if self.leases is not None:
            self.leases.take(group.machines[:1])
            self.require_alone(group)

    def require_alone(self, group: Group) -> None:
        """Raise LockedError if there are machines of another publish that began before the one of ``group``.

        Asked once more before visitors come: Fly's list may have been behind when the machines were made.
        """
        if self.leases is None:
            return
        mine = group.leader
        for each in self.fleet().candidates:
            other = each.leader
            if other.launch == mine.launch or each.kept or other.id in self.fly.nonces:
                continue
            if (other.created, other.launch) < (mine.created, mine.launch):
                raise LockedError(
                    f"another publish of {self.app!r} is under way: it has made machine {other.name}; wait until it "
                    "is done, then publish again"
                )

    def complete(self, group: Group) -> Group:
        """Make what is missing of a group that a killed run left, and wait for all of it."""
        there = {each.index for each in group.machines}
        for index in range(count(group.record.options)):
            if index not in there:
                self._create(group.record, group.leader.launch, index, group.leader.private)
        return self.wait(self.found(group.leader.launch, count(group.record.options)))

    def found(self, launch: str, least: int, within: float = LISTED) -> Group:
        """Return the group of a launch once it has as many machines; raise NotFoundError if it never has.

        Fly's list may be behind what Fly just made.
        """
        deadline = time.monotonic() + within
        while True:
            for each in self.fleet().groups:
                if each.leader.launch == launch and len(each.machines) >= least:
                    return each
            if time.monotonic() > deadline:
                raise NotFoundError(f"machines of {self.app!r} that were just made are gone: somebody removed them")
            time.sleep(PAUSE)

    def _create(self, record: Record, launch: str, index: int, private: Mapping[str, str]) -> None:
        """Make one machine; one that was made although its answer got lost is not made twice."""
        name = f"baked-{launch}-{index}"
        image = f"{self.registry}/{self.app}@{record.image}"
        made = body(name, image, record, launch, index, private)
        try:
            self._insist(made)
        except TargetError:
            if not any(each.get("name") == name for each in self.fly.machines(self.app)):
                raise
        self.report.detail(f"machine {name} in {made['region']}")

    def _insist(self, made: JSON) -> None:
        """Make a machine, again while Fly does not know the image that its registry took."""
        deadline = time.monotonic() + SETTLING
        while True:
            try:
                self.fly.create(self.app, made)
            except (RefusedError, NotFoundError) as exc:
                unknown = any(each in str(exc).lower() for each in UNKNOWN) and "image" in str(exc).lower()
                if not unknown or time.monotonic() > deadline:
                    raise
                self.report.detail(f"Fly does not know the image yet: {exc}")
                time.sleep(PAUSE)
            else:
                return

    def wait(self, group: Group) -> Group:
        """Wait until each machine runs the image it was asked to, and its checks pass.

        Raises StageError naming the machine that does not.
        """
        return Group(tuple(self._up(each) for each in group.machines))

    def _up(self, machine: Machine) -> Machine:
        if machine.state in RESTING:
            self.fly.start(self.app, machine.id)
        deadline = time.monotonic() + self.within
        if machine.state not in LEAVING:
            self._started(machine)
        while True:
            seen = Machine.of(self.fly.machine(self.app, machine.id))
            if seen is None:
                raise StageError(f"machine {machine.name} lost its metadata while it came up: somebody changed it")
            self._require_image(seen)
            if seen.healthy:
                return seen
            if seen.state in DEAD:
                raise self._late(seen, f"is {seen.state}")
            if seen.state in RESTING:
                self.fly.start(self.app, seen.id)
            if time.monotonic() > deadline:
                told = ", ".join(f"{name} {status}" for name, status in seen.checks) or "none told"
                raise self._late(seen, f"does not serve after {self.within:g} s (checks: {told})")
            time.sleep(POLL)

    def _started(self, machine: Machine) -> None:
        try:
            self.fly.wait(self.app, dict(machine.raw), "started", self.within)
        except LateError as exc:
            raise self._late(machine, f"was not started within {self.within:g} s: {exc}") from exc

    def _late(self, machine: Machine, what: str) -> StageError:
        return StageError(
            f"machine {machine.name} of {self.app!r} {what}; what was live stays live. `fly logs --app {self.app} "
            f"--instance {machine.id}` shows its last words while it is there; give it more time with --start-timeout"
        )

    @staticmethod
    def _require_image(machine: Machine) -> None:
        if machine.image != machine.record.image:
            raise StageError(
                f"machine {machine.name} runs image {machine.image or 'of no name'}, it was to run "
                f"{machine.record.image}: Fly started another one; publish again"
            )

    def remove(self, group: Group) -> None:
        """Remove all machines of a group."""
        for each in group.machines:
            self.fly.destroy(self.app, each.id)

    def _clear(self, launch: str) -> None:
        try:
            self.remove(self.found(launch, 1, within=0))
        except NotFoundError:
            pass
        except (TargetError, LockedError) as exc:
            self.report.warning(f"machines of a failed publish stay, the next one removes them: {exc}")
