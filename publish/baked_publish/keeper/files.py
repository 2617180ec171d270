"""Files that are whole or not there: written beside, synced, renamed."""

import contextlib
import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

from baked_publish.errors import StorageError

JSON = dict[str, Any]


def write_json(path: Path, value: JSON) -> None:
    """Replace ``path`` at once by ``value``, readable by its owner only."""
    write(path, json.dumps(value, indent=1, sort_keys=True).encode() + b"\n")


def write(path: Path, data: bytes) -> None:
    """Replace ``path`` at once by ``data``, readable by its owner only; raise StorageError if that cannot be done."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with told(f"writing {str(path)!r} failed"):
        with open(beside, "wb", opener=_private) as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` survive a power cut."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def read_json(path: Path) -> JSON | None:
    """Return the object in ``path``, None if there is no such file; raise StorageError if it is damaged."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise StorageError(f"{str(path)!r} cannot be read: {exc}; unpublish and publish again") from exc
    if not isinstance(value, dict):
        raise StorageError(f"{str(path)!r} is damaged: unpublish and publish again")
    return cast("JSON", value)


def make_folder(folder: Path) -> None:
    """Make ``folder`` for its owner only; raise StorageError naming what to set if that cannot be done."""
    with told(f"the state folder {str(folder)!r} cannot be used", "set BAKED_STATE_HOME to a folder of yours"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)


@contextlib.contextmanager
def told(what: str, fix: str = "nothing was changed") -> Generator[None, None, None]:
    """Turn an OSError into a StorageError that says what failed and what to do."""
    try:
        yield
    except OSError as exc:
        raise StorageError(f"{what}: {exc.strerror or exc}; {fix}") from exc


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
