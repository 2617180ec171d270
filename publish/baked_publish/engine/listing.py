"""The listing: containers as candidates and deployments."""

from typing import Any, Final

from baked_publish.deployment import Candidate, Deployment
from baked_publish.engine.container import Container
from baked_publish.engine.fleet import is_preview
from baked_publish.keeper.ledger import url_of

TARGET: Final = "docker"


def candidate(container: Container) -> Candidate:
    """Return a container that gets no visitors yet."""
    address = container.address
    return Candidate(**_same(container), url=url_of(address) if address.port else "", kept=is_preview(container))


def deployment(container: Container, live: Container | None) -> Deployment:
    """Return a container that is or was live; ``live`` is the one that is."""
    record = container.record
    return Deployment(
        **_same(container),
        url=url_of(container.address),
        created=record.promoted,
        previous=record.previous or None,
        live=live is not None and container.id == live.id,
    )


def _same(container: Container) -> dict[str, Any]:
    """Return what a candidate and a deployment both tell."""
    record = container.record
    return {
        "target": TARGET,
        "name": record.name,
        "revision": record.revision,
        "release": record.release,
        "bundle_digest": record.bundle,
        "artifact_digest": record.artifact,
        "token": container.token,
    }
