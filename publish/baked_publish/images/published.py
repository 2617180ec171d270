"""A published image: what one of ours holds, told by its manifests, its configurations and its Manifest layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, cast

import orjson

from baked_core.errors import ManifestError
from baked_core.manifest import FILE_NAME, Manifest
from baked_publish.errors import TargetError
from baked_publish.images.config import BUNDLE_DIGEST
from baked_publish.images.store import Store, blob_of
from baked_publish.images.stored import Files, bundle_files, same_files
from baked_publish.registry.content import Blob
from baked_publish.registry.descriptor import INDEXES, MANIFESTS, Descriptor, Platform

LARGEST: Final = 64 << 20
"""Bytes that a Manifest may have; a small one has 100 kB."""
JSON = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PublishedPlatform:
    """The image of one platform."""

    platform: Platform
    digest: str
    """``sha256:...`` of its manifest."""
    layers: tuple[Blob, ...]
    """Base layers first, the Manifest's last."""
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Published:
    """An image of ours, as it lies in a registry or a layout."""

    name: str
    """As it was asked for."""
    descriptor: Descriptor
    """Its manifest, or the index of its platforms."""
    platforms: tuple[PublishedPlatform, ...]
    manifest: Manifest
    manifest_json: bytes = field(repr=False)
    """The Manifest as it lies in the image; its sha256 is the Bundle digest."""
    annotations: Mapping[str, str]

    @property
    def digest(self) -> str:
        """``sha256:...`` of the manifest or index."""
        return self.descriptor.digest

    def files(self) -> Files:
        """Yield the Bundle's files, read from every layer of every platform; raise VerifyError if one is damaged."""
        return same_files({each.platform: each.layers for each in self.platforms})


def read(name: str, store: Store, reference: str) -> Published:
    """Read what an image holds, without its data; ``name`` is what a person calls it.

    Raises TargetError if it is none of ours, DigestError or VerifyError if it is damaged, and what ``store`` raises if
    there is none.
    """
    descriptor, data = store.manifest(reference)
    raw = _json(name, data)
    platforms, bundle = _platforms(name, store, descriptor, raw)
    data = _manifest_json(name, platforms[0].layers[-1])
    if sha256(data).hexdigest() != bundle:
        raise not_ours(name, "its last layer holds another Manifest than its label names")
    try:
        manifest = Manifest.from_json(data)
    except ManifestError as exc:
        raise TargetError(f"{name}: {exc}") from exc
    return Published(name, descriptor, platforms, manifest, data, raw.get("annotations") or {})


def not_ours(name: str, why: str) -> TargetError:
    """Return the error for an image that holds no Bundle."""
    return TargetError(f"{name} was not published by baked-data: {why}. Name an image that was")


def _platforms(name: str, store: Store, descriptor: Descriptor, raw: JSON) -> tuple[tuple[PublishedPlatform, ...], str]:
    """Return the image of each platform, and the Bundle digest that all of them name."""
    if descriptor.media_type in MANIFESTS:
        one, bundle = _platform(name, store, descriptor, raw)
        return (one,), bundle
    if descriptor.media_type not in INDEXES:
        raise not_ours(name, f"it is {descriptor.media_type!r}")
    found = [_platform(name, store, each, _json(name, store.manifest(each.digest)[1])) for each in _entries(name, raw)]
    bundles = {bundle for _, bundle in found}
    if len(bundles) != 1:
        raise not_ours(name, "its platforms hold different data" if found else "it is for no platform")
    return tuple(one for one, _ in found), bundles.pop()


def _entries(name: str, raw: JSON) -> Sequence[Descriptor]:
    try:
        entries = [Descriptor.from_json(each) for each in raw["manifests"]]
    except (KeyError, TypeError, ValueError) as exc:
        raise not_ours(name, f"its index is damaged: {exc!r}") from exc
    return [each for each in entries if each.media_type in MANIFESTS and not each.artifact_type]


def _platform(name: str, store: Store, descriptor: Descriptor, raw: JSON) -> tuple[PublishedPlatform, str]:
    try:
        config = _json(name, blob_of(store, Descriptor.from_json(raw["config"])).read())
        layers = tuple(blob_of(store, Descriptor.from_json(each)) for each in raw["layers"])
        platform = Platform(config["os"], config["architecture"], config.get("variant", ""))
        labels: JSON = config["config"].get("Labels") or {}
        bundle = labels.get(BUNDLE_DIGEST)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise not_ours(name, f"it is not an image that runs: {exc!r}") from exc
    if not bundle or not layers:
        raise not_ours(name, f"it has no label {BUNDLE_DIGEST!r}")
    return PublishedPlatform(platform, descriptor.digest, layers, raw.get("annotations") or {}), str(bundle)


def _manifest_json(name: str, layer: Blob) -> bytes:
    """Return the Manifest, which is alone in its layer."""
    data = bytearray()
    for path, blocks in bundle_files(layer):
        if path != FILE_NAME or data:
            raise not_ours(name, "its last layer is not that of a Manifest")
        for block in blocks:
            data += block
            if len(data) > LARGEST:
                raise not_ours(name, f"its Manifest is larger than {LARGEST:,} bytes")
    return bytes(data)


def _json(name: str, data: bytes) -> JSON:
    try:
        raw = orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        raise not_ours(name, f"a manifest of it is no JSON: {exc}") from exc
    if not isinstance(raw, dict):
        raise not_ours(name, "a manifest of it is no JSON object")
    return cast("JSON", raw)
