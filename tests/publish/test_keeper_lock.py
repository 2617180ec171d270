"""Locks between processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from baked_publish.errors import LockedError, StorageError
from baked_publish.keeper.lock import locked


def test_a_lock_is_held_once_and_names_its_holder(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    words = f"this is under way in process {os.getpid()}"
    with locked(lock, "this"), pytest.raises(LockedError, match=words), locked(lock, "this"):
        pass
    with locked(lock, "this"):
        pass


def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from baked_publish.keeper.lock import locked\n"
        "with locked(Path(sys.argv[1]), 'this'): os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "lock")], check=False)
    assert done.returncode == -9
    with locked(tmp_path / "lock", "this"):
        pass


def test_a_lock_that_cannot_be_made_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="set BAKED_STATE_HOME"), locked(tmp_path / "gone" / "lock", "this"):
        pass
