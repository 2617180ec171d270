"""Write the tables of the documentation that the program itself knows: ``python docs/generate.py``.

A page marks the place of each table with ``<!-- generated: NAME -->`` and ``<!-- end -->``; all between is replaced.
With ``--check`` nothing is written, and a page that is not up to date ends the run with 1.
"""

import ast
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from baked_core import extras
from baked_core.filters import OPERATORS
from baked_core.settings import SETTINGS
from baked_publish.cli import exit_codes, make_program
from baked_publish.schema import schema

HERE = Path(__file__).parent
CHECKOUT = HERE.parent
HALVES = {"core": CHECKOUT / "core" / "baked_core", "publish": CHECKOUT / "publish" / "baked_publish"}
SCHEMA = HERE / "publish.schema.json"
PLACE = re.compile(r"(<!-- generated: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(*, check: bool) -> int:
    """Bring every page up to date, or only tell which are not."""
    stale = [page for page in sorted([CHECKOUT / "README.md", *HERE.glob("*.md")]) if refresh(page, write=not check)]
    if lacks_schema(write=not check):
        stale.append(SCHEMA)
    for page in stale:
        print(f"{page.name} {'is not up to date: run python docs/generate.py' if check else 'was written'}")
    return 1 if check and stale else 0


def lacks_schema(*, write: bool) -> bool:
    """Write the JSON Schema of ``publish.yaml``; tell whether it changed."""
    new = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    changed = not SCHEMA.exists() or SCHEMA.read_text("utf-8") != new
    if write and changed:
        SCHEMA.write_text(new, "utf-8")
    return changed


def refresh(page: Path, *, write: bool) -> bool:
    """Fill the places of one page; tell whether it changed."""
    old = page.read_text("utf-8")
    new = PLACE.sub(lambda place: f"{place[1]}\n{table(place[2])}\n{place[3]}", old)
    if write and new != old:
        page.write_text(new, "utf-8")
    return new != old


def table(name: str) -> str:
    """Return the Markdown that stands at the place ``name``."""
    if name in SERVING:
        heads, cells = SERVING[name]
        return rows(heads, cells())
    if name.startswith("house of "):
        return rows(("file", "what it is"), house(HALVES[name.removeprefix("house of ")]))
    if name == "exit codes":
        return rows(("code", "meaning"), ((str(code), meaning) for code, meaning in exit_codes()))
    if name in BENCHMARKS:
        return BENCHMARKS[name]()
    words = name.removeprefix("options of ").split()
    return rows(("option", "meaning"), options(words))


def settings() -> Iterator[tuple[str, str, str]]:
    """Yield name, default and meaning of each setting."""
    for each in SETTINGS.values():
        default = str(each.default).lower() if isinstance(each.default, bool) else each.default
        yield f"`{each.name}`", f"`{default}`", each.help


def operators() -> Iterator[tuple[str, str]]:
    """Yield name and words of each filter operator."""
    for each in OPERATORS.values():
        yield f"`{each.name}`", f"{each.label} the value" if each.takes_value else f"{each.label}; the value is `1`"


def extra_names() -> Iterator[tuple[str, str, str]]:
    """Yield each extra, what may be asked for it, and its words."""
    kinds = {"table": extras.TABLE, "row": extras.ROW, "query": extras.QUERY}
    for name, text in sorted({**extras.TABLE, **extras.ROW, **extras.QUERY}.items()):
        yield f"`{name}`", ", ".join(kind for kind, known in kinds.items() if name in known), text


def differences() -> Iterator[tuple[str, str, str]]:
    """Yield each reason why an answer of ours differs from Datasette's, how often it does, and where."""
    lines = (CHECKOUT / "tests" / "e2e" / "side_by_side.txt").read_text("utf-8").splitlines()
    found: dict[str, list[str]] = {}
    for path, _, why in (line.partition("  # ") for line in lines if line.startswith("/")):
        if why:
            found.setdefault(why, []).append(path)
    for why, paths in found.items():
        yield why, str(len(paths)), f"`{min(paths, key=len)}`"


SERVING: dict[str, tuple[tuple[str, ...], Callable[[], Iterable[Iterable[str]]]]] = {
    "settings": (("setting", "default", "meaning"), settings),
    "operators": (("operator", "keeps rows where the column"), operators),
    "extras": (("name", "of", "what it is"), extra_names),
    "differences": (("here, and there", "addresses", "for example"), differences),
}


def house(half: Path) -> Iterator[tuple[str, str]]:
    """Yield each module below ``half``, those of a folder after its own files, and its first sentence."""
    for path in sorted(half.rglob("*.py"), key=lambda path: (path.parent, path.name)):
        sentence = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n\n")[0]
        shown = path.parent.relative_to(half) if path.name == "__init__.py" else path.relative_to(half)
        name = f"`{shown.as_posix()}{'/' if path.name == '__init__.py' else ''}`"
        yield name.replace("`./`", f"`{half.name}/`"), " ".join(sentence.replace("``", "`").split())


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


def serving() -> str:
    """Return the figures of the last run of benchmarks/serve.py."""
    run = recorded("serve")
    ours, *peers = run["sides"]
    heads = ("", ours, *(head for name in peers for head in (name, "ratio")))
    cells = (
        [
            what,
            f"{row['medians'][ours]:,}",
            *(cell for name in peers for cell in served(row, name)),
        ]
        for what, row in run["rows"].items()
    )
    return rows(heads, cells) + surroundings(run)


def served(row: dict[str, Any], name: str) -> tuple[str, str]:
    """Return a peer's figure and our ratio to it; dashes where it has no such page."""
    return (f"{row['medians'][name]:,}", f"{row['ratios'][name]:.2f}") if name in row["medians"] else ("-", "-")


def baking() -> str:
    """Return the figures of the last run of benchmarks/bake.py."""
    run = recorded("bake")
    sizes = list(next(iter(run["rows"].values())))
    heads = [head for size in sizes for head in (f"{size}, MB/s", "ratio to inspect")]
    cells = (
        [what, *(cell for size in sizes for cell in (f"{row[size]['MB/s']:,}", f"{row[size]['ratio']:.2f}"))]
        for what, row in run["rows"].items()
    )
    return rows(("", *heads), cells) + surroundings(run)


def packing() -> str:
    """Return the figures of the last run of benchmarks/compress.py."""
    run = recorded("compress")
    cells = (
        (
            what,
            f"{row['MB/s']:,}",
            f"{row['ratio']:.1f}",
            f"{row['size']:.3f}",
            "yes" if row["same on every CPU"] else "no",
        )
        for what, row in run["rows"].items()
    )
    heads = ("", "MB/s", f"ratio to {run['peer']}", "size left", "same bytes on every CPU")
    return rows(heads, cells) + surroundings(run)


def imaging() -> str:
    """Return the figures of the last run of benchmarks/image.py."""
    run = recorded("image")
    cells = (
        (
            f"{size}, {step}",
            *(f"{row[key]:,.2f}" for key in ("ours", "docker")),
            f"{row['ratio']:.1f}",
            f"{row['ours MB']:,.2f}",
        )
        for size, steps in run["rows"].items()
        for step, row in steps.items()
    )
    heads = ("", "baked-data, s", f"{run['peer']}, s", "times as fast", "MB new in the registry")
    return rows(heads, cells) + surroundings(run)


def strange() -> str:
    """Return the figures of the last run of benchmarks/strangers.py."""
    run = recorded("strangers")
    cells = (
        (page, beside, *(f"{told[page][each]:,.1f}" for each in ("p50", "p99", "max")), f"{told[page]['asked']:,}")
        for page in next(iter(run["phases"].values()))
        for beside, told in run["phases"].items()
    )
    told = rows(("page", "SQL of ten strangers", "p50, ms", "p99, ms", "max, ms", "answers"), cells)
    return told + surroundings(run) + f"The load of the machine was {run['machine']['load']} at the end.\n"


def starting() -> str:
    """Return the figures of the last run of benchmarks/start.py."""
    run = recorded("start")
    cells = (
        (step, name, f"{row['wall']:,.0f}", f"{row['cpu']:,.0f}", f"{row['ratio']:.2f}")
        for step, sides in run["rows"].items()
        for name, row in sides.items()
    )
    heads = ("", "image", "ms", "CPU, ms", "ratio of CPU to as built")
    return (
        rows(heads, cells) + surroundings(run) + f"The load of the machine was {run['machine']['load']} at the end.\n"
    )


BENCHMARKS = {
    "benchmark serve": serving,
    "benchmark bake": baking,
    "benchmark image": imaging,
    "benchmark compress": packing,
    "benchmark strangers": strange,
    "benchmark start": starting,
}


def recorded(name: str) -> dict[str, Any]:
    """Return the record of a run."""
    run: dict[str, Any] = json.loads((CHECKOUT / "benchmarks" / "results" / f"{name}.json").read_text("utf-8"))
    return run


def surroundings(run: dict[str, Any]) -> str:
    """Say when and where a run was made."""
    machine = run["machine"]
    return (
        f"\nMeasured on {run['date']}: {machine['cores']} cores of {machine['cpu']}, {machine['system']}, "
        f"Python {machine['python']}, SQLite {machine['sqlite']}.\n"
    )


def rows(heads: Iterable[str], cells: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    head = list(heads)
    lines = [head, ["---"] * len(head), *(list(row) for row in cells)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    raise SystemExit(main(check="--check" in sys.argv[1:]))
