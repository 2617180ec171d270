"""The lease: who may change the machines of an app; held on each machine of ours that is there.

A lease of a run that died on this machine is taken over: whoever has the lock of the state folder that it names is the
only one who can have it.
"""

import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from baked_publish.errors import LockedError, PublishError
from baked_publish.machines.machine import Machine
from baked_publish.vendors.fly import JSON, Fly
from baked_publish.vendors.shaped import line, word

LASTS: Final = 600
"""Seconds; renewed long before."""
RENEWED: Final = 120.0
WORD: Final = "baked-data from "


@dataclass
class Leases:
    """Those of one app that this process holds."""

    fly: Fly
    app: str
    place: str
    """The state folder whose lock this process holds."""
    bars_commands: bool = False
    """Whether a command was refused because of a lease that we hold ourselves."""
    _over: threading.Event = field(default_factory=threading.Event)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def held(self) -> Generator[None, None, None]:
        """Renew what is taken, and give it back at the end."""
        renewer = threading.Thread(target=self._renew, name=f"leases of {self.app}", daemon=True)
        renewer.start()
        try:
            yield
        finally:
            self._over.set()
            renewer.join()
            for machine, nonce in list(self.fly.nonces.items()):
                with suppress(PublishError):  # it ends by itself
                    self.fly.release_lease(self.app, machine, nonce)

    def take(self, machines: Iterable[Machine]) -> None:
        """Take the lease of each machine; raise LockedError if somebody else has one."""
        for each in machines:
            if each.id in self.fly.nonces:
                continue
            try:
                self.fly.take_lease(self.app, each.id, WORD + self.place, LASTS)
            except LockedError:
                self._take_over(each)

    def running(self, machine: str, command: Callable[[], JSON]) -> JSON:
        """Run a command in a machine: Fly refuses it where somebody has the lease, perhaps also to whoever has it.

        Then ours is given back for as long as the command takes. Raises LockedError if somebody else took it meanwhile.
        """
        if machine not in self.fly.nonces:
            return command()
        if not self.bars_commands:
            try:
                return command()
            except LockedError:
                self.bars_commands = True
        with self._lent(machine):
            return command()

    @contextmanager
    def _lent(self, machine: str) -> Generator[None, None, None]:
        with self._guard:
            self.fly.release_lease(self.app, machine, self.fly.nonces[machine])
            try:
                yield
            finally:
                self.fly.take_lease(self.app, machine, WORD + self.place, LASTS)

    def _take_over(self, machine: Machine) -> None:
        found = self.fly.lease(self.app, machine.id)
        if found is not None:
            whose = line(str(found.get("description") or found.get("owner") or "somebody"))
            if whose != WORD + self.place:
                raise LockedError(
                    f"another publish of {self.app!r} is under way: {whose} has the lease of machine {machine.name} "
                    f"until {_until(found)}; wait until it is done"
                )
            self.fly.release_lease(self.app, machine.id, word(found, "nonce", "get lease"))
        self.fly.take_lease(self.app, machine.id, WORD + self.place, LASTS)

    def _renew(self) -> None:
        while not self._over.wait(RENEWED):
            for machine in list(self.fly.nonces):
                with suppress(PublishError), self._guard:  # the next one comes in time
                    self.fly.take_lease(self.app, machine, WORD + self.place, LASTS)


def _until(lease: JSON) -> str:
    try:
        return f"{datetime.fromtimestamp(lease['expires_at'], UTC):%H:%M:%S} UTC"
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return "a time that Fly does not tell"
