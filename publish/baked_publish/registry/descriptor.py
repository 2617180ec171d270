"""Descriptors: how a manifest names content, after the OCI image specification, and the media types of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Self

from baked_publish.errors import DigestError, UsageError
from baked_publish.registry.reference import DIGEST

INDEX: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY: Final = "application/vnd.oci.empty.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
INDEXES: Final = frozenset({INDEX, DOCKER_LIST})
MANIFESTS: Final = frozenset({MANIFEST, DOCKER_MANIFEST})


@dataclass(frozen=True, slots=True)
class Platform:
    """What an image runs on: ``linux/amd64``, ``linux/arm64/v8``."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``OS/ARCHITECTURE[/VARIANT]``; raise UsageError for anything else."""
        parts = text.split("/")
        if len(parts) not in {2, 3} or not all(parts):
            raise UsageError(f"{text!r} is not a platform: write for example linux/amd64 or linux/arm64")
        return cls(*parts)

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Names content by media type, digest (``sha256:`` and 64 hex digits) and size in bytes."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, data: bytes, media_type: str, **more: Any) -> Self:
        """Describe ``data``."""
        return cls(media_type, digest_of(data), len(data), **more)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what a manifest holds; raise KeyError or TypeError when it has another shape.

        Raises DigestError for a digest that is none: files and addresses are named by it, and ``..`` would lead away.
        """
        on, media_type, digest, size = value.get("platform"), value["mediaType"], str(value["digest"]), value["size"]
        if DIGEST.fullmatch(digest) is None:
            raise DigestError(f"a manifest names {digest!r}, which is not sha256: and 64 hex digits: refused")
        return cls(
            str(media_type),
            digest,
            int(size),
            Platform(on["os"], on["architecture"], on.get("variant", "")) if on else None,
            value.get("artifactType", ""),
            value.get("annotations") or {},
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as a manifest holds it."""
        value: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.platform:
            on = {"architecture": self.platform.architecture, "os": self.platform.os, "variant": self.platform.variant}
            value["platform"] = {key: part for key, part in on.items() if part}
        if self.artifact_type:
            value["artifactType"] = self.artifact_type
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        return value


def digest_of(data: bytes) -> str:
    """Return ``sha256:`` and the 64 hex digits of ``data``."""
    return "sha256:" + sha256(data).hexdigest()
