"""Write the tables of the documentation that the program itself knows: ``python docs/generate.py``.

A page marks the place of each table with ``<!-- generated: NAME -->`` and ``<!-- end -->``; all between is replaced.
With ``--check`` nothing is written, and a page that is not up to date ends the run with 1.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from baked_core.settings import SETTINGS
from baked_publish.cli import exit_codes, make_program

HERE = Path(__file__).parent
PLACE = re.compile(r"(<!-- generated: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(*, check: bool) -> int:
    """Bring every page up to date, or only tell which are not."""
    stale = [page for page in sorted(HERE.glob("*.md")) if refresh(page, write=not check)]
    for page in stale:
        print(f"{page.name} {'is not up to date: run python docs/generate.py' if check else 'was written'}")
    return 1 if check and stale else 0


def refresh(page: Path, *, write: bool) -> bool:
    """Fill the places of one page; tell whether it changed."""
    old = page.read_text("utf-8")
    new = PLACE.sub(lambda place: f"{place[1]}\n{table(place[2])}\n{place[3]}", old)
    if write and new != old:
        page.write_text(new, "utf-8")
    return new != old


def table(name: str) -> str:
    """Return the Markdown that stands at the place ``name``."""
    if name == "settings":
        return rows(("setting", "default", "meaning"), settings())
    if name == "exit codes":
        return rows(("code", "meaning"), ((str(code), meaning) for code, meaning in exit_codes()))
    words = name.removeprefix("options of ").split()
    return rows(("option", "meaning"), options(words))


def settings() -> Iterator[tuple[str, str, str]]:
    """Yield name, default and meaning of each setting."""
    for each in SETTINGS.values():
        default = str(each.default).lower() if isinstance(each.default, bool) else each.default
        yield f"`{each.name}`", f"`{default}`", each.help


def options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield spelling and meaning of each option of a command."""
    program: click.Command = make_program()
    for word in words:
        assert isinstance(program, click.Group)  # noqa: S101 - a place that names no command is a mistake in the page
        found = program.get_command(click.Context(program), word)
        assert found is not None, word  # noqa: S101
        program = found
    context = click.Context(program)
    for param in program.params:
        record = param.get_help_record(context) if isinstance(param, click.Option) else None
        if record:
            yield f"`{record[0]}`", record[1]


def rows(heads: Iterable[str], cells: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    head = list(heads)
    lines = [head, ["---"] * len(head), *(list(row) for row in cells)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    raise SystemExit(main(check="--check" in sys.argv[1:]))
