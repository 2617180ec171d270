"""Building and pushing an image, beside ``docker build`` and ``docker push`` of the ejected Dockerfile.

Both sides begin with the same database on the disk, base image and packages at hand, and end with the image in the same
registry on this machine: a first time under a new name, after one percent of the rows changed, and with nothing
changed. Ours bakes (checks, counts, hashes), builds and pushes; Docker is given the folder ready made. Needs root, and
Debian's docker.io, docker-registry and skopeo.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from shutil import copyfile, rmtree
from statistics import median

import apsw
from bake import sized, warm
from workbench import CHECKOUT, SCRATCH, ratio, record, show

sys.path.insert(0, str(CHECKOUT / "tests" / "support"))
import base_image
import engine
import registry

SIZES = {"50 MB": (50_000_000, 3), "1 GB": (1_000_000_000, 2)}
"""Bytes, and rounds."""
PEER = "docker build and push"
LIMIT = 1800.0

PUBLISH = """
import sys
from pathlib import Path
from baked_publish.bake import BakeOptions
from baked_publish.builders.image import build
from baked_publish.images.options import ImageOptions
from baked_publish.images.recipe import ImageRecipe
from baked_publish.ingredients import Ingredients, baking
from baked_publish.registry.push import push
from baked_publish.registry.reference import Reference
from baked_publish.registry.repository import Repository
from baked_publish.registry.session import Session
from baked_publish.report import Silent
database, base, name = sys.argv[1:]
reference, report = Reference.parse(name), Silent()
with baking([Path(database)], Ingredients(), BakeOptions(), report) as bundle:
    image = build(bundle, ImageRecipe(options=ImageOptions(base_image=base)), report)
    with Session(reference.host) as session:
        repository = Repository(session, reference.repository)
        sent = push(repository, image.tree, report)
        top = image.tree.manifest
        found = repository.find(reference.tag)
        if found is None or found.digest != top.descriptor.digest:
            repository.put(reference.tag, top.read(), top.descriptor.media_type)
print(sent.bytes)
"""
"""What ``publish registry`` does without the plan, the ledger, and the verification that reads everything back."""


@dataclass
class Side:
    """What one side took, by step."""

    seconds: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    sent: dict[str, int] = field(default_factory=dict[str, int])
    """Bytes that went into the registry."""


@dataclass(frozen=True)
class Bench:
    """An engine, a registry with the base image in it, and a folder."""

    host: str
    storage: Path
    base: str
    folder: Path

    def ours(self, database: Path, name: str) -> None:
        """Bake, build and push."""
        words: list[str | Path] = [
            sys.executable,
            "-c",
            PUBLISH,
            database,
            self.base,
            f"{self.host}/ours/{name}:latest",
        ]
        run(words, self.folder)

    def eject(self, database: Path, name: str) -> Path:
        """Write the folder that Docker builds from; not measured."""
        folder = self.folder / f"context-{name}"
        rmtree(folder, ignore_errors=True)
        words: list[str | Path] = [sys.executable, "-m", "baked_publish", "image", database, "--name", "bench", "-q"]
        run([*words, "--eject", folder, "--base-image", self.base], self.folder)
        return folder

    def docker(self, context: Path, name: str) -> None:
        """Build and push by the engine."""
        tag = f"{self.host}/docker/{name}:latest"
        passed = [f"--build-arg={each}" for each in ("PIP_INDEX_URL", "PIP_CERT") if each in os.environ]
        run(["docker", "build", "--quiet", "--network", "host", *passed, "--tag", tag, context], self.folder)
        run(["docker", "push", "--quiet", tag], self.folder)

    def stored(self) -> int:
        """Return the bytes that the registry holds."""
        return sum(each.stat().st_size for each in self.storage.rglob("*") if each.is_file())


def run(words: list[str | Path], folder: Path) -> None:
    """Run a program in ``folder``; show what it said if it fails."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False)
    if done.returncode:
        raise SystemExit(f"{words[:6]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


@contextmanager
def bench() -> Iterator[Bench]:
    """Start an engine and a registry, and put the base image into both."""
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=SCRATCH))
    daemon = engine.Daemon(Path(tempfile.mkdtemp(prefix="engine-")))
    os.environ |= {"BAKED_CACHE_HOME": str(folder / "cache"), "DOCKER_HOST": daemon.url, "DOCKER_BUILDKIT": "0"}
    (folder / "registry").mkdir()
    try:
        daemon.start()
        with registry.serving(folder / "registry") as running:
            base = f"{running.host}/base/python:3.11"
            copy = ["skopeo", "copy", "--quiet", "--all", "--dest-tls-verify=false"]
            run([*copy, f"oci:{base_image.layout()}:one", f"docker://{base}"], folder)
            yield Bench(running.host, running.folder, base, folder)
    finally:
        daemon.remove()
        rmtree(folder, ignore_errors=True)


def change(database: Path, number: int) -> None:
    """Change one percent of the flights, all over the file; ``number`` says which."""
    connection = apsw.Connection(str(database))
    connection.execute("update flights set dep_delay = coalesce(dep_delay, 0) + 1 where id % 100 = ?", (number % 100,))
    connection.close()


def measured(bench: Bench, side: Side, step: str, work: Callable[[], None]) -> None:
    """Time ``work``, and what it brought into the registry."""
    before, began = bench.stored(), time.perf_counter()
    work()
    side.seconds.setdefault(step, []).append(time.perf_counter() - began)
    side.sent[step] = bench.stored() - before


def rounds(bench: Bench, original: Path, count: int) -> tuple[Side, Side]:
    """Publish a new database, the same again, and one of which a percent of the rows changed; by both sides in turn."""
    ours, theirs = Side(), Side()
    database = bench.folder / "flights.db"
    for number in range(count):
        name = f"n{original.stat().st_size}-{number}"
        copyfile(original, database)
        change(database, 50 + number)  # no round's data is known from another
        for step in ("first time", "unchanged", "1 % of rows changed"):
            if step.startswith("1 %"):
                change(database, number)
            context = bench.eject(database, name)
            time.sleep(2.1)  # a file that was just written is never taken for unchanged
            if step == "unchanged":  # as a night finds it: baked before, and long ago
                bench.ours(database, name)
            warm(database)
            measured(bench, ours, step, partial(bench.ours, database, name))
            warm(context / "bundle" / "databases" / "flights.db")
            measured(bench, theirs, step, partial(bench.docker, context, name))
    return ours, theirs


def main() -> None:
    """Measure, show and record."""
    rows: dict[str, dict[str, dict[str, float]]] = {}
    with bench() as made:
        small = sized("50 MB", 50_000_000)
        made.ours(small, "warm")  # packages and base are at hand, on both sides
        made.docker(made.eject(small, "warm"), "warm")
        for size, (wanted, count) in SIZES.items():
            ours, theirs = rounds(made, sized(size, wanted), count)
            for step, seconds in ours.seconds.items():
                rows.setdefault(size, {})[step] = {
                    "ours": round(median(seconds), 2),
                    "docker": round(median(theirs.seconds[step]), 2),
                    "ratio": round(ratio(theirs.seconds[step], seconds), 1),
                    "ours MB": round(ours.sent[step] / 1e6, 2),
                    "docker MB": round(theirs.sent[step] / 1e6, 2),
                }
            shown = [
                (
                    step,
                    f"{row['ours']:.2f}",
                    f"{row['docker']:.2f}",
                    f"{row['ratio']:.1f}",
                    f"{row['ours MB']:.2f}",
                    f"{row['docker MB']:.2f}",
                )
                for step, row in rows[size].items()
            ]
            show(f"{size}, beside {PEER}", ("", "s", "docker s", "times faster", "MB stored", "docker MB"), shown)
    record("image", {"peer": PEER, "rows": rows})


if __name__ == "__main__":
    main()
