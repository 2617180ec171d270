"""Launch: start a container and wait until the server in it answers, or say why it never will."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from baked_core.listener import WAITING
from baked_publish.engine.container import Container
from baked_publish.engine.engine import Engine
from baked_publish.errors import StageError
from baked_publish.keeper.ledger import url_of

if TYPE_CHECKING:
    import httpx

POLL: Final = 0.02
"""Seconds between two looks at a container that comes up."""
LOOK: Final = 10
"""Questions to the server for each one to the engine, which is slower."""
PATIENCE: Final = 2.0
"""Seconds that one question may take."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How containers are brought up."""

    engine: Engine
    http: "httpx.Client"
    within: float
    """Seconds that a server gets."""

    def start(self, container: Container) -> Container:
        """Start ``container`` and return it as it is once its server answers.

        Raises StageError with its last words if it ends, runs out of memory or does not answer in time.
        """
        self.engine.start(container)
        return self.wait(container)

    def beside(self, container: Container) -> None:
        """Start ``container``, whose port another one has, and wait until it waits for it, or even answers.

        Raises StageError like :meth:`start`.
        """
        self.engine.start(container)
        self._wait(container, lambda seen: WAITING in self.engine.last_words(seen) or self.answers(seen))

    def wait(self, container: Container) -> Container:
        """Wait until the server in ``container``, and none other, answers."""
        return self._wait(container, self.answers)

    def _wait(self, container: Container, ready: Callable[[Container], bool]) -> Container:
        deadline, asked = time.monotonic() + self.within, 0
        while True:
            if asked % LOOK == 0:
                container = self.engine.container(container.id)
                if not container.running:
                    raise StageError(f"the server did not come up: {container.end}.{self._words(container)}")
            if ready(container):
                return container
            if time.monotonic() > deadline:
                raise StageError(
                    f"the server did not answer within {self.within:g} s: mend it, or give it more time with "
                    f"--start-timeout.{self._words(container)}"
                )
            asked += 1
            time.sleep(POLL)

    def answers(self, container: Container) -> bool:
        """Tell whether the server in ``container`` answers at its address: it alone knows its token."""
        import httpx  # noqa: PLC0415 - 60 ms that `publish --help` does without

        if container.address.port is None:
            return False
        url = f"{url_of(container.address)}/-/verify?_only=manifest"
        try:
            return self.http.get(url, headers=_bearer(container), timeout=PATIENCE).status_code == HTTPStatus.OK
        except httpx.HTTPError:
            return False

    def _words(self, container: Container) -> str:
        return f" Its last words:{self.engine.last_words(container) or ' none'}"


def _bearer(container: Container) -> dict[str, str]:
    return {"Authorization": f"Bearer {container.token}", "Connection": "close"}
