"""A Record: what one deployment was made from, written once, as the last file of its folder."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from baked_publish.errors import StorageError
from baked_publish.keeper.files import read_json, write_json

FORMAT: Final = 1
FILE_NAME: Final = "deployment.json"


@dataclass(frozen=True, slots=True)
class Record:
    """One deployment in the state folder."""

    revision: str
    release: str
    bundle_digest: str
    artifact_digest: str
    created: str
    """When it was staged, UTC, ISO 8601."""
    workers: int

    def write(self, folder: Path) -> None:
        """Complete the deployment in ``folder``."""
        write_json(folder / FILE_NAME, {"format": FORMAT, **asdict(self)})

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Read the Record of the deployment in ``folder``; None if it was never completed.

        Raises StorageError if it is newer or damaged.
        """
        raw = read_json(folder / FILE_NAME)
        if raw is None:
            return None
        found = raw.pop("format", None)
        try:
            if found == FORMAT:
                return cls(**raw)
        except TypeError as exc:
            raise StorageError(f"{str(folder / FILE_NAME)!r} is damaged ({exc}): remove its folder") from exc
        raise StorageError(
            f"{str(folder / FILE_NAME)!r} has format {found!r}, this version of baked-data reads format {FORMAT}: "
            "install the version that wrote it, or set BAKED_STATE_HOME to another folder"
        )
