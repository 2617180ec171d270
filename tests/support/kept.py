"""What tests of ``local`` share: Bundles baked once, a state of its own, processes by their ids."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from line import LIMIT, make_database

from baked_publish.bake import BakeOptions
from baked_publish.builders.directory import Directory
from baked_publish.bundle import Bundle
from baked_publish.deployment import Candidate, Deployment
from baked_publish.ingredients import Ingredients, baking
from baked_publish.keeper.contact import Contact
from baked_publish.keeper.folder import Folder
from baked_publish.report import Silent
from baked_publish.targets.local import LocalOptions, LocalPublisher

Artifacts = Mapping[int, Directory]


def baked(folder: Path, *versions: int) -> Artifacts:
    """Bake one Bundle a version, into ``folder``."""
    return {version: _baked(folder / str(version), version) for version in versions}


def _baked(folder: Path, version: int) -> Directory:
    folder.mkdir()
    files = [make_database(folder / "data.db", version)]
    with baking(files, Ingredients(), BakeOptions(), Silent()) as bundle:
        Directory(bundle).write(folder / "bundle", Silent())
    moved = tuple(replace(file, source=folder / "bundle" / file.path) for file in bundle.files)
    return Directory(Bundle(bundle.manifest, moved))


@dataclass(frozen=True)
class Local:
    """This machine as a target, in a state folder of its own."""

    artifacts: Artifacts
    http: httpx.Client
    name: str = "data"

    def publisher(self, **options: Any) -> LocalPublisher:
        return LocalPublisher(LocalOptions(**options), self.name, self.http, Silent())

    def stage(self, version: int, **options: Any) -> Candidate:
        return self.publisher(**options).stage(self.artifacts[version], release(version), f"token {version}")

    def publish(self, version: int, **options: Any) -> Deployment:
        return self.publisher(**options).promote(self.stage(version, **options))

    @property
    def folder(self) -> Folder:
        return self.publisher()._folder

    @property
    def contact(self) -> Contact:
        return Contact(self.folder)

    def keeper(self) -> int:
        """Return the keeper's process id, as it says itself."""
        pid: int = self.contact.ask("status")["pid"]
        return pid

    def hands(self) -> list[int]:
        """Return the process ids of all app processes."""
        return [pid for crew in self.contact.ask("status")["crews"].values() for pid in crew["pids"]]

    def version(self, url: str) -> int:
        answer = httpx.get(f"{url}/data/state.json", timeout=LIMIT).raise_for_status().json()
        version: int = answer["rows"][0]["version"]
        return version


def release(version: int) -> str:
    """Return a release as the pipeline would name it."""
    return f"{version:064x}"


def kill(*pids: int) -> None:
    """End processes as a power cut would, and wait until they are gone."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(alive, pids)))


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has waited for yet does not."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until ``condition`` holds; fail at the limit."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
