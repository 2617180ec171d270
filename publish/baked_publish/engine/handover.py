"""The handover: a successor takes the public port from the container that has it, or gives it back."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from baked_publish.engine.berth import STOP_WITHIN
from baked_publish.engine.container import Container
from baked_publish.engine.fleet import old_name
from baked_publish.engine.launch import Launch
from baked_publish.errors import NotFoundError, PublishError, StageError, TargetError
from baked_publish.report import Report


@dataclass(frozen=True, slots=True)
class Handover:
    """Moves visitors from one container to another."""

    launch: Launch
    report: Report

    def run(self, live: Container | None, successor: Container) -> Container:
        """Send the visitors to ``successor``, which was made but not started; return it as it is then.

        A port belongs to one container at a time, so it is closed between the end of ``live`` and the first answer
        of ``successor``: the report says for how long. Raises TargetError, and starts ``live`` again, if the
        successor does not come up.
        """
        with self._taken_back(live, successor):
            closed = time.monotonic()
            if live:
                self.launch.engine.stop(live, STOP_WITHIN)
            successor = self.launch.start(successor)
            if live and live.running:
                self.report.info(f"the port was closed for {time.monotonic() - closed:.2f} s")
            return self._settle(live, successor)

    def heal(self, live: Container | None, pending: Container) -> None:
        """End a promotion that was interrupted: what was live is live."""
        self.report.info("an earlier promotion was interrupted: bringing back what was live")
        self.launch.engine.remove(pending)
        if live:
            self.launch.engine.start(live)

    @contextmanager
    def _taken_back(self, live: Container | None, successor: Container) -> Generator[None, None, None]:
        try:
            yield
        except BaseException as exc:
            self._take_back(live, successor)
            if isinstance(exc, StageError | TargetError | NotFoundError):
                again = f"; {live.name!r} runs again" if live and live.running else ""
                raise TargetError(f"the port could not be taken over{again}: {exc}") from exc
            raise

    def _take_back(self, live: Container | None, successor: Container) -> None:
        try:
            self.launch.engine.remove(successor)
            if live and live.running:
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
