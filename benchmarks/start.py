"""The cold start of a container: an image as it is built, beside the same one without what spares it compiling.

Every start is a new container with a read-only root, run by runc, and ends with its first answers: a row as JSON, and
then a page of HTML. Its files are in this machine's memory, so what is measured is work, not the disk. Needs root, and
Debian's umoci and runc.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from workbench import CHECKOUT, SCRATCH, ratio, record, show

sys.path.insert(0, str(CHECKOUT / "tests" / "support"))
import base_image
import line
import runtime

ROUNDS = 15
LIMIT = 60.0
TICK = 1000 / os.sysconf("SC_CLK_TCK")
ROW, PAGE = "/data/items/1.json", "/data/items"
STEPS = {
    "start to a row as JSON": ROW,
    "start to a first page of HTML": PAGE,
}
LIBRARY = "usr/lib/python3.11/**/__pycache__"
TEMPLATES = "opt/baked/bundle/app/baked_core/templates/compiled"
SIDES: Mapping[str, tuple[str, ...]] = {
    "as built": (),
    "without templates": (TEMPLATES,),
    "without library": (LIBRARY,),
    "without both": (LIBRARY, TEMPLATES),
}
"""What is taken out of an image on each side."""


@dataclass
class Side:
    """What the starts of one side took, in milliseconds."""

    folder: Path
    wall: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    cpu: dict[str, list[float]] = field(default_factory=dict[str, list[float]])


def build(folder: Path) -> Path:
    """Build the image and unpack it; return the folder that runc takes."""
    line.make_database(folder / "data.db", 1)
    words = [sys.executable, "-m", "baked_publish", "image", "data.db", "-q", "-o", "layout/"]
    words += ["--base-image", f"oci:{base_image.layout()}:3.11"]
    subprocess.run(words, cwd=folder, check=True, timeout=LIMIT, stdout=subprocess.DEVNULL)
    unpack = ["umoci", "unpack", "--image", "layout:latest", "unpacked"]
    subprocess.run(unpack, cwd=folder, check=True, timeout=LIMIT, capture_output=True)
    return folder / "unpacked"


def without(original: Path, folder: Path, patterns: tuple[str, ...]) -> Side:
    """Copy the image and take files out of it."""
    shutil.copytree(original, folder, symlinks=True)
    for pattern in patterns:
        found = list((folder / "rootfs").glob(pattern))
        if not found:
            raise SystemExit(f"there is no {pattern} in the image")
        for each in found:
            shutil.rmtree(each)
    return Side(folder)


def start(side: Side) -> None:
    """Start one container, ask it, and end it."""
    port, name, pid = runtime.free_port(), f"bench-{time.monotonic_ns()}", side.folder / "pid"
    config = side.folder / "config.json"
    told = {"HOST": "127.0.0.1", "PORT": str(port)}
    config.write_text(json.dumps(runtime.locked_down(json.loads(config.read_bytes()), told)))
    runc = ["runc", "--root", str(side.folder.parent / "runc")]
    began = time.perf_counter()
    process = subprocess.Popen(
        [*runc, "run", "--bundle", str(side.folder), "--pid-file", str(pid), name],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for step, path in STEPS.items():
            ask(port, path, lambda: process.poll() is None)
            side.wall.setdefault(step, []).append(1000 * (time.perf_counter() - began))
            side.cpu.setdefault(step, []).append(spent(pid))
    finally:
        subprocess.run([*runc, "delete", "--force", name], check=False, timeout=LIMIT, capture_output=True)
        process.wait(LIMIT)


def ask(port: int, path: str, alive: Callable[[], bool]) -> None:
    """Ask until somebody listens, and require an answer."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline and alive():
        connection = HTTPConnection("127.0.0.1", port, timeout=LIMIT)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
        except ConnectionError:
            time.sleep(0.001)
        else:
            if answer.status != 200:
                raise SystemExit(f"{path} was answered {answer.status}")
            return
        finally:
            connection.close()
    raise SystemExit("the container does not answer")


def spent(pid: Path) -> float:
    """Return the CPU time of the server so far, in milliseconds."""
    fields = Path(f"/proc/{pid.read_text()}/stat").read_text().rpartition(")")[2].split()
    return TICK * (int(fields[11]) + int(fields[12]))


def main() -> None:
    """Measure, show and record."""
    folder = Path(tempfile.mkdtemp(prefix="start-", dir=SCRATCH))
    os.environ["BAKED_CACHE_HOME"] = str(folder / "cache")
    try:
        original = build(folder)
        sides = {name: without(original, folder / f"side-{i}", out) for i, (name, out) in enumerate(SIDES.items())}
        for number in range(ROUNDS + 1):
            for side in sides.values():
                start(side)
                if number == 0:  # the files come into memory
                    side.wall.clear()
                    side.cpu.clear()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    ours = sides["as built"]
    rows = {
        step: {
            name: {
                "wall": round(median(side.wall[step]), 1),
                "cpu": round(median(side.cpu[step]), 1),
                "ratio": round(ratio(side.cpu[step], ours.cpu[step]), 2),
            }
            for name, side in sides.items()
        }
        for step in STEPS
    }
    for step, row in rows.items():
        shown = [(name, str(one["wall"]), str(one["cpu"]), str(one["ratio"])) for name, one in row.items()]
        show(step, ("", "ms", "CPU ms", "times ours"), shown)
    record("start", {"rounds": ROUNDS, "rows": rows})


if __name__ == "__main__":
    main()
