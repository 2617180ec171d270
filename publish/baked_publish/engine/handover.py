"""The handover: a successor takes the public port from the container that has it, or gives it back."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from baked_publish.engine.berth import STOP_WITHIN, waits
from baked_publish.engine.container import Container
from baked_publish.engine.fleet import old_name
from baked_publish.engine.launch import Launch
from baked_publish.errors import NotFoundError, PublishError, StageError, TargetError
from baked_publish.report import Report

MOMENT: Final = 1.0
"""Seconds in which a server closes its port that was asked to end; it takes about a tenth of one."""


@dataclass(frozen=True, slots=True)
class Handover:
    """Moves visitors from one container to another."""

    launch: Launch
    report: Report

    def run(self, live: Container | None, successor: Container) -> Container:
        """Send the visitors to ``successor``, which was made but not started; return it as it is then.

        The report says for how long the port was closed. Raises TargetError, and sees that ``live`` runs as before, if
        the successor does not come up.
        """
        running = live if live and live.running else None
        if running is None or running.address.port != successor.address.port:
            with self._taken_back(None, successor):
                return self._settle(live, self.launch.start(successor))
        if waits(successor):
            with self._taken_back(None, successor):
                self.launch.beside(successor)
        with self._taken_back(running, successor):
            return self._settle(live, self._take_port(running, successor))

    def _take_port(self, live: Container, successor: Container) -> Container:
        """Let ``live`` end; a successor that waits beside it has the port while the last requests are answered."""
        closed = time.monotonic()
        if waits(successor):
            self.launch.engine.terminate(live)
            successor = self.launch.wait(successor)
        else:
            self.launch.engine.stop(live, STOP_WITHIN)
            successor = self.launch.start(successor)
        self.report.info(f"the port was closed for {time.monotonic() - closed:.2f} s")
        self.launch.engine.stop(live, STOP_WITHIN)
        return successor

    def heal(self, live: Container | None, pending: Container) -> None:
        """End a promotion that was interrupted: what was live is live."""
        self.report.info("an earlier promotion was interrupted: bringing back what was live")
        if live and (pending.running or not self._stays(live)):
            self._take_back(live, pending)
        else:
            self.launch.engine.remove(pending)

    def _stays(self, live: Container) -> bool:
        """Tell whether ``live`` answers, and goes on: a server that was asked to end does so a moment later."""
        if self.launch.answers(live):
            time.sleep(MOMENT)
        return self.launch.answers(live)

    @contextmanager
    def _taken_back(self, live: Container | None, successor: Container) -> Generator[None, None, None]:
        try:
            yield
        except BaseException as exc:
            self._take_back(live, successor)
            if isinstance(exc, StageError | TargetError | NotFoundError):
                raise TargetError(f"the port could not be taken over, what was live is live: {exc}") from exc
            raise

    def _take_back(self, live: Container | None, successor: Container) -> None:
        try:
            self.launch.engine.remove(successor)
            if live:
                self.launch.engine.stop(live, STOP_WITHIN)  # it may be on its way out
                self.launch.start(live)
        except PublishError as exc:
            self.report.warning(f"what was live could not be brought back: {exc}; the next publish tries again")

    def _settle(self, live: Container | None, successor: Container) -> Container:
        """Give both their lasting names: the second rename is the moment of the promotion."""
        engine, name = self.launch.engine, successor.record.name
        if live and live.name == name:
            engine.rename(live, old_name(name, live.record.number))
        engine.rename(successor, name)
        return engine.container(successor.id)
