"""The Walls between a stranger's SQL and everything else."""

from typing import Final

from msgspec import Struct


class Walls(Struct, frozen=True):
    """All of them stand; a test takes some down to see that another one holds alone."""

    read_only: bool = True
    """The file is open to read only."""
    authorizer: bool = True
    """SQLite asks before each step whether it only reads."""
    progress: bool = True
    """The first clock: SQLite looks at the time as it works."""
    alarm: bool = True
    """The second: a signal ends a process that does not look, 100 ms later."""
    killer: bool = True
    """The third: the serving app kills it, 50 ms after that."""
    memory: bool = True
    """Limits of memory and of the size of an answer."""
    room: bool = True
    """The process can open, make and start nothing more."""


STANDING: Final = Walls()
