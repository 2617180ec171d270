"""``publish.lock``: the base image and the packages that a project is built of, resolved once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

FILE_NAME: Final = "publish.lock"


@dataclass(frozen=True, slots=True)
class Lock:
    """What was resolved, and for which wishes."""

    bases: Mapping[str, str] = field(default_factory=dict[str, str])
    """Digest (``sha256:...``) of each base image by the reference that was asked for."""
    packages: Mapping[str, str] = field(default_factory=dict[str, str])
    """Requirements with hashes, as pip reads them, by the words of ``--install`` they were resolved for."""
