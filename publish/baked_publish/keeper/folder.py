"""The Folder: the state of one name on this disk."""

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import orjson

from baked_core.manifest import FILE_NAME as MANIFEST
from baked_publish.errors import StorageError
from baked_publish.keeper.files import make_folder, read_json, told
from baked_publish.keeper.ledger import FILE_NAME as STATE
from baked_publish.keeper.ledger import Ledger
from baked_publish.keeper.record import FILE_NAME as RECORD
from baked_publish.keeper.record import Record

LONGEST: Final = 100
"""Bytes of a Unix socket's path; macOS allows 103, Linux 107."""
TAIL: Final = 4096


def home(target: str = "local") -> Path:
    """Return the folder of all that ``target`` remembers: in BAKED_STATE_HOME, or in the user's state folder.

    Raises StorageError if the user has no home folder.
    """
    if given := os.environ.get("BAKED_STATE_HOME"):
        return Path(given).absolute() / target
    from platformdirs import user_state_path  # noqa: PLC0415 - most runs in containers are told

    try:
        found = user_state_path("baked-data", appauthor=False)
    except RuntimeError:
        found = Path()
    if not found.is_absolute():  # as older versions of platformdirs tell it
        raise StorageError("this user has no home folder: set BAKED_STATE_HOME to a folder for what is published")
    return found / target


@dataclass(frozen=True, slots=True)
class Folder:
    """The paths of one name, and what lies there."""

    path: Path
    """``.../local/NAME``."""

    @property
    def name(self) -> str:
        """The name under which visitors' data is published."""
        return self.path.name

    @property
    def lock(self) -> Path:
        """The lock of a publish; beside the folder, because it outlives an unpublish."""
        return self.path.with_name(f".{self.name}.lock")

    @property
    def keeper_lock(self) -> Path:
        """The lock that a keeper holds as long as it lives."""
        return self.path / "keeper.lock"

    @property
    def keeper_log(self) -> Path:
        """What the keeper had to say."""
        return self.path / "keeper.log"

    @property
    def run(self) -> Path:
        """The folder of the control sockets: in the state, or under /tmp where that path is too long for a socket."""
        inside = self.path / "run"
        if len(os.fsencode(inside / "orphan-4194304.sock")) <= LONGEST:
            return inside
        digest = sha256(os.fsencode(self.path)).hexdigest()[:20]
        return Path("/tmp") / f"baked-{os.getuid()}-{digest}"  # noqa: S108 - checked to be ours, in make_run

    @property
    def control(self) -> Path:
        """Where the keeper listens to commands."""
        return self.run / "keeper.sock"

    def deployment(self, revision: str) -> Path:
        """Return the folder of one deployment."""
        return self.path / "deployments" / revision

    def bundle(self, revision: str) -> Path:
        """Return the folder that holds the Bundle of one deployment."""
        return self.deployment(revision) / "bundle"

    def log(self, revision: str) -> Path:
        """Return the file that holds the log of one deployment."""
        return self.deployment(revision) / "app.log"

    def token_file(self, revision: str) -> Path:
        """Return the file that holds what opens ``/-/verify`` of one deployment."""
        return self.deployment(revision) / "token"

    def token(self, revision: str) -> str:
        """Return what opens ``/-/verify`` of one deployment, empty if it is gone."""
        try:
            return self.token_file(revision).read_text()
        except FileNotFoundError:
            return ""

    def secrets_file(self, revision: str) -> Path:
        """Return the file that holds what only the environment of one deployment may hold."""
        return self.deployment(revision) / "secrets.json"

    def secrets(self, revision: str) -> Mapping[str, str]:
        """Return the secrets of one deployment by environment name; raise StorageError if their file is damaged."""
        return read_json(self.secrets_file(revision)) or {}

    def ledger(self) -> Ledger:
        """Read what is live and what was."""
        return Ledger.read(self.path, self.name)

    def records(self) -> Mapping[str, Record]:
        """Read the complete deployments, oldest first."""
        found = [record for each in self._deployments() if (record := Record.read(each))]
        return {
            record.revision: record for record in sorted(found, key=lambda record: (record.created, record.revision))
        }

    def make(self) -> None:
        """Make the folder and that of the control sockets; raise StorageError if another user's lies there."""
        for each in (self.path.parent, self.path, self.path / "deployments"):
            make_folder(each)
        make_folder(self.run)
        seen = self.run.lstat()
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid():
            raise StorageError(
                f"{str(self.run)!r} belongs to somebody else: remove it, or set BAKED_STATE_HOME to a shorter path"
            )

    def sweep(self) -> None:
        """Remove deployments that a killed run left half written."""
        for each in self._deployments():
            if not (each / RECORD).exists():
                _remove(each)

    def remove(self, revision: str) -> None:
        """Remove a deployment; killed in the middle, the next sweep goes on."""
        with told(f"deployment {revision!r} cannot be removed"):
            (self.deployment(revision) / RECORD).unlink(missing_ok=True)
        _remove(self.deployment(revision))

    def remove_all(self) -> None:
        """Remove all there is of this name."""
        with told(f"the state in {str(self.path)!r} cannot be removed"):
            (self.path / STATE).unlink(missing_ok=True)
        _remove(self.path / "deployments")
        _remove(self.path)
        _remove(self.run)

    def shared(self) -> Mapping[str, Path]:
        """Return the file of each sha256 in the complete deployments."""
        found: dict[str, Path] = {}
        for revision in self.records():
            found |= _files(self.bundle(revision))
        return found

    def last_words(self, revision: str, lines: int = 12) -> str:
        """Return the end of a deployment's log, indented."""
        return tail(self.log(revision), lines)

    def _deployments(self) -> Iterator[Path]:
        try:
            yield from sorted((self.path / "deployments").iterdir())
        except FileNotFoundError:
            return


def tail(path: Path, lines: int) -> str:
    """Return the last lines of a log, indented; nothing if there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - TAIL))
            text = log.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "".join(f"\n  {line}" for line in text.splitlines()[-lines:])


def _files(bundle: Path) -> dict[str, Path]:
    try:
        raw = orjson.loads((bundle / MANIFEST).read_bytes())
        files = [(path, file["sha256"]) for path, file in raw["files"].items()]
        files += [(database["file"], database["sha256"]) for database in raw["databases"].values()]
    except (OSError, ValueError, KeyError, TypeError):  # not to be relied upon, so nothing is shared
        return {}
    return {digest: bundle / path for path, digest in files}


def _remove(folder: Path) -> None:
    with told(f"{str(folder)!r} cannot be removed"):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            return
