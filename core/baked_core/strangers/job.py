"""A Job: one statement of a stranger, all that is needed to run it, and how its rows are to come back."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from baked_core.permissions.policy import EVERYTHING, Policy
from baked_core.values import Value

CELLS: Final = "cells"
"""Rows come back as values."""
LINES: Final = "csv"
"""Rows come back as lines of CSV, bit by bit. Other ways are the shapes of JSON."""


class Job(Struct, frozen=True):
    """What a process is asked."""

    source: str
    """The name of the database."""
    sql: str
    params: Sequence[Value] | Mapping[str, Value]
    seconds: float
    max_rows: int | None = None
    way: str = CELLS
    policy: Policy = EVERYTHING
