"""The Lease: who may write to a tag and its ledger, and until when; an annotation of the ledger's index.

A registry cannot compare and swap. So whoever wants the lease writes it, waits for longer than another one may take
from reading to writing, and reads it back: of two who wrote, the last has it and the first finds that out.
"""

import os
import secrets
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self

from baked_publish.keeper.files import told, write

LASTS: Final = timedelta(minutes=10)
"""Long enough that clocks of two machines may differ by minutes; renewed long before."""
HOLDER, PLACE, UNTIL = "baked-data.lease.holder", "baked-data.lease.place", "baked-data.lease.until"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write, until a time."""

    holder: str
    """One publish: words for a person, and a random part."""
    place: str
    """The state folder whose lock its holder has."""
    until: datetime

    @classmethod
    def take(cls, place: str) -> Self:
        """Return a new one for this process, whose state folder is ``place``."""
        holder = f"process {os.getpid()} on {socket.gethostname()} ({secrets.token_hex(8)})"
        return cls(holder, place, datetime.now(UTC) + LASTS)

    def renewed(self) -> Self:
        """Return it with its full time before it."""
        return replace(self, until=datetime.now(UTC) + LASTS)

    def bars(self, other: Self) -> bool:
        """Tell whether the holder of ``other`` must stay out.

        A lease from the same place is one of a process that died: its kernel gave the lock there to the other.
        """
        return self.holder != other.holder and self.place != other.place and datetime.now(UTC) < self.until

    def annotations(self) -> dict[str, str]:
        """Return what the ledger's index holds."""
        return {HOLDER: self.holder, PLACE: self.place, UNTIL: self.until.isoformat()}

    @classmethod
    def read(cls, said: Mapping[str, str]) -> Self | None:
        """Read what the ledger's index holds, None if nobody has it; raise ValueError or KeyError if damaged."""
        if HOLDER not in said:
            return None
        return cls(said[HOLDER], said[PLACE], datetime.fromisoformat(said[UNTIL]))


def place(folder: Path) -> str:
    """Return the name of a state folder: this machine's name, and a random part that is made once.

    A folder that was copied to another machine, as caches of workflows are, is another place there.
    """
    file = folder / "place"
    with told(f"{str(file)!r} cannot be used", "set BAKED_STATE_HOME to a folder of yours"), suppress(FileExistsError):
        beside = folder / f".place.{os.getpid()}"
        write(beside, secrets.token_hex(8).encode())
        try:
            os.link(beside, file)  # of two processes that come at once, the first names it
        finally:
            beside.unlink()
    with told(f"{str(file)!r} cannot be read", "set BAKED_STATE_HOME to a folder of yours"):
        return f"{socket.gethostname()} {file.read_text().rpartition(' ')[2]}"
