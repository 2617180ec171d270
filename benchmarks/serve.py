"""Serving beside the peers: start to first answer, requests a second, memory. Loopback only; needs ``wrk`` and node.

All serve the same rows, one process each, as each is published. ``wrk -t1 -c4`` asks for a few seconds a round, one
server after the other; nothing of ours is cached. A round's ratio is ours to the peer's in the same round.
"""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import Any

from servers import OURS, PAGES, PATIENCE, Side, check, memory, sides
from workbench import pairs, ratio, record, show

ROUNDS, SECONDS, STARTS = 3, 4, 7


def requests_a_second(url: str) -> float:
    """Ask for ``url`` with wrk and return how many answers came a second; all must be 200."""
    command = ["wrk", "-t1", "-c4", f"-d{SECONDS}s", "--timeout", "30s", url]
    said = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    if "Non-2xx" in said:
        raise SystemExit(f"{url} did not answer well:\n{said}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    return float(found[1]) if found else 0.0


def measured(all_sides: Sequence[Side]) -> dict[str, dict[str, list[float]]]:
    """Start every server and ask each in turn; return the figures of each side by what was measured."""
    figures: dict[str, dict[str, list[float]]] = {}
    with ExitStack() as stack:
        running = {side.name: stack.enter_context(side.up()) for side in all_sides}
        for side in all_sides:
            check(side, running[side.name][0])
        for page in PAGES:
            measures = {
                side.name: partial(requests_a_second, f"http://127.0.0.1:{running[side.name][0]}{side.pages[page]}")
                for side in all_sides
                if page in side.pages
            }
            figures[f"{page}, requests/s"] = pairs(ROUNDS, measures)
        figures["memory after that, MB"] = {name: [memory(pid)] for name, (_, pid, _) in running.items()}
    return figures


def compared(figure: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Return the medians of one figure, the ratios to ours, and every round."""
    return {
        "medians": {name: round(median(values), 1) for name, values in figure.items()},
        "ratios": {name: round(ratio(figure[OURS], values), 3) for name, values in figure.items() if name != OURS},
        "rounds": {name: [round(each, 1) for each in values] for name, values in figure.items()},
    }


def main() -> None:
    """Measure, show and record."""
    for program in ("wrk", "npm"):
        if not shutil.which(program):
            raise SystemExit(f"{program} is not installed: apt-get install {program}, or brew install it")
    all_sides = sides()
    for side in all_sides:
        side.start()  # files come from memory and bytecode is there from now on
    starts = pairs(STARTS, {side.name: side.start for side in all_sides})
    rows = {
        what: compared(figure) for what, figure in {"start to first answer, ms": starts, **measured(all_sides)}.items()
    }
    names = [side.name for side in all_sides]
    record("serve", {"sides": names, "rows": rows})
    heads = ["", OURS, *(head for name in names[1:] for head in (name, "ratio"))]
    show("336,776 rows", heads, [[what, *cells(row, names)] for what, row in rows.items()])


def cells(row: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return the cells of one line: ours, then each peer's figure and ratio, empty where it has no such page."""
    medians, ratios = row["medians"], row["ratios"]
    found = [f"{medians[OURS]:,}"]
    for name in names:
        if name != OURS:
            found += [f"{medians[name]:,}", f"{ratios[name]:.2f}"] if name in medians else ["", ""]
    return found


if __name__ == "__main__":
    main()
