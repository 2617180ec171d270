"""Row and table pages while ten strangers run the worst queries they know: SQL in processes, and in threads.

Everything runs on this machine, over loopback, for a few seconds a phase: an app alone, an app under attack, and the
same app in the way of systems that have no second process to give. Each stranger has an address of its own.
"""

import contextlib
import http.client
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from urllib.parse import quote

import apsw
from workbench import CHECKOUT, SCRATCH, record, show

SECONDS = 12
STRANGERS = 10
PAUSE = 0.02
"""Seconds between two questions of the honest."""
ROWS = 300_000
NUMBERS = "with recursive n(i) as (select 1 union all select i + 1 from n)"
WORST = (
    f"{NUMBERS} select count(*) from n",
    "with x(a) as (select hex(zeroblob(400000))) select length(trim(a, replace(a, '0', '1') || '0')) from x",
    "select count(*) from m a, m b where a.c1 + b.c2 = 7",
    "select * from m order by random()",
    f"{NUMBERS} select hex(randomblob(100000)) as x from n order by x",
    f"{NUMBERS} select sum(i) over (order by i desc) from n",
    "select group_concat(c1) from m",
    "select json_pretty(json_group_array(json_array(c1, c2, c3))) from (select * from m limit 40000)",
)
"""One call that never looks at the time, sorts, joins, rows that never end, text that grows."""
IN_THREADS = """
from baked_core.strangers import choose
choose.possible = lambda: False
from baked_core.__main__ import main
main()
"""
SIDES = {"nobody else": ["-m", "baked_core"], "processes": ["-m", "baked_core"], "threads": ["-c", IN_THREADS]}


@dataclass(frozen=True)
class Site:
    """A running server."""

    port: int
    pid: int

    def ask(self, path: str, source: str = "127.0.0.1") -> tuple[int, float]:
        """Return status and seconds of one request from the address ``source``."""
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60, source_address=(source, 0))
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
        return response.status, time.perf_counter() - began


def bundle() -> Path:
    """Return a Bundle with one table of 19 columns, made at first use."""
    root = SCRATCH / "strangers"
    if not (root / "manifest.json").exists():
        root.mkdir(parents=True, exist_ok=True)
        path = root / "data.db"
        path.unlink(missing_ok=True)
        names = [f"c{number}" for number in range(1, 19)]
        values = [f"abs(i * {number * 7919} % 1000003)" for number in range(1, 15)]
        values += [f"'text ' || (i * {number} % 997)" for number in range(1, 5)]
        with contextlib.closing(apsw.Connection(str(path))) as connection:
            connection.execute(f"create table m(id integer primary key, {', '.join(names)})")
            filled = f"{NUMBERS[:-1]} limit {ROWS}) insert into m select i, {', '.join(values)} from n"
            connection.execute(filled)
        words = [str(Path(sys.executable).with_name("publish")), "bake", str(path), "-o", str(root / "made")]
        subprocess.run(words, check=True, capture_output=True)
        for each in (root / "made").iterdir():
            each.rename(root / each.name)
    return root


@contextlib.contextmanager
def served(words: list[str]) -> Iterator[Site]:
    """Serve the Bundle in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {**os.environ, "PORT": str(port), "PYTHONPATH": str(CHECKOUT / "core"), "BAKED_BUNDLE": str(bundle())}
    process = subprocess.Popen([sys.executable, *words], env=env)
    try:
        site = Site(port, process.pid)
        for _ in range(500):
            with contextlib.suppress(OSError):
                if site.ask("/-/healthz")[0] == 200:
                    break
            time.sleep(0.02)
        yield site
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def attack(site: Site, number: int, until: float) -> None:
    """Ask the worst, one query after another, as a page and as data, until the time is up."""
    source = f"127.0.0.{number + 10}"
    for at, sql in enumerate(cycle(WORST[number % len(WORST) :] + WORST[: number % len(WORST)])):
        if time.time() > until:
            return
        suffix = (".json", "")[at % 2]
        with contextlib.suppress(OSError, http.client.HTTPException):
            site.ask(f"/data/-/query{suffix}?sql={quote(sql)}", source)


def swarm(site: Site, until: float) -> None:
    """Be all the strangers at once."""
    threads = [threading.Thread(target=attack, args=(site, number, until)) for number in range(STRANGERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def honest(site: Site, path: Callable[[int], str], source: str, until: float, found: list[float]) -> None:
    """Ask for one page after another and note how long each takes."""
    number = 0
    while time.time() < until:
        number += 1
        status, seconds = site.ask(path(number), source)
        if status == 200:
            found.append(seconds * 1000)
        time.sleep(PAUSE)


PAGES: dict[str, tuple[Callable[[int], str], str]] = {
    "row": (lambda number: f"/data/m/{number * 37 % ROWS + 1}.json", "127.0.0.1"),
    "table of 100 rows": (lambda number: f"/data/m.json?_size=100&id__gt={number * 53 % ROWS}", "127.0.0.2"),
    "select 1": (lambda _number: "/data/-/query.json?sql=select+1", "127.0.0.3"),
}


def phase(name: str, words: list[str]) -> dict[str, dict[str, float]]:
    """Return the figures of each page in one phase."""
    with served(words) as site:
        for path, _ in PAGES.values():
            site.ask(path(1))
        time.sleep(1)
        until = time.time() + SECONDS
        strangers = multiprocessing.get_context("spawn").Process(target=swarm, args=(site, until))
        if name != "nobody else":
            strangers.start()
            time.sleep(1)
        found: dict[str, list[float]] = {page: [] for page in PAGES}
        threads = [
            threading.Thread(target=honest, args=(site, path, source, until, found[page]))
            for page, (path, source) in PAGES.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if name != "nobody else":
            strangers.join(90)
            strangers.kill()
    return {page: figures(times) for page, times in found.items()}


def figures(times: list[float]) -> dict[str, float]:
    """Return median, 99th percentile and maximum, in milliseconds, and how many were asked."""
    if len(times) < 2:
        return {"p50": 0.0, "p99": 0.0, "max": max(times, default=0.0), "asked": len(times)}
    cuts = quantiles(times, n=100)
    return {"p50": cuts[49], "p99": cuts[98], "max": max(times), "asked": len(times)}


def main() -> None:
    """Measure every phase and record it."""
    phases = {name: phase(name, words) for name, words in SIDES.items()}
    rows = [
        (page, name, *(f"{told[page][each]:,.1f}" for each in ("p50", "p99", "max")), str(told[page]["asked"]))
        for page in PAGES
        for name, told in phases.items()
    ]
    show("milliseconds", ("page", "beside", "p50", "p99", "max", "asked"), rows)
    record("strangers", {"seconds": SECONDS, "strangers": STRANGERS, "phases": phases})


if __name__ == "__main__":
    main()
