"""A target's options: one frozen dataclass, from which flags, environment names and YAML keys are derived."""

from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any


def option(
    default: Any,
    help: str,  # noqa: A002 - click's word for it
    *,
    flag: str | None = None,
    envvar: str | Sequence[str] | None = None,
    release: bool = True,
    locates: bool = False,
    needed: str = "",
) -> Any:
    """Declare a field of an options dataclass: its default, its sentence in ``--help``, its flag.

    The flag is ``--field-name`` and the environment name ``BAKED_<TARGET>_<FIELD>`` unless given. With
    ``release=False`` the option only steers the publish itself: another value of it is no change to deploy. One that
    ``locates`` says where a name is found, so that ``status`` and its like take it too. One that is ``needed`` has no
    default that could be guessed: a person is asked for it by this name of it, anybody else is told to give it.
    """
    said = {
        "help": help, "flag": flag, "envvar": envvar, "release": release, "locates": locates, "needed": needed,
    }  # fmt: skip
    return field(default=default, metadata=said)


def deployed(options: Any) -> dict[str, Any]:
    """Return the options that the running deployment depends on, as plain values."""
    return {f.name: getattr(options, f.name) for f in fields(options) if f.metadata.get("release", True)}


def missing(options: Any) -> tuple[Field[Any], ...]:
    """Return the fields that are needed and that nobody gave."""
    return tuple(f for f in fields(options) if f.metadata.get("needed") and getattr(options, f.name) in {None, ""})


@dataclass(frozen=True, slots=True)
class NoOptions:
    """A target without options of its own."""
