"""How the line tells of its progress; only ``cli`` gives it a voice."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]
"""Called with the bytes or rows done since the last call."""


class Report(Protocol):
    """Where library code says what it is doing; it never prints."""

    def step(self, name: str, detail: str = "") -> None:
        """Begin a step of the line: ``bake``, ``stage``, ``verify``..."""

    def info(self, message: str) -> None:
        """Say something of interest in the current step."""

    def detail(self, message: str) -> None:
        """Say something that only ``--verbose`` shows."""

    def warning(self, message: str) -> None:
        """Say something that the person should act upon."""

    def progress(self, what: str, total: int) -> AbstractContextManager[Advance]:
        """Follow a long piece of work of ``total`` bytes."""
        ...


class Silent:
    """A Report that says nothing."""

    def step(self, name: str, detail: str = "") -> None:
        """Say nothing."""

    def info(self, message: str) -> None:
        """Say nothing."""

    def detail(self, message: str) -> None:
        """Say nothing."""

    def warning(self, message: str) -> None:
        """Say nothing."""

    @contextmanager
    def progress(self, what: str, total: int) -> Generator[Advance, None, None]:  # noqa: ARG002 - the protocol's shape
        """Follow in silence."""
        yield lambda _done: None
