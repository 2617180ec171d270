"""The cache folder: what may be lost at any time without harm, private to the user."""

import os
from pathlib import Path

from baked_publish.errors import StorageError


def cache_home() -> Path:
    """Return the folder, made at first use: BAKED_CACHE_HOME, or the user's cache folder.

    Raises StorageError if it cannot be made.
    """
    folder = Path(given).absolute() if (given := os.environ.get("BAKED_CACHE_HOME")) else _of_the_user()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise StorageError(
            f"the cache folder {str(folder)!r} cannot be made ({exc.strerror}): set BAKED_CACHE_HOME to another"
        ) from exc
    return folder


def _of_the_user() -> Path:
    from platformdirs import user_cache_path  # noqa: PLC0415 - most runs in containers are told

    try:
        return user_cache_path("baked-data", appauthor=False)
    except RuntimeError:
        raise StorageError("this user has no home folder: set BAKED_CACHE_HOME to a folder for the cache") from None
