"""Flags: click options derived from frozen dataclasses, so that each is written once."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click

Options = TypeVar("Options")


class Flag(click.Option):
    """An option that knows its section of the help."""

    section: str = ""


class Command(click.Command):
    """A command whose help shows its options by section."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group of flags, in the order they were given."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(param, "section", ""), []).append(record)
        for title, records in sections.items():
            with formatter.section(title or "Options"):
                formatter.write_dl(records)


def flags(options: type, section: str = "", *, target: str = "", only_locating: bool = False) -> list[click.Parameter]:
    """Return a flag for each field of ``options`` that was declared with :func:`options.option`.

    ``section`` is its heading in the help, ``target`` part of its environment name.
    """
    hints = get_type_hints(options)
    wanted = [each for each in fields(options) if each.metadata]
    if only_locating:
        wanted = [each for each in wanted if each.metadata["locates"]]
    return [_flag(each, hints[each.name], section, target) for each in wanted]


def collect(options: type[Options], values: Mapping[str, Any]) -> Options:
    """Make an ``options`` of the values that click parsed for its fields."""
    names = [each.name for each in fields(options) if each.name in values]  # type: ignore[arg-type]
    return options(**{name: values[name] for name in names})


def ways(target: str, each: Field[Any]) -> list[str]:
    """Return how an option is given: its flag, and the environment names that are read for it."""
    said = each.metadata["envvar"] or (f"BAKED_{target}_{each.name}".upper() if target else ())
    return [
        each.metadata["flag"] or "--" + each.name.replace("_", "-"),
        *([said] if isinstance(said, str) else said),
    ]


def _flag(each: Field[Any], hint: Any, section: str, target: str) -> Flag:
    spelling, *envvar = ways(target, each)
    default = None if each.default is MISSING else each.default
    flag = Flag(
        [each.name, *spelling.split()],
        default=default,
        help=each.metadata["help"],
        envvar=envvar or None,
        show_envvar=bool(envvar),
        show_default=default not in (None, False, ()) and not isinstance(default, bool),
        **_kind(hint, each.metadata["bounds"]),
    )
    flag.section = section
    return flag


def _kind(hint: Any, bounds: tuple[float | None, float | None]) -> dict[str, Any]:
    if hint is bool:
        return {"is_flag": True}
    if get_origin(hint) is tuple:
        return {"multiple": True, **_item(get_args(hint)[0])}
    if bounds != (None, None):
        return {"type": _range(_type(hint), *bounds)}
    return {"type": _type(hint)}


def _range(kind: type, least: float | None, most: float | None) -> click.IntRange | click.FloatRange:
    if kind is float:
        return click.FloatRange(least, most)
    return click.IntRange(None if least is None else int(least), None if most is None else int(most))


def _item(hint: Any) -> dict[str, Any]:
    """Return how one value of a repeatable option is read; a pair takes two words."""
    if get_origin(hint) is tuple:
        return {"nargs": len(get_args(hint)), "type": tuple(_type(part) for part in get_args(hint))}
    return {"type": _type(hint)}


def _type(hint: Any) -> Any:
    if get_origin(hint) is Literal:
        return click.Choice(get_args(hint))
    plain = next((part for part in get_args(hint) if part is not type(None)), hint)
    return click.Path(path_type=Path) if plain is Path else plain
