"""A deadline: a time after which a whole publish is given up, as Ctrl-C gives it up, with one whole deployment live."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from baked_publish.errors import TargetError, UsageError
from baked_publish.options import option

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Limit:
    """How long what changes something may take."""

    within: float | None = option(None, "Minutes for all of it; then it is given up, with one whole deployment live.")


EITHER = "visitors get one whole deployment, what was live or what was just promoted: `publish status` tells which"


class Expired(BaseException):
    """The time is over; no Exception, so that whoever goes on after a failure of the target's does not go on."""


@contextmanager
def within(minutes: float | None) -> Generator[None, None, None]:
    """Raise TargetError in the main thread once so many minutes have passed; None sets no limit.

    What is under way meets it as Expired, once: what then clears away has the time that each of its own waits has.
    """
    if minutes is None:
        yield
        return
    if minutes <= 0:
        raise UsageError(f"--within {minutes:g}: a number of minutes, more than none")

    def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise Expired

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, minutes * MINUTE)
    try:
        yield
    except Expired:
        raise TargetError(f"not done within {minutes:g} minutes (--within): given up; {EITHER}") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
