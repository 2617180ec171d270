"""State: what is remembered of one name, in a folder that only its user can read.

Laid out as::

    NAME/lock                               held for as long as a publish runs
    NAME/state.json                         address, and which revision is live
    NAME/keeper.log
    NAME/deployments/REVISION/bundle/       the Bundle's files
    NAME/deployments/REVISION/token         opens /-/verify
    NAME/deployments/REVISION/app.log
    NAME/deployments/REVISION/deployment.json   written last: without it the folder is half written

Every JSON file is replaced whole, so that a reader never sees half of one.
"""

import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Final

import platformdirs

from baked_publish.errors import LockedError, StorageError

FORMAT: Final = 1
HOME: Final = "BAKED_STATE_HOME"


@dataclass(frozen=True, slots=True)
class Address:
    """Where visitors come, and which revision they get."""

    host: str
    port: int
    live: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of one deployment."""

    release: str
    bundle_digest: str
    artifact_digest: str
    workers: int
    host: str
    port: int | None
    kept: bool = False
    promoted: str = ""
    """When it went live last, UTC, ISO 8601; empty for a candidate."""
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The folder of one name."""

    folder: Path

    @property
    def deployments(self) -> Path:
        """The folder of the deployments."""
        return self.folder / "deployments"

    def bundle(self, revision: str) -> Path:
        """The files of a deployment."""
        return self.deployments / revision / "bundle"

    def log(self, revision: str) -> Path:
        """The log of a deployment's servers."""
        return self.deployments / revision / "app.log"

    def run(self) -> Path:
        """Return the short private folder of the sockets: a socket's path may have about 100 bytes."""
        try:
            given = os.environ.get("XDG_RUNTIME_DIR")
            base = Path(given) if given else Path(gettempdir()) / f"baked-{os.getuid()}"
            folder = base / sha256(bytes(self.folder)).hexdigest()[:12]
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise StorageError(
                f"no folder for sockets could be made: {exc}; set XDG_RUNTIME_DIR to a folder of yours"
            ) from exc
        if folder.stat().st_uid != os.getuid():
            raise StorageError(f"{str(folder)!r} belongs to somebody else: remove it, or set XDG_RUNTIME_DIR")
        return folder

    def make(self) -> None:
        """Make the folders, for this user alone."""
        try:
            self.deployments.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)
        except OSError as exc:
            raise StorageError(
                f"the state folder {str(self.folder)!r} cannot be made: {exc.strerror}; set {HOME} to a folder of yours"
            ) from exc

    def address(self) -> Address | None:
        """Return the address, or None before the first publish."""
        value = _read(self.folder / "state.json")
        return None if value is None else Address(**value)

    def write_address(self, address: Address) -> None:
        """Remember the address and what is live; this is the moment of a promotion."""
        _write(self.folder / "state.json", asdict(address))

    def record(self, revision: str) -> Record | None:
        """Return what is remembered of ``revision``; None if it is not there or half written."""
        value = _read(self.deployments / revision / "deployment.json")
        return None if value is None else Record(**value)

    def write_record(self, revision: str, record: Record) -> None:
        """Remember ``record``."""
        _write(self.deployments / revision / "deployment.json", asdict(record))

    def records(self) -> dict[str, Record]:
        """Return every whole deployment by revision."""
        found = {each.name: self.record(each.name) for each in sorted(self._revisions())}
        return {revision: record for revision, record in found.items() if record}

    def token(self, revision: str) -> str:
        """Return the token that opens ``/-/verify`` of a deployment."""
        return (self.deployments / revision / "token").read_text()

    def remove(self, revision: str) -> None:
        """Remove a deployment: its record first, so that what is left of it counts as half written."""
        folder = self.deployments / revision
        (folder / "deployment.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def remove_halves(self) -> None:
        """Remove what a killed run left half written."""
        for each in self._revisions():
            if self.record(each.name) is None:
                self.remove(each.name)

    def _revisions(self) -> list[Path]:
        try:
            return list(self.deployments.iterdir())
        except OSError:
            return []

    @contextmanager
    def lock(self) -> Generator[None, None, None]:
        """Keep every other publish of this name out; the system frees the lock when the process dies."""
        import fcntl  # noqa: PLC0415 - not on Windows, where this target is refused before

        self.make()
        with (self.folder / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise LockedError(
                    f"another publish of {self.folder.name!r} is under way (process {file.read() or '?'}): "
                    "wait for it to end, then run the command again"
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield


def state_of(name: str) -> State:
    """Return the state of ``name`` in the user's state folder, or in ``BAKED_STATE_HOME``."""
    home = Path(os.environ.get(HOME) or platformdirs.user_state_path("baked-data"))
    if not home.is_absolute():
        raise StorageError(f"there is no home folder for the state: set {HOME} to a folder of yours")
    return State(home / "local" / name)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise StorageError(f"the state {str(path)!r} cannot be read: {exc}; move it away to begin anew") from exc
    if value.pop("format", None) != FORMAT:
        raise StorageError(
            f"the state {str(path)!r} was written by a newer version of baked-data: install that version, "
            f"or set {'BAKED_STATE_HOME'} to another folder"
        )
    return value


def _write(path: Path, value: dict[str, Any]) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("w") as file:
            json.dump({"format": FORMAT, **value}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as exc:
        raise StorageError(f"the state {str(path)!r} cannot be written: {exc.strerror}") from exc
