"""The estimate: what a service on Cloud Run may cost in a month, by the project's price table."""

from typing import Final

from baked_publish.cloudrun.options import CloudRunOptions
from baked_publish.deployment import Change
from baked_publish.prices import (
    ARTIFACT_REGISTRY,
    ARTIFACT_REGISTRY_FREE,
    CLOUD_RUN_FIRST_TIER,
    CLOUD_RUN_REQUESTS,
    CLOUD_RUN_TIERS,
    GB,
    MONTH,
    READ,
)

ANSWER: Final = 0.05
"""Seconds that one request is taken to last in the estimate."""
MILLION: Final = 1_000_000


def estimate(given: CloudRunOptions, region: str, stored: int) -> tuple[Change, ...]:
    """Return what it may cost in a month: idle, for a million requests, and for ``stored`` bytes of images."""
    prices = CLOUD_RUN_TIERS[0] if region in CLOUD_RUN_FIRST_TIER else CLOUD_RUN_TIERS[1]
    cpus, gibs = int(given.cpu), given.memory_bytes / (1 << 30)
    idle = given.min_instances * MONTH * (cpus * prices.idle_cpu + gibs * prices.memory)
    answering = MILLION * ANSWER * (cpus * prices.cpu + gibs * prices.memory) + CLOUD_RUN_REQUESTS
    kept = max(0.0, stored / GB - ARTIFACT_REGISTRY_FREE) * ARTIFACT_REGISTRY
    warm = f"with {given.min_instances} warm instances" if given.min_instances else "scaled to zero"
    return (
        Change("cost", f"idle for a month, {warm} (estimate, prices of {READ})", after=f"${idle:.2f}"),
        Change("cost", "a million requests, one at a time, beyond the free ones (estimate)", after=f"${answering:.2f}"),
        Change("cost", f"this image stored for a month, {stored:,} bytes (estimate)", after=f"${kept:.2f}"),
    )
