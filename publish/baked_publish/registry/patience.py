"""Patience: what is tried again, how often, and how long is waited in between."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, TypeVar

from baked_publish.errors import TargetError

if TYPE_CHECKING:
    import httpx

Result = TypeVar("Result")
TEMPORARY: Final = frozenset({408, 425, 429, 499, 500, 502, 503, 504, 522})
"""Status codes after which the same request may go well."""
ATTEMPTS: Final = 5
PATIENCE: Final = 90.0
"""Seconds for all attempts at one request."""
FIRST_WAIT: Final = 0.2
LONGEST_WAIT: Final = 60.0
"""Seconds that a registry may ask us to wait, at most."""


class Temporary(Exception):
    """Something that may go well if it is tried again."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = None if wait is None else min(wait, LONGEST_WAIT)
        """Seconds that the registry asked us to wait."""

    def pause(self, failures: int) -> float:
        """Return the seconds to wait before another try, after so many in vain."""
        return FIRST_WAIT * 2**failures if self.wait is None else self.wait


def retried(once: Callable[[], Result]) -> Result:
    """Call ``once`` until it goes well or there is no hope; Temporary becomes a TargetError in the end."""
    import stamina  # noqa: PLC0415 - 30 ms

    stamina.instrumentation.set_on_retry_hooks([])  # it would write to standard error

    def helps(exc: Exception) -> bool | float:
        if not isinstance(exc, Temporary):
            return False
        return True if exc.wait is None else exc.wait

    try:
        for attempt in stamina.retry_context(
            on=helps, attempts=ATTEMPTS, timeout=PATIENCE, wait_initial=FIRST_WAIT, wait_jitter=FIRST_WAIT, wait_max=10
        ):
            with attempt:
                return once()
    except Temporary as exc:
        raise TargetError(
            f"{exc} (tried up to {ATTEMPTS} times); nothing that was live was changed: try again later"
        ) from exc
    raise AssertionError


def wait_of(response: "httpx.Response") -> float | None:
    """Return the seconds of a Retry-After header, which holds a number or a date; None without one."""
    said = response.headers.get("retry-after", "")
    if said.isdecimal():
        return float(said)
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a time zone
        return None
