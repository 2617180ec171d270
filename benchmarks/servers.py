"""The servers that are measured side by side: how each is installed, started, and asked for the same rows.

Each is installed by its own package manager into an environment of its own at first use, and serves the same file as
its manual says: ours a Bundle, Datasette an immutable file with its inspect file, Soul and ROAPI the plain file.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from socket import create_server
from typing import Final

from workbench import CHECKOUT, PEER, SCRATCH, flights, peer

TABLE, HTML, FILTERED = "table of 100 rows, JSON", "table of 100 rows, HTML", "filtered table, JSON"
ROW, ROW_HTML = "row, JSON", "row, HTML"
PAGES: Final = (TABLE, HTML, FILTERED, ROW, ROW_HTML)
ROWS: Final = {TABLE: 100, FILTERED: 100, ROW: 1}
"""How many rows the answer must hold."""
OURS, SOUL, ROAPI = "baked-data", "soul-cli@0.8.2", "roapi==0.12.7"
PATIENCE = 60.0
PAUSE = 0.002
"""Seconds between two tries of a server that is starting."""


@dataclass(frozen=True)
class Side:
    """One server."""

    name: str
    words: Sequence[str]
    """How it is started; ``PORT`` is a free one, ``SPARE`` another."""
    pages: Mapping[str, str]
    """Where each page is that it has."""
    first: str
    """A page of one row: what is asked until it answers."""
    env: Mapping[str, str] = field(default_factory=dict[str, str])

    @contextmanager
    def up(self) -> Iterator[tuple[int, int, float]]:
        """Start it; yield its port, process id and the seconds until its first answer."""
        port = free_port()
        words = [word.replace("PORT", str(port)) for word in self.words]
        words = [word.replace("SPARE", str(free_port())) if "SPARE" in word else word for word in words]
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env |= {"HOST": "127.0.0.1", "PORT": str(port), **self.env}
        began = time.perf_counter()
        process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=SCRATCH)
        try:
            yield port, process.pid, first_answer(port, self.first, process) - began
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self) -> float:
        """Return the milliseconds from the start of the process to its first answer."""
        with self.up() as (_, _, seconds):
            return seconds * 1000


def free_port() -> int:
    """Return a port that nobody listens on."""
    with create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def first_answer(port: int, path: str, process: subprocess.Popen[bytes]) -> float:
    """Wait for a 200."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            status, _ = fetch(port, path)
            if status == 200:
                return time.perf_counter()
        except (OSError, HTTPException):
            pass
        time.sleep(PAUSE)
    raise SystemExit(f"{process.args!r} gave no answer")


def fetch(port: int, path: str) -> tuple[int, bytes]:
    """Ask for ``path`` and return status and body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def check(side: Side, port: int) -> None:
    """Raise SystemExit if a page of ``side`` does not hold the rows that all must answer with."""
    for page, path in side.pages.items():
        status, body = fetch(port, path)
        found, wanted = body.count(b'"time_hour"'), ROWS.get(page)
        if status != 200 or (wanted is not None and found != wanted):
            raise SystemExit(f"{side.name}: {path} answers {status} with {found} rows, not {wanted}")


def sides() -> list[Side]:
    """Install what is not there yet, and return all, ours first."""
    return [_ours(), _datasette(), _soul(), _roapi()]


def _ours() -> Side:
    bundle = SCRATCH / "bundle"
    shutil.rmtree(bundle, ignore_errors=True)
    bake = [sys.executable, "-m", "baked_publish", "bake", str(flights()), "-o", str(bundle), "-q"]
    subprocess.run(bake, stdout=subprocess.DEVNULL, check=True)
    table, row = "/flights/flights", "/flights/flights/1000"
    return Side(
        OURS,
        [sys.executable, "-m", "baked_core", str(bundle)],
        {**_pages(table, row)},
        f"{table}.json?_size=1",
        # an image ships bytecode, and so does what pip installs; of a checkout it lies here
        {"PYTHONPYCACHEPREFIX": str(SCRATCH / "bytecode"), "PYTHONPATH": str(CHECKOUT / "core")},
    )


def _datasette() -> Side:
    programs, database, inspected = peer(), flights(), SCRATCH / "inspect.json"
    subprocess.run([programs / "datasette", "inspect", database, "--inspect-file", inspected], check=True)
    words = [str(programs / "datasette"), "serve", "-i", str(database), "--inspect-file", str(inspected)]
    return Side(
        PEER,
        [*words, "-h", "127.0.0.1", "-p", "PORT", "--cors"],
        _pages("/flights/flights", "/flights/flights/1000"),
        "/flights/flights.json?_size=1",
    )


def _pages(table: str, row: str) -> dict[str, str]:
    return {
        TABLE: f"{table}.json?_size=100",
        HTML: f"{table}?_size=100",
        FILTERED: f"{table}.json?carrier=UA&_size=100",
        ROW: f"{row}.json",
        ROW_HTML: row,
    }


def _soul() -> Side:
    home, copy = SCRATCH / "soul", SCRATCH / "soul.db"
    program = home / "node_modules" / "soul-cli" / "src" / "server.js"
    if not program.exists():
        home.mkdir(parents=True, exist_ok=True)
        quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(["npm", "install", "--prefix", home, *quiet, SOUL], check=True)
    shutil.copyfile(flights(), copy)  # it opens the file to write
    table = "/api/tables/flights/rows"
    return Side(
        SOUL,
        ["node", str(program), "-d", str(copy), "-p", "PORT"],
        {TABLE: f"{table}?_limit=100", FILTERED: f"{table}?_filters=carrier:UA&_limit=100", ROW: f"{table}/1000"},
        f"{table}?_limit=1",
    )


def _roapi() -> Side:
    home = SCRATCH / "roapi"
    program = home / "bin" / "roapi"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, ROAPI], check=True)
    table = "/api/tables/flights"
    spare = ["-p", "127.0.0.1:SPARE", "--addr-flight-sql", "127.0.0.1:SPARE"]
    return Side(
        ROAPI,
        [str(program), "-a", "127.0.0.1:PORT", *spare, "-t", f"flights=sqlite://{flights()}"],
        {TABLE: f"{table}?limit=100", FILTERED: f"{table}?filter[carrier]eq=%27UA%27&limit=100"},
        f"{table}?limit=1",
    )


def memory(pid: int) -> float:
    """Return the proportional memory of a process and all below it, in MB; 0 where the system does not tell."""
    total = 0.0
    for each in (pid, *children(pid)):
        rollup = Path(f"/proc/{each}/smaps_rollup")
        if rollup.exists():
            lines = [line for line in rollup.read_text().splitlines() if line.startswith("Pss:")]
            total += sum(int(line.split()[1]) for line in lines) / 1024
    return total


def children(pid: int) -> Iterator[int]:
    """Yield every process below ``pid``."""
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, listing.read_text().split()):
            yield child
            yield from children(child)
