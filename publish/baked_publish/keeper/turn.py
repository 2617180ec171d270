"""The turn: on one machine one publish of a name at a time, whatever the target."""

from collections.abc import Generator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from baked_publish.keeper.files import make_folder
from baked_publish.keeper.folder import home
from baked_publish.keeper.lock import locked


@contextmanager
def turn(target: str, where: str, name: str) -> Generator[Path, None, None]:
    """Hold the turn of ``name`` at ``where`` on a target, and give the target's state folder.

    Raises LockedError at once, naming the other's process, if somebody else has it.
    """
    folder = home(target)
    make_folder(folder)
    key = sha256(f"{where} {name}".encode()).hexdigest()[:20]
    with locked(folder / f".{key}.lock", f"another publish of {name!r}"):
        yield folder
