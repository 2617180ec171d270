"""The configuration of an Image: what runs, as whom and with which labels, after the OCI image specification."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from baked_core.manifest import Manifest, canonical
from baked_publish.images.image import Layer
from baked_publish.registry.content import Blob
from baked_publish.registry.descriptor import CONFIG, DOCKER_CONFIG, DOCKER_MANIFEST, MANIFEST, Platform

LIB: Final = "opt/baked/lib"
"""Where dependencies lie in the image, without the first slash, as in a layer."""
BUNDLE: Final = "opt/baked/bundle"
"""Where the Bundle lies."""
USER: Final = "65532:65532"
"""Nobody's number in any base image, so that it owns no file."""
PORT: Final = 8080
ENTRYPOINT: Final = ("python3", "-m", "baked_core")
STOP_SIGNAL: Final = "SIGTERM"
ENVIRONMENT: Final[Mapping[str, str]] = {
    "HOST": "0.0.0.0",  # noqa: S104 - all that reaches a container comes from outside it
    "PORT": str(PORT),
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": f"/{BUNDLE}/app:/{LIB}",
    "PYTHONUNBUFFERED": "1",
}
SECOND: Final = 1_000_000_000
"""Nanoseconds, in which engines count."""
HEALTH: Final[Mapping[str, Any]] = {
    "Test": ["CMD", "python3", "-m", "baked_core.health"],
    "Interval": 30 * SECOND,
    "Timeout": 5 * SECOND,
    "StartPeriod": 30 * SECOND,
    "Retries": 3,
}
CREATED: Final = "1970-01-01T00:00:00Z"
"""The same for every image: what is built of the same input has the same bytes."""
OCI: Final = "org.opencontainers.image."
BUNDLE_DIGEST: Final = "baked-data.bundle"
"""The label with the Bundle digest."""


def labels(manifest: Manifest, digest: str, wished: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return labels of a Bundle: title, source, licence and revision, and those wished for, which are stronger."""
    said = manifest.metadata
    found = {
        "title": said.get("title") or ", ".join(sorted(manifest.databases)),
        "description": said.get("description"),
        "source": said.get("source_url"),
        "licenses": said.get("license"),
        "revision": digest,
    }
    told = {OCI + key: value for key, value in found.items() if isinstance(value, str) and value}
    return {**told, BUNDLE_DIGEST: digest, **dict(wished)}


def environment(base: Sequence[str]) -> list[str]:
    """Return the base's environment with ours, which is stronger; each ``NAME=VALUE``."""
    theirs = {name: value for name, _, value in (entry.partition("=") for entry in base)}
    return [f"{name}={value}" for name, value in {**theirs, **ENVIRONMENT}.items()]


def configuration(
    base: Mapping[str, Any], platform: Platform, layers: Sequence[Layer], said: Mapping[str, str], manifest_type: str
) -> Blob:
    """Return the configuration of the image of ``layers`` on a base whose configuration is ``base``.

    ``said`` are the labels; ``manifest_type`` tells whether the base speaks OCI's media types or Docker's.
    """
    theirs: Mapping[str, Any] = base.get("config") or {}
    value: dict[str, Any] = {
        "architecture": platform.architecture,
        "os": platform.os,
        "created": CREATED,
        "config": {
            "Env": environment(theirs.get("Env") or ()),
            "Entrypoint": list(ENTRYPOINT),
            "User": USER,
            "WorkingDir": f"/{BUNDLE}",
            "ExposedPorts": {f"{PORT}/tcp": {}},
            "Labels": dict(said),
            "StopSignal": STOP_SIGNAL,
            "Healthcheck": dict(HEALTH),
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [*_base_history(base, layers), *_history(layer for layer in layers if not layer.base)],
    }
    if platform.variant:
        value["variant"] = platform.variant
    return Blob.of(canonical(value), {MANIFEST: CONFIG, DOCKER_MANIFEST: DOCKER_CONFIG}[manifest_type])


def _base_history(base: Mapping[str, Any], layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """Return the base's own history where it tells of each layer once, a line a layer otherwise."""
    told = [{"created": CREATED, **entry} for entry in base.get("history") or ()]
    of_layers = [entry for entry in told if not entry.get("empty_layer")]
    theirs = [layer for layer in layers if layer.base]
    return told if len(of_layers) == len(theirs) else _history(theirs)


def _history(layers: Iterable[Layer]) -> list[dict[str, Any]]:
    return [{"created": CREATED, "created_by": layer.about} for layer in layers]
