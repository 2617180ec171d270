"""Baking, in MB of database a second, for 50 MB and 1 GB: beside the peer's inspect, SQLite's backup, and sha256.

Every run is a process of its own over a file that was just read, so that the disk's speed plays no part but for what
writes a copy. What writes: ``publish bake`` and the backup.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import apsw
from workbench import BLOCK, PEER, SCRATCH, flights, pairs, peer, ratio, record, show

SIZES = {"50 MB": 50_000_000, "1 GB": 1_000_000_000}
ROUNDS = 3
LIMIT = 600.0

FREEZE = """
import sys
from pathlib import Path
from baked_publish.bake import BakeOptions
from baked_publish.ingredients import Ingredients, baking
from baked_publish.report import Silent
with baking([Path(sys.argv[1])], Ingredients(), BakeOptions(), Silent()):
    pass
"""
HASH = "import hashlib, sys; hashlib.file_digest(open(sys.argv[1], 'rb'), 'sha256')"
CHECK = "import apsw, sys; apsw.Connection(sys.argv[1]).execute('pragma quick_check').fetchall()"
BACKUP = """
import apsw, sys
with apsw.Connection(sys.argv[2]) as copy, copy.backup('main', apsw.Connection(sys.argv[1]), 'main') as backup:
    backup.step()
"""


def sized(name: str, size: int) -> Path:
    """Return a database of about ``size`` bytes: the flights again and again, made at first use."""
    path = SCRATCH / f"{name.replace(' ', '')}.db"
    if not path.exists():
        partial = path.with_suffix(".partial")
        shutil.copy(flights(), partial)
        grow(partial, size)
        partial.rename(path)
    return path


def grow(path: Path, size: int) -> None:
    """Copy flights within the file until it is ``size`` bytes large."""
    connection = apsw.Connection(str(path))
    columns = [
        str(name) for (name,) in connection.execute("select name from pragma_table_info('flights') where pk = 0")
    ]
    names, rows = ", ".join(columns), 50_000
    with connection:
        while path.stat().st_size < size and connection.pragma("page_count") * connection.pragma("page_size") < size:
            room = size - connection.pragma("page_count") * connection.pragma("page_size")
            batch = min(rows, max(1, room // 150))
            connection.execute(f"insert into flights({names}) select {names} from flights limit {batch}")
    connection.close()


def timed(path: Path, words: Sequence[str | Path], waste: Path | None = None) -> Callable[[], float]:
    """Return a measure: megabytes of ``path`` that the command ``words`` deals with a second."""

    def run() -> float:
        if waste is not None:
            remove(waste)
        warm(path)
        began = time.perf_counter()
        subprocess.run(words, check=True, timeout=LIMIT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return path.stat().st_size / 1e6 / (time.perf_counter() - began)

    return run


def remove(waste: Path) -> None:
    """Remove what an earlier round wrote."""
    if waste.is_dir():
        shutil.rmtree(waste)
    else:
        waste.unlink(missing_ok=True)


def warm(path: Path) -> None:
    """Read a file, so that the system holds as much of it as it can."""
    with path.open("rb") as file:
        while file.read(BLOCK):
            pass


def measures(path: Path) -> dict[str, Callable[[], float]]:
    """Return what is measured for one file, by the words of the table."""
    python, copied, baked = sys.executable, SCRATCH / "copy.db", SCRATCH / "baked"
    inspected = SCRATCH / "inspect-bake.json"
    return {
        "freeze, in place": timed(path, [python, "-c", FREEZE, path]),
        "publish bake, with a copy": timed(
            path, [python, "-m", "baked_publish", "bake", path, "-o", baked, "-q"], baked
        ),
        "datasette inspect": timed(path, [peer() / "datasette", "inspect", path, "--inspect-file", inspected]),
        "SQLite's backup": timed(path, [python, "-c", BACKUP, path, copied], copied),
        "SQLite's quick_check": timed(path, [python, "-c", CHECK, path]),
        "sha256": timed(path, [python, "-c", HASH, path]),
    }


def main() -> None:
    """Measure, show and record."""
    rows: dict[str, dict[str, dict[str, float]]] = {}
    for name, size in SIZES.items():
        figures = pairs(ROUNDS, measures(sized(name, size)))
        floor = figures["datasette inspect"]
        for what, values in figures.items():
            rows.setdefault(what, {})[name] = {"MB/s": round(median(values)), "ratio": round(ratio(values, floor), 2)}
        show(
            f"{name}, beside {PEER}",
            ("", "MB/s", "ratio to inspect"),
            [(what, f"{row[name]['MB/s']:,}", f"{row[name]['ratio']:.2f}") for what, row in rows.items()],
        )
    record("bake", {"peer": PEER, "rows": rows})
    for waste in (SCRATCH / "copy.db", SCRATCH / "baked"):
        remove(waste)


if __name__ == "__main__":
    main()
