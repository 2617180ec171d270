"""Serving beside the peer: start to first answer, requests a second, memory. Loopback only; needs ``wrk``.

Both serve the same file, one process each, as each is published: ours from a Bundle, the peer immutable with its
inspect file. ``wrk -t1 -c4`` asks for a few seconds a round.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from workbench import PEER, SCRATCH, flights, pairs, peer, ratio, record, show

PAGES = {
    "table of 100 rows, JSON": "/flights/flights.json?_size=100",
    "table of 100 rows, HTML": "/flights/flights?_size=100",
    "filtered table, JSON": "/flights/flights.json?carrier=UA&_size=100",
    "row, JSON": "/flights/flights/1000.json",
    "row, HTML": "/flights/flights/1000",
}
ROUNDS, SECONDS, STARTS = 3, 4, 7
PATIENCE = 60.0


@dataclass(frozen=True)
class Side:
    """One of the two servers: how it is started."""

    words: Sequence[str]

    @contextmanager
    def up(self) -> Iterator[tuple[str, int, float]]:
        """Start it; yield its address, process id and the seconds until its first answer."""
        port = free_port()
        words = [word.replace("PORT", str(port)) for word in self.words]
        env = {**os.environ, "HOST": "127.0.0.1", "PORT": str(port)}
        began = time.perf_counter()
        process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            yield url, process.pid, first_answer(url, process) - began
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
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


def first_answer(url: str, process: subprocess.Popen[bytes]) -> float:
    """Wait for a 200 of a page that both know."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"{url}/-/versions.json", timeout=PATIENCE):
                return time.perf_counter()
        except OSError:
            time.sleep(0.005)
    raise SystemExit(f"{process.args!r} gave no answer")


def requests_a_second(url: str) -> float:
    """Ask for ``url`` with wrk and return how many answers came a second; all must be 200."""
    command = ["wrk", "-t1", "-c4", f"-d{SECONDS}s", "--timeout", "30s", url]
    said = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    if "Non-2xx" in said:
        raise SystemExit(f"{url} did not answer well:\n{said}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    return float(found[1]) if found else 0.0


def memory(pid: int) -> float:
    """Return the proportional memory of a process and all below it, in MB; 0 where the system does not tell."""
    total = 0.0
    for each in (pid, *children(pid)):
        rollup = Path(f"/proc/{each}/smaps_rollup")
        if rollup.exists() and (found := re.search(r"^Pss:\s+(\d+) kB", rollup.read_text(), re.MULTILINE)):
            total += int(found[1]) / 1024
    return total


def children(pid: int) -> Iterator[int]:
    """Yield every process below ``pid``."""
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, listing.read_text().split()):
            yield child
            yield from children(child)


def sides() -> tuple[Side, Side]:
    """Prepare what each serves, and return both."""
    database, programs = flights(), peer()
    bundle = SCRATCH / "bundle"
    shutil.rmtree(bundle, ignore_errors=True)
    subprocess.run(
        [sys.executable, "-m", "baked_publish", "bake", database, "-o", bundle, "-q"],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    inspected = SCRATCH / "inspect.json"
    subprocess.run([programs / "datasette", "inspect", database, "--inspect-file", inspected], check=True)
    ours = Side([sys.executable, "-m", "baked_core", str(bundle)])
    theirs = [str(programs / "datasette"), "serve", "-i", str(database), "--inspect-file", str(inspected)]
    return ours, Side([*theirs, "-h", "127.0.0.1", "-p", "PORT", "--cors"])


def main() -> None:
    """Measure, show and record."""
    if not shutil.which("wrk"):
        raise SystemExit("wrk is not installed: it is what asks (apt-get install wrk, brew install wrk)")
    ours, theirs = sides()
    starts = pairs(STARTS, {"ours": ours.start, "peer": theirs.start})
    with ours.up() as (our_url, our_pid, _), theirs.up() as (their_url, their_pid, _):
        rates = {
            page: pairs(
                ROUNDS,
                {
                    "ours": partial(requests_a_second, our_url + path),
                    "peer": partial(requests_a_second, their_url + path),
                },
            )
            for page, path in PAGES.items()
        }
        held = {"ours": [memory(our_pid)], "peer": [memory(their_pid)]}
    figures = {
        "start to first answer, ms": starts,
        **{f"{page}, requests/s": rate for page, rate in rates.items()},
        "memory after that, MB": held,
    }
    rows = {
        what: {
            "ours": round(median(figure["ours"]), 1),
            "peer": round(median(figure["peer"]), 1),
            "ratio": round(ratio(figure["ours"], figure["peer"]), 3),
            "rounds": {side: [round(each, 1) for each in values] for side, values in figure.items()},
        }
        for what, figure in figures.items()
    }
    record("serve", {"peer": PEER, "rows": rows})
    show(
        f"336,776 rows, beside {PEER}",
        ("", "baked-data", "peer", "ratio"),
        [(what, f"{row['ours']:,}", f"{row['peer']:,}", f"{row['ratio']:.2f}") for what, row in rows.items()],
    )


if __name__ == "__main__":
    main()
