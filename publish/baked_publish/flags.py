"""Flags: click options derived from frozen dataclasses, so that each is written once."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import click

Options = TypeVar("Options")


def flags(options: type, *, target: str = "") -> list[click.Parameter]:
    """Return a click option for each field of ``options`` that was declared with :func:`options.option`."""
    hints = get_type_hints(options)
    return [_flag(each, hints[each.name], target) for each in fields(options) if each.metadata]


def collect(options: type[Options], values: Mapping[str, Any]) -> Options:
    """Make an ``options`` of the values that click parsed for its fields."""
    names = [each.name for each in fields(options) if each.name in values]  # type: ignore[arg-type]
    return options(**{name: values[name] for name in names})


def _flag(each: Field[Any], hint: Any, target: str) -> click.Option:
    spelling = each.metadata["flag"] or "--" + each.name.replace("_", "-")
    envvar = each.metadata["envvar"] or (f"BAKED_{target}_{each.name}".upper() if target else None)
    default = None if each.default is MISSING else each.default
    return click.Option(
        [each.name, *spelling.split()],
        default=default,
        help=each.metadata["help"],
        envvar=envvar,
        show_envvar=bool(envvar),
        show_default=default not in (None, False, ()) and not isinstance(default, bool),
        **_kind(hint),
    )


def _kind(hint: Any) -> dict[str, Any]:
    if hint is bool:
        return {"is_flag": True}
    if get_origin(hint) is tuple:
        return {"multiple": True, **_item(get_args(hint)[0])}
    return {"type": _type(hint)}


def _item(hint: Any) -> dict[str, Any]:
    """Return how one value of a repeatable option is read; a pair takes two words."""
    if get_origin(hint) is tuple:
        return {"nargs": len(get_args(hint)), "type": tuple(_type(part) for part in get_args(hint))}
    return {"type": _type(hint)}


def _type(hint: Any) -> Any:
    plain = next((part for part in get_args(hint) if part is not type(None)), hint)
    return click.Path(path_type=Path) if plain is Path else plain
