"""Promotion: bring the visitors to machines that were verified, and retire those that had them.

The moment is one write, of the Standing on the first new machine. Before it nothing has changed; after it a run that
died is finished by the next one, forward.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from baked_publish.errors import NotFoundError, PublishError, StageError
from baked_publish.machines.fleet import Fleet, Group
from baked_publish.machines.launch import Launch
from baked_publish.machines.record import KEPT, PAST, STANDING, Past, Standing, past_text
from baked_publish.machines.shape import STOP_WITHIN
from baked_publish.report import Report

POLL: Final = 0.5
PATIENCE: Final = 60.0
"""Seconds that the first visitor may wait for the app's name to be known."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """How visitors are brought from one group to another."""

    launch: Launch
    settle: float
    drain: float
    reached: Callable[[], bool]
    """Tells whether the app's URL answers."""
    report: Report

    def run(self, green: Group, fleet: Fleet) -> Standing:
        """Bring the visitors to ``green``; what goes wrong before the old machines are cordoned is undone."""
        green = self.launch.wait(green)
        self.launch.require_alone(green)
        standing, past = self._next(green, fleet)
        leader = green.leader
        self._note(leader.id, PAST, past_text(past))
        try:
            self._note(leader.id, STANDING, standing.to_text())
            self._open(green)
        except BaseException:
            self._undo(green, fleet.live)
            raise
        return self._finish(green, standing, past, fleet)

    def heal(self, fleet: Fleet) -> None:
        """Finish what a run that died had begun; undo it where its machines do not come up."""
        live = fleet.live
        if live is None or live.standing is None or (live.standing.done and not fleet.spare):
            return
        self.report.info(f"finishing the promotion of {live.record.revision}, which was interrupted")
        if not live.standing.done:
            try:
                self._open(self.launch.wait(live))
            except (StageError, NotFoundError) as exc:
                self._go_back(live, fleet, exc)
                return
        self._finish(live, live.standing, live.leader.past, fleet)

    def _go_back(self, broken: Group, fleet: Fleet, why: Exception) -> None:
        """Bring the visitors to what was live before, as far as its machines are still there."""
        before = max(fleet.spare, key=lambda each: each.standing.number if each.standing else 0, default=None)
        if before is None:
            self.report.warning(f"{broken.record.revision} does not come up, and nothing else is there: {why}")
            return
        self.report.warning(f"{broken.record.revision} does not come up, {before.record.revision} is live again: {why}")
        for each in before.machines:
            self.launch.fly.uncordon(self.launch.app, each.id)
        self._undo(broken, before)

    def _finish(self, green: Group, standing: Standing, past: list[Past], fleet: Fleet) -> Standing:
        """Retire what was live; the promotion itself is done, so a failure is a warning.

        Then every machine tells what the first one does: it may go as well as any other.
        """
        done = replace(standing, done=True)
        try:
            for each in fleet.groups:
                if each.standing and each.leader.launch != green.leader.launch:
                    self.retire(each)
            leader = green.leader.id
            self._note(leader, STANDING, done.to_text())
            for other in (each.id for each in green.machines if each.id != leader):
                self._note(other, PAST, past_text(past))
                self._note(other, STANDING, done.to_text())
        except PublishError as exc:
            self.report.warning(f"machines that were live before stay, the next publish removes them: {exc}")
        return done

    @staticmethod
    def _next(green: Group, fleet: Fleet) -> tuple[Standing, list[Past]]:
        live, revision = fleet.live, green.record.revision
        if live is None or live.standing is None:
            return Standing(1, datetime.now(UTC).isoformat(), ""), []
        again = live.record.revision == revision
        past = [each for each in fleet.past if each.record.revision not in {revision, live.record.revision}]
        if not again:
            past = [Past(live.record, replace(live.standing, done=True)), *past]
        previous = live.standing.previous if again else live.record.revision
        return Standing(live.standing.number + 1, datetime.now(UTC).isoformat(), previous), past

    def _open(self, green: Group) -> None:
        """Let visitors in, and wait until Fly's proxies know of it."""
        fly, app = self.launch.fly, self.launch.app
        for each in green.machines:
            fly.uncordon(app, each.id)
        time.sleep(self.settle)
        deadline = time.monotonic() + PATIENCE
        while not self.reached():
            if time.monotonic() > deadline:
                self.report.warning(
                    f"{app!r} does not answer from here yet: a new name takes minutes to be known everywhere"
                )
                return
            time.sleep(POLL)

    def _undo(self, green: Group, live: Group | None) -> None:
        """Take the visitors back to what was live."""
        fly, app, leader = self.launch.fly, self.launch.app, green.leader
        try:
            self._note(leader.id, STANDING, KEPT if green.kept else "")
            for each in green.machines if live else ():
                fly.cordon(app, each.id)
        except PublishError as exc:
            self.report.warning(f"the promotion could not be undone, the next publish finishes it: {exc}")

    def retire(self, blue: Group) -> None:
        """Send no more visitors there, let requests under way end, and remove the machines."""
        fly, app = self.launch.fly, self.launch.app
        for each in blue.machines:
            fly.cordon(app, each.id)
        time.sleep(self.drain if any(each.running for each in blue.machines) else 0)
        running = [each for each in blue.machines if each.running]
        for each in running:
            fly.stop(app, each.id)
        for each in running:
            try:
                fly.wait(app, dict(each.raw), "stopped", 2.0 * STOP_WITHIN)
            except PublishError as exc:  # it is removed all the same
                self.report.detail(f"machine {each.name} did not stop: {exc}")
        for each in blue.machines:
            fly.destroy(app, each.id)

    def _note(self, machine: str, key: str, value: str) -> None:
        self.launch.fly.note(self.launch.app, machine, key, value)
