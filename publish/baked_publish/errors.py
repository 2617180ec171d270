"""What can go wrong while publishing, and the exit code of each.

::

    PublishError                    1  anything of ours that has no kind of its own
    ├── UsageError                  2  the command line: an unknown target, flag or name
    ├── SourceError                 3  a file that cannot be baked: missing, empty, encrypted, corrupt, locked
    ├── ConfigError                 4  metadata, settings, templates or static folders that are not right
    ├── PreflightError              5  credentials, rights or tools are missing
    ├── PlanRefused                 6  the plan would do harm; --force goes ahead
    ├── StageError                  7  the candidate did not come up
    ├── VerifyError                 8  the candidate came up, but does not hold what was baked
    ├── LockedError                 9  another publish of this name is under way
    ├── TargetError                10  the target refused or failed a step
    ├── NotFoundError              11  no such deployment
    ├── StorageError               12  disk full, read-only, or a state folder that cannot be used
    ├── DigestError                13  content that is not what its digest says
    ├── ExposedError               14  data that strangers may not be meant to see, and nobody accepted
    └── CheckError                 15  a check of publish.yaml does not hold
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class PublishError(Exception):
    """Any failure that has no kind of its own."""

    exit_code: ClassVar[int] = 1
    """Ends the program, after the message was told to the person who publishes."""

    def __init__(self, message: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.details: Mapping[str, Any] = details or {}
        """What a program is told beside the message, with --json."""


class UsageError(PublishError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class SourceError(PublishError):
    """A source file cannot be baked."""

    exit_code = 3


class ConfigError(PublishError):
    """Metadata, a setting, a template or static folder is not right."""

    exit_code = 4


class PreflightError(PublishError):
    """The target cannot be used yet: credentials, rights or tools are missing."""

    exit_code = 5


class PlanRefused(PublishError):
    """The plan would do harm and was not forced."""

    exit_code = 6


class StageError(PublishError):
    """The candidate did not come up; what was live is untouched."""

    exit_code = 7


class VerifyError(PublishError):
    """The candidate does not hold what was baked; what was live is untouched."""

    exit_code = 8


class LockedError(PublishError):
    """Another publish of the same name is under way."""

    exit_code = 9


class TargetError(PublishError):
    """The target refused or failed a step."""

    exit_code = 10


class NotFoundError(PublishError):
    """There is no such deployment."""

    exit_code = 11


class StorageError(PublishError):
    """This machine's disk is full, read-only, or holds a state that cannot be used."""

    exit_code = 12


class DigestError(PublishError):
    """Content was damaged on a disk or on its way: it is not what its digest says."""

    exit_code = 13


class ExposedError(PublishError):
    """Strangers would see what may not be meant for them, and nobody accepted that by name."""

    exit_code = 14

    def __init__(self, message: str, names: tuple[str, ...] = (), details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, details)
        self.names = names
        """What --accept would have to say."""


class CheckError(PublishError):
    """A check of publish.yaml does not hold; what was live is untouched."""

    exit_code = 15
