"""Wheels: what the serving app and its plugins import, resolved once and installed for the image's platform by ``uv``.

The lock that ships, ``requirements.lock``, names each package with version and hashes and no address. What
``--install`` adds is resolved against it and kept in ``publish.lock``. Nothing is ever built: a package without a wheel
for the image's platform is an error.
"""

import csv
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from baked_core.manifest import canonical
from baked_publish.errors import ConfigError
from baked_publish.images.config import LIB
from baked_publish.images.lock import Lock
from baked_publish.images.tarball import Entry
from baked_publish.images.uv import uv
from baked_publish.registry.descriptor import Platform

SHIPPED: Final = Path(__file__).with_name("requirements.lock")
PRUNING: Final = 1
"""Number of the rules below, part of every key: with other rules, another layer."""
DROPPED: Final = ("bin/", "apsw/tests/", "apsw/sqlite_extra_binaries/")
"""Never run in a server; what ``bin/`` holds names this machine's Python."""
DROPPED_NAMES: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
"""Of a ``.dist-info``: what tells of the installation, not of the package."""
MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
GLIBC: Final = "manylinux_2_28"
"""The C library that wheels may count on: Debian 10 and everything younger has it."""
ITSELF: Final = "baked-data ; python_version < '3'"
"""Replaces what plugins need of this project, for the image has the serving app without the toolkit."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A package in the image."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Requirements:
    """Everything to install for one platform, with versions and hashes."""

    text: str
    """As pip reads it."""
    platform: Platform
    python: str
    """``3.13``."""

    @property
    def key(self) -> str:
        """64 hex digits of all that decides which files are installed."""
        said = [self.text, str(self.platform), self.python, GLIBC, PRUNING]
        return sha256(canonical(said)).hexdigest()

    def distributions(self) -> tuple[Distribution, ...]:
        """List what is installed on this platform, by name."""
        return tuple(sorted(self._distributions(), key=lambda each: each.name))

    def _distributions(self) -> Iterator[Distribution]:
        environment = {
            "implementation_name": "cpython",
            "os_name": "posix",
            "platform_machine": MACHINES[self.platform.architecture],
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
        }
        from packaging.requirements import Requirement  # noqa: PLC0415 - 50 ms that only a build pays

        for line in re.findall(r"^[^\s#-].*?(?= \\$|$)", self.text, re.MULTILINE):
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate(environment):
                (pin,) = wanted.specifier
                yield Distribution(wanted.name, pin.version)


def requirements(
    words: Sequence[str], platform: Platform, python: str, lock: Lock, *, sources: bool = False
) -> tuple[Requirements, Lock]:
    """Return what is to be installed for ``--install`` words, and the lock that holds it.

    Only words that the lock does not know yet are looked up; ``sources`` says whether packages without any wheel will
    do, for who builds them. Raises ConfigError for words that are not a package's
    name, for packages that do not exist or do not fit, PreflightError without a network.
    """
    require_platform(platform)
    shipped = SHIPPED.read_text("utf-8")
    if not words:
        return Requirements(shipped, platform, python), lock
    asked = " ".join(sorted({_checked(word) for word in words}))
    mark = f"# beside {sha256(shipped.encode()).hexdigest()[:12]}, for Python {python}\n"
    known = lock.packages.get(asked, "")
    if not known.startswith(mark):
        known = mark + _resolved(asked.split(" "), platform, python, sources=sources)
        lock = lock.with_packages(asked, known)
    return Requirements(shipped + known, platform, python), lock


def require_platform(platform: Platform) -> None:
    """Raise ConfigError for a platform that no wheels are chosen for."""
    if platform.os != "linux" or platform.architecture not in MACHINES:
        raise ConfigError(f"images for {platform} cannot be built here: there are linux/amd64 and linux/arm64")


def install(wanted: Requirements, folder: Path) -> list[Entry]:
    """Install into the new ``folder`` and return the files that belong into the image.

    Raises ConfigError for a package without a wheel for the platform, with other bytes than its hash says, or with a
    file that another package has as well; PreflightError without a network.
    """
    lock = folder.with_suffix(".txt")
    lock.write_text(wanted.text, "utf-8")
    machine = MACHINES[wanted.platform.architecture]
    words = ["install", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--python-version", wanted.python]
    words += ["--python-platform", f"{machine}-{GLIBC}", "--link-mode", "copy", "--no-compile-bytecode"]
    where = f"{wanted.platform}, Python {wanted.python}"
    uv(*words, "--target", str(folder), "--requirement", str(lock), where=where)
    _require_apart(folder)
    found = ((path, path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file())
    return [Entry.read(f"{LIB}/{inside}", path) for path, inside in found if _kept(inside)]


def _checked(word: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415
    from packaging.utils import canonicalize_name  # noqa: PLC0415

    try:
        wanted = Requirement(word)
    except InvalidRequirement as exc:
        raise ConfigError(
            f"--install {word!r} is not a package: write a name such as my-plugin or my-plugin==1.2"
        ) from exc
    if wanted.url:
        raise ConfigError(f"--install {word!r} names an address: install from a package index, or use --plugins-dir")
    if canonicalize_name(wanted.name) == "baked-data":
        raise ConfigError(f"--install {word!r}: the serving app is in every image already, leave it out")
    if wanted.marker:
        raise ConfigError(f"--install {word!r} has a condition: an image has one platform, write {wanted.name!r} alone")
    return str(wanted).replace(" ", "")


def _resolved(words: Sequence[str], platform: Platform, python: str, *, sources: bool) -> str:
    """Return the requirements that ``words`` add to those that ship."""
    compiled = ["compile", "--universal", "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"]
    compiled += ["--no-emit-find-links", "--python-version", python, "--constraint", str(SHIPPED)]
    compiled += [] if sources else ["--only-binary", ":all:"]
    with TemporaryDirectory(prefix="baked-") as workspace:
        itself = Path(workspace, "overrides.txt")
        itself.write_text(ITSELF, "utf-8")
        asked = "\n".join(words) + "\n"
        text = uv(*compiled, "--override", str(itself), "-", said=asked, where=f"{platform}, Python {python}")
    shipped = {_name(each) for each in _split(SHIPPED.read_text("utf-8"))}
    return "".join(each for each in _split(text) if _name(each) not in shipped)


def _split(text: str) -> list[str]:
    """Return each requirement with the lines of its hashes."""
    return re.findall(r"^[^\s#-].*\n(?:[ \t]+.*\n)*", text, re.MULTILINE)


def _name(requirement: str) -> str:
    return re.split(r"[=<>!~ ;\[]", requirement, maxsplit=1)[0]


def _require_apart(folder: Path) -> None:
    """Raise ConfigError if two packages brought a file of the same path."""
    owners: dict[str, str] = {}
    for record in sorted(folder.glob("*.dist-info/RECORD")):
        package = record.parent.name.removesuffix(".dist-info")
        with record.open(newline="", encoding="utf-8") as lines:
            paths = {os.path.normpath(row[0]).replace(os.sep, "/") for row in csv.reader(lines) if row}
        for path in sorted(each for each in paths if _kept(each)):
            if owners.setdefault(path, package) != package:
                raise ConfigError(f"{owners[path]} and {package} both bring {path!r}: leave one of them out")


def _kept(inside: str) -> bool:
    folder, _, name = inside.rpartition("/")
    if folder.endswith(".dist-info") and name in DROPPED_NAMES:
        return False
    return not inside.startswith(DROPPED) and "__pycache__" not in inside and name != ".lock"
