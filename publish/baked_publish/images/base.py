"""The base image: whose Python runs the app; refused before any work if it does not fit."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from baked_publish.errors import ConfigError, StorageError
from baked_publish.images.image import Layer
from baked_publish.images.runtime import Runtime, look, recall, remember, told
from baked_publish.images.store import Layout, Store, blob_of
from baked_publish.registry.descriptor import (
    DOCKER_LAYER,
    INDEXES,
    LAYER,
    MANIFESTS,
    Descriptor,
    Platform,
)
from baked_publish.report import Report

OLDEST: Final = (3, 11)
"""The oldest Python that the serving app runs on."""
PASSED_ON: Final = frozenset({LAYER, DOCKER_LAYER, LAYER.removesuffix("+gzip"), LAYER.replace("gzip", "zstd")})
"""Types of layers that go into an image as they are."""
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
    is not there, is damaged, is for other machines, or has no Python or C library that our wheels run with.
    """
    with _understood(wanted):
        top, data = _top(wanted, locked)
        descriptor, data = _for_platform(wanted, platform, top, data)
        if descriptor.media_type not in MANIFESTS:
            raise ConfigError(f"the base image {wanted.asked!r} is a {descriptor.media_type}, not an image")
        manifest = json.loads(data)
        config = json.loads(blob_of(wanted.store, Descriptor.from_json(manifest["config"])).read())
        _require_platform(wanted, platform, config)
        layers = _layers(wanted, manifest, config)
        runtime = told(config) or recall(descriptor.digest) or _found(descriptor, layers, wanted, report)
    _require_fit(wanted, runtime)
    python = f"{OLDEST[0]}.{runtime.minor}"
    return BaseImage(wanted.name, top.digest, platform, descriptor.media_type, config, layers, python)


@contextmanager
def _understood(wanted: Wanted) -> Generator[None, None, None]:
    """Turn what a damaged or strange manifest causes into an error of ours."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ConfigError(f"the base image {wanted.asked!r} is damaged ({exc!r}): choose another") from exc


def _top(wanted: Wanted, locked: str | None) -> tuple[Descriptor, bytes]:
    try:
        return wanted.store.manifest(locked or wanted.reference)
    except ConfigError as exc:
        if locked is None:
            raise
        raise ConfigError(
            f"the base image {wanted.asked!r} is no longer there as publish.lock names it: use --upgrade to take "
            f"today's ({exc})"
        ) from exc


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


def _layers(wanted: Wanted, manifest: JSON, config: JSON) -> tuple[Layer, ...]:
    found = [Descriptor.from_json(each) for each in manifest["layers"]]
    for each in found:
        if each.media_type not in PASSED_ON:
            raise ConfigError(
                f"the base image {wanted.asked!r} has a layer of type {each.media_type!r}, which cannot be passed on: "
                "choose one with layers in gzip"
            )
    return tuple(
        Layer(blob_of(wanted.store, each), diff_id, "the base image", base=True)
        for each, diff_id in zip(found, config["rootfs"]["diff_ids"], strict=True)
    )


def _found(descriptor: Descriptor, layers: Sequence[Layer], wanted: Wanted, report: Report) -> Runtime:
    """Look into the layers, once for each image."""
    report.info(f"looking for Python in {wanted.asked}: its configuration does not tell")
    found = look(layers)
    if found is None:
        raise ConfigError(
            f"the base image {wanted.asked!r} has no Python 3 at /usr/local/bin or /usr/bin: choose one that has, "
            "such as python:3.14-slim"
        )
    try:
        remember(descriptor.digest, found)
    except (OSError, StorageError) as exc:
        report.detail(f"the next publish will look once more: {exc}")
    return found


def _require_fit(wanted: Wanted, runtime: Runtime) -> None:
    if runtime.libc != "glibc":
        raise ConfigError(
            f"the base image {wanted.asked!r} has the C library {runtime.libc}, and our wheels need glibc: choose one "
            "of Debian, such as python:3.14-slim, not Alpine"
        )
    if runtime.minor < OLDEST[1]:
        raise ConfigError(
            f"the base image {wanted.asked!r} has Python 3.{runtime.minor}, and the app needs 3.{OLDEST[1]} or newer: "
            "choose another with --base-image"
        )
