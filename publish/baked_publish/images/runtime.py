"""The runtime of a base image: its Python and its C library, as its configuration tells or its layers show."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, Self, cast

from baked_publish.cachedir import cache_home
from baked_publish.errors import ConfigError, StorageError
from baked_publish.images.image import Layer
from baked_publish.images.members import hidden_by, members
from baked_publish.registry.content import Blob

PYTHON: Final = re.compile(r"usr/(local/)?bin/python3(?:\.(\d+))?")
LIBC: Final = re.compile(r"(?:usr/)?lib(?:64|/[^/]+)?/(libc\.so\.6|ld-musl-[^/]+\.so\.\d+)")
MUSL: Final = ("alpine-minirootfs",)
GLIBC: Final = ("debian", "ubuntu", "apt-get", "dnf ", "yum ")
"""What the history of an image tells of its C library; ``apk`` tells nothing, for Wolfi has it and glibc."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What wheels are chosen for."""

    minor: int
    """The 13 of Python 3.13."""
    libc: str
    """``glibc``, ``musl`` or ``unknown``."""

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read it; raise KeyError, TypeError or ValueError if it is damaged."""
        value = cast("Mapping[str, Any]", json.loads(data))
        return cls(int(value["minor"]), str(value["libc"]))


def told(config: Mapping[str, Any]) -> Runtime | None:
    """Return what an image's configuration tells; None if it does not tell both."""
    settings = cast("Mapping[str, Any]", config.get("config") or {})
    entries = [str(entry).partition("=") for entry in cast("Iterable[Any]", settings.get("Env") or ())]
    version = re.match(r"3\.(\d+)", {name: value for name, _, value in entries}.get("PYTHON_VERSION", ""))
    history = " ".join(str(each.get("created_by", "")) for each in config.get("history") or ()).lower()
    musl, glibc = (any(word in history for word in words) for words in (MUSL, GLIBC))
    if version is None or not (musl or glibc):
        return None
    return Runtime(int(version[1]), "musl" if musl else "glibc")


def look(layers: Iterable[Layer]) -> Runtime | None:
    """Return what lies in ``layers``; None if there is no Python. Raises ConfigError for layers that cannot be read."""
    files: set[str] = set()
    for layer in layers:
        files = over(files, names(layer.blob))
    found = [match for path in files if (match := PYTHON.fullmatch(path))]
    local = [match for match in found if match[1]] or found  # /usr/local comes first on PATH
    minors = [int(match[2]) for match in local if match[2]]
    if not minors:
        return None
    libraries = {match[1] for path in files if (match := LIBC.fullmatch(path))}
    return Runtime(max(minors), "glibc" if "libc.so.6" in libraries else "musl" if libraries else "unknown")


def over(below: set[str], above: Iterable[str]) -> set[str]:
    """Lay a layer's files over those below it; a whiteout takes away, after the OCI image specification."""
    above = list(above)
    kept = set(below)
    for each in above:
        if (hidden := hidden_by(each)) is not None:
            kept = {path for path in kept if hidden and path != hidden and not path.startswith(f"{hidden}/")}
    return kept | {name for name in above if PYTHON.fullmatch(name) or LIBC.fullmatch(name)}


def names(blob: Blob) -> list[str]:
    """Return the name of every file in a layer, read to its end and checked."""
    kind = blob.descriptor.media_type
    if kind.endswith("zstd"):
        raise ConfigError(
            "the base image has layers in zstd, and its configuration does not tell which Python is in them: choose "
            "one whose configuration sets PYTHON_VERSION"
        )
    return [member.path for member in members(blob)]


def recall(digest: str) -> Runtime | None:
    """Return what was found in the image of ``digest`` before; None if nobody looked."""
    try:
        return Runtime.from_json(_memory(digest).read_bytes())
    except (OSError, KeyError, ValueError, TypeError, StorageError):
        return None


def remember(digest: str, runtime: Runtime) -> None:
    """Keep what was found. Raises OSError or StorageError if it cannot be kept."""
    memory = _memory(digest)
    memory.parent.mkdir(mode=0o700, exist_ok=True)
    partial = memory.with_name(f".{token_hex(8)}.partial")
    try:
        partial.write_text(json.dumps(asdict(runtime)), "utf-8")
        partial.replace(memory)
    finally:
        partial.unlink(missing_ok=True)


def _memory(digest: str) -> Path:
    return cache_home() / "bases" / f"{digest.removeprefix('sha256:')}.json"
