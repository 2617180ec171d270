"""A target's options: one frozen dataclass, from which flags, environment names and YAML keys are derived."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, Final

from baked_publish.deployment import Change
from baked_publish.shapes import is_list

HOST: Final = re.compile(r"(?i)(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
"""A host name that somebody may own: RFC 1123, section 2.1."""


def option(
    default: Any,
    help: str,  # noqa: A002 - click's word for it
    *,
    flag: str | None = None,
    envvar: str | Sequence[str] | None = None,
    release: bool = True,
    locates: bool = False,
    needed: str = "",
    bounds: tuple[float | None, float | None] = (None, None),
) -> Any:
    """Declare a field of an options dataclass: its default, its sentence in ``--help``, its flag.

    The flag is ``--field-name`` and the environment name ``BAKED_<TARGET>_<FIELD>`` unless given. With
    ``release=False`` the option only steers the publish itself: another value of it is no change to deploy. One that
    ``locates`` says where a name is found, so that ``status`` and its like take it too. One that is ``needed`` has no
    default that could be guessed: a person is asked for it by this name of it, anybody else is told to give it.
    A number lies within ``bounds``, the least and the most that it may be.
    """
    said = {
        "help": help, "flag": flag, "envvar": envvar, "release": release, "locates": locates, "needed": needed,
        "bounds": bounds,
    }  # fmt: skip
    return field(default=default, metadata=said)


def deployed(options: Any) -> dict[str, Any]:
    """Return the options that the running deployment depends on, as plain values."""
    return {f.name: getattr(options, f.name) for f in fields(options) if f.metadata.get("release", True)}


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the options that a plan tells of because they differ; none of which ``old`` does not say what it was."""
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            yield Change("change", name.replace("_", "-"), _shown(old[name]), _shown(new[name]))


def _shown(value: Any) -> str:
    if is_list(value):
        return ", ".join(" ".join(map(str, each)) if is_list(each) else str(each) for each in value) or "none"
    return "none" if value is None else str(value)


def missing(options: Any) -> tuple[Field[Any], ...]:
    """Return the fields that are needed and that nobody gave."""
    return tuple(f for f in fields(options) if f.metadata.get("needed") and getattr(options, f.name) in {None, ""})


@dataclass(frozen=True, slots=True)
class NoOptions:
    """A target without options of its own."""
