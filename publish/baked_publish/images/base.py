"""The base image: whose Python runs the app; refused before any work if it does not fit."""

import json
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

from baked_publish.cachedir import cache_home
from baked_publish.errors import ConfigError, StorageError
from baked_publish.images.image import Layer
from baked_publish.images.store import Layout, Store, blob_of
from baked_publish.registry.descriptor import (
    INDEXES,
    MANIFESTS,
    Descriptor,
    Platform,
)
from baked_publish.report import Report

OLDEST: Final = (3, 11)
"""The oldest Python that the serving app runs on."""
PYTHON: Final = re.compile(r"usr/(?:local/)?bin/python3\.(\d+)")
LIBC: Final = re.compile(r"(?:usr/)?lib(?:64|/[^/]+)?/(ld-musl|ld-linux)-?[^/]*\.so\.\d+")
MUSL: Final = ("alpine-minirootfs", "apk add")
"""What the history of an image with musl tells."""
WHITEOUT: Final = ".wh."
JSON = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BaseImage:
    """A base image for one platform."""

    name: str
    """The reference, as annotations tell it; of a layout only its tag: a folder's name is nobody else's business."""
    digest: str
    """``sha256:...`` of what the reference led to, an index or a manifest."""
    platform: Platform
    manifest_type: str
    """The media type of its manifest, which says whether it speaks OCI or Docker."""
    config: JSON
    layers: tuple[Layer, ...]
    python: str
    """``3.13``."""

    @property
    def pinned(self) -> str:
        """``HOST/REPOSITORY@sha256:...``, as a FROM line takes it."""
        named = self.name.rpartition(":")[0] if ":" in self.name.rpartition("/")[2] else self.name
        return f"{named}@{self.digest}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A base image that was asked for, and where it is found."""

    asked: str
    store: Store
    reference: str
    """A tag or digest within the store."""
    name: str


def wanted_layout(asked: str) -> Wanted:
    """Read ``oci:DIR[:TAG]``."""
    rest = asked.removeprefix("oci:")
    folder, _, tag = rest.rpartition(":")
    if not folder or Path(rest).is_dir():
        folder, tag = rest, ""
    return Wanted(asked, Layout(Path(folder)), tag, tag)


def base_image(wanted: Wanted, platform: Platform, locked: str | None, report: Report) -> BaseImage:
    """Read manifest and configuration of the base for ``platform``; its layers only if nothing else tells its Python.

    ``locked`` is the digest that ``publish.lock`` holds, taken instead of the tag. Raises ConfigError for a base that
    is not there, is for other machines, or has no Python or C library that our wheels run with.
    """
    top, data = wanted.store.manifest(locked or wanted.reference)
    descriptor, data = _for_platform(wanted, platform, top, data)
    if descriptor.media_type not in MANIFESTS:
        raise ConfigError(f"the base image {wanted.asked!r} is a {descriptor.media_type}, not an image")
    manifest = json.loads(data)
    config = json.loads(blob_of(wanted.store, Descriptor.from_json(manifest["config"])).read())
    _require_platform(wanted, platform, config)
    layers = _layers(wanted.store, manifest, config)
    minor, libc = _told(config) or _remembered(descriptor, layers, wanted, report)
    _require_fit(wanted, minor, libc)
    return BaseImage(wanted.name, top.digest, platform, descriptor.media_type, config, layers, f"{OLDEST[0]}.{minor}")


def _for_platform(wanted: Wanted, platform: Platform, top: Descriptor, data: bytes) -> tuple[Descriptor, bytes]:
    if top.media_type not in INDEXES:
        return top, data
    found = [Descriptor.from_json(each) for each in json.loads(data)["manifests"]]
    there = [each for each in found if each.platform and each.platform.os != "unknown"]
    for each in there:
        if each.platform and (each.platform.os, each.platform.architecture) == (platform.os, platform.architecture):
            _, content = wanted.store.manifest(each.digest)
            return each, content
    raise ConfigError(
        f"the base image {wanted.asked!r} is not there for {platform}, but for "
        f"{', '.join(sorted({str(each.platform) for each in there})) or 'nothing'}"
    )


def _require_platform(wanted: Wanted, platform: Platform, config: JSON) -> None:
    has = Platform(config.get("os", ""), config.get("architecture", ""))
    if (has.os, has.architecture) != (platform.os, platform.architecture):
        raise ConfigError(
            f"the base image {wanted.asked!r} is for {has}, not for {platform}: choose another with --base-image, or "
            f"build for it with --platform {has}"
        )


def _layers(store: Store, manifest: JSON, config: JSON) -> tuple[Layer, ...]:
    diff_ids = config["rootfs"]["diff_ids"]
    found = [Descriptor.from_json(each) for each in manifest["layers"]]
    return tuple(
        Layer(blob_of(store, each), diff_id, "the base image", base=True)
        for each, diff_id in zip(found, diff_ids, strict=True)
    )


def _told(config: JSON) -> tuple[int, str] | None:
    """Return the minor of Python 3 and the C library as the configuration tells them."""
    environment = dict(entry.partition("=")[::2] for entry in (config.get("config") or {}).get("Env") or ())
    version = re.match(r"3\.(\d+)", environment.get("PYTHON_VERSION", ""))
    if version is None:
        return None
    history = " ".join(str(each.get("created_by", "")) for each in config.get("history") or ())
    return int(version[1]), "musl" if any(word in history for word in MUSL) else "glibc"


def _remembered(descriptor: Descriptor, layers: Iterable[Layer], wanted: Wanted, report: Report) -> tuple[int, str]:
    """Look into the layers, once for each image."""
    try:
        memory = cache_home() / "bases" / f"{descriptor.digest.removeprefix('sha256:')}.json"
        minor, libc = json.loads(memory.read_bytes())
        return int(minor), str(libc)
    except (OSError, ValueError, TypeError, StorageError):
        report.info(f"looking for Python in {wanted.asked}: its configuration does not tell")
    found = look(layers)
    if found is None:
        raise ConfigError(
            f"the base image {wanted.asked!r} has no Python 3 at /usr/local/bin or /usr/bin: choose one that has, "
            "such as python:3.14-slim"
        )
    try:
        memory = cache_home() / "bases" / f"{descriptor.digest.removeprefix('sha256:')}.json"
        memory.parent.mkdir(mode=0o700, exist_ok=True)
        memory.write_text(json.dumps(found))
    except (OSError, StorageError) as exc:
        report.detail(f"the next publish will look once more: {exc}")
    return found


def look(layers: Iterable[Layer]) -> tuple[int, str] | None:
    """Return the minor of Python 3 and the C library that lie in ``layers``; None if there is no Python."""
    files: set[str] = set()
    for layer in layers:
        files = _over(files, _names(layer))
    pythons = sorted((path for path in files if PYTHON.fullmatch(path)), reverse=True)  # usr/local comes first on PATH
    libraries = {found[1] for path in files if (found := LIBC.fullmatch(path))}
    if not pythons:
        return None
    local = [path for path in pythons if path.startswith("usr/local/")] or pythons
    minor = max(int(found[1]) for path in local if (found := PYTHON.fullmatch(path)))
    return minor, "glibc" if "ld-linux" in libraries else "musl" if libraries else "unknown"


def _names(layer: Layer) -> list[str]:
    kind = layer.blob.descriptor.media_type
    if kind.endswith("zstd"):
        raise ConfigError(
            "the base image has layers in zstd, and its configuration does not tell which Python is in them: "
            "set PYTHON_VERSION in its environment"
        )
    with layer.blob.open() as source, tarfile.open(fileobj=cast("IO[bytes]", source), mode="r|*") as tar:
        return [each.name.removeprefix("./").removeprefix("/") for each in tar]


def _over(below: set[str], names: list[str]) -> set[str]:
    """Lay a layer's files over those below it; a whiteout takes away, after the OCI image specification."""
    gone = [name for name in names if name.rpartition("/")[2].startswith(WHITEOUT)]
    kept = set(below)
    for each in gone:
        folder, _, name = each.rpartition("/")
        hidden = folder if name == ".wh..wh..opq" else f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/")
        kept = {path for path in kept if path != hidden and not path.startswith(hidden + "/")}
    interesting = {name for name in names if PYTHON.fullmatch(name) or LIBC.fullmatch(name)}
    return kept | interesting


def _require_fit(wanted: Wanted, minor: int, libc: str) -> None:
    if libc != "glibc":
        raise ConfigError(
            f"the base image {wanted.asked!r} has the C library {libc}, and our wheels need glibc: choose one of "
            "Debian, such as python:3.14-slim, not Alpine"
        )
    if minor < OLDEST[1]:
        raise ConfigError(
            f"the base image {wanted.asked!r} has Python 3.{minor}, and the app needs 3.{OLDEST[1]} or newer: choose "
            "another with --base-image"
        )
