"""A target's options: one frozen dataclass, from which flags, environment names and YAML keys are derived."""

from dataclasses import dataclass, field
from typing import Any


def option(default: Any, help: str, *, flag: str | None = None, envvar: str | None = None) -> Any:  # noqa: A002
    """Declare a field of an options dataclass: its default, its sentence in ``--help``, its flag.

    The flag is ``--field-name`` unless given; its environment name is ``BAKED_<TARGET>_<FIELD>`` unless given.
    """
    return field(default=default, metadata={"help": help, "flag": flag, "envvar": envvar})


@dataclass(frozen=True, slots=True)
class NoOptions:
    """A target without options of its own."""
