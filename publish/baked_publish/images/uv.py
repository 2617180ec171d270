"""``uv``, the program that finds and installs packages: how it is called, and its failures in our words.

It never downloads a Python, and never runs a package's own build unless that was asked for.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from typing import Final, NoReturn

from baked_publish.errors import ConfigError, PreflightError, PublishError, StorageError

LIMIT: Final = 900.0
"""Seconds for one call, which waits for a network."""
FINDING: Final = 20.0
"""Seconds for a look at the Pythons of this machine, which takes a thirtieth of one."""
MOST: Final = 300
"""Characters of uv's own words in an error."""
ENVIRONMENT: Final = {"UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never"}
CREDENTIALS: Final = re.compile(r"(?<=://)[^/\s`'\"]+@")
DOCKER: Final = "choose another version, or let a docker engine build it with --builder docker"
FAILURES: Final[Sequence[tuple[str, type[PublishError], str]]] = (
    (r"No space left on device|Disk quota", StorageError, "the packages for {where} need more room: {said}"),
    (r"Hash mismatch for `([^`]+)`", ConfigError, "{0!r} has other bytes than its hash says: do not trust it"),
    (
        r"Because ([\w.-]+(?:==[^\s]+)?) (?:has|depends on [\w.-]+ which has) no (?:usable )?wheels",
        ConfigError,
        "{0!r} has no wheel for {where}: " + DOCKER,
    ),
    (r"Wheels are required for `([^`]+)`", ConfigError, "{0!r} has no wheel for {where}: " + DOCKER),
    (r"([\w.-]+) was not found in the", ConfigError, "there is no package {0!r}: check the name given with --install"),
    (
        r"there (?:is no version|are no versions) of ([\w.-]+\S*)",
        ConfigError,
        "there is no {0!r}: check the version given with --install",
    ),
    (
        r"Failed to fetch|error sending request|[Nn]etwork connectivity|timed out|Connection refused",
        PreflightError,
        "the packages cannot be fetched: {said}; look at the network, and try again",
    ),
    (r"No solution found", ConfigError, "--install does not fit beside what the app needs: {said}"),
)
"""What uv says (a regular expression), and what we say."""


def uv(*words: str, said: str = "", where: str = "this image") -> str:
    """Run ``uv pip`` with ``words`` and ``said`` on its standard input; return what it prints.

    ``where`` names the platform in an error. Raises ConfigError for packages that do not exist, do not fit or are not
    what their hash says, PreflightError without uv or network, StorageError if the disk is full.
    """
    words = ("pip", *words, "--python", sys.executable, "--quiet")
    try:
        done = _done(words, LIMIT, said)
    except subprocess.TimeoutExpired:
        raise PreflightError(f"uv did not end within {LIMIT:g} seconds: look at the network, and try again") from None
    except OSError as exc:
        raise PreflightError(f"uv cannot be run ({exc.strerror}): install baked-data again") from exc
    if done.returncode:
        fail(done.stderr, where)
    return done.stdout


def managed_python(minor: str) -> str | None:
    """Return the Python of a minor version that ``uv python install`` brought to this machine; None without one."""
    try:
        done = _done(("python", "find", minor, "--managed-python", "--no-project", "--no-config"), FINDING)
    except (OSError, ValueError, subprocess.TimeoutExpired, PreflightError):
        return None
    return done.stdout.strip() or None


def _done(words: Sequence[str], within: float, said: str = "") -> "subprocess.CompletedProcess[str]":
    """Run uv to its end; raise what running a program raises."""
    return subprocess.run(  # noqa: S603 - a list, and no shell
        [_program(), *words, "--color", "never"],
        input=said,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=within,
        check=False,
        env={**os.environ, **ENVIRONMENT},
    )


def fail(said: str, where: str) -> NoReturn:
    """Raise the error that ``said``, uv's standard error, stands for."""
    text = CREDENTIALS.sub("***@", " ".join(said.partition("error:")[2].split()) or said.strip())
    told = text.removeprefix("No solution found when resolving dependencies cause: ")
    short = told if len(told) <= MOST else f"{told[:MOST]}..."
    for pattern, kind, message in FAILURES:
        if found := re.search(pattern, text):
            raise kind(message.format(*(part.rstrip(",.") for part in found.groups()), where=where, said=short))
    raise ConfigError(f"the packages for {where} cannot be had: {short}")


@cache
def _program() -> str:
    import uv as package  # noqa: PLC0415 - only who builds needs it

    try:
        return package.find_uv_bin()
    except FileNotFoundError as exc:
        raise PreflightError("uv is not where it was installed: install baked-data again") from exc
