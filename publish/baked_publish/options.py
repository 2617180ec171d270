"""A target's options: one frozen dataclass, from which flags, environment names and YAML keys are derived."""

from dataclasses import dataclass, field, fields
from typing import Any


def option(
    default: Any,
    help: str,  # noqa: A002 - click's word for it
    *,
    flag: str | None = None,
    envvar: str | None = None,
    release: bool = True,
    locates: bool = False,
) -> Any:
    """Declare a field of an options dataclass: its default, its sentence in ``--help``, its flag.

    The flag is ``--field-name`` and the environment name ``BAKED_<TARGET>_<FIELD>`` unless given. With
    ``release=False`` the option only steers the publish itself: another value of it is no change to deploy. One that
    ``locates`` says where a name is found, so that ``status`` and its like take it too.
    """
    said = {"help": help, "flag": flag, "envvar": envvar, "release": release, "locates": locates}
    return field(default=default, metadata=said)


def deployed(options: Any) -> dict[str, Any]:
    """Return the options that the running deployment depends on, as plain values."""
    return {f.name: getattr(options, f.name) for f in fields(options) if f.metadata.get("release", True)}


@dataclass(frozen=True, slots=True)
class NoOptions:
    """A target without options of its own."""
