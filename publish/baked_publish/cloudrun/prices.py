"""Prices of Cloud Run and Artifact Registry, as read on 25 November 2026, and estimates made of them.

Of https://cloud.google.com/run/pricing (services with request-based billing), the regions' tiers of
https://cloud.google.com/run/docs/locations, and https://cloud.google.com/artifact-registry/pricing. In US dollars,
before taxes and discounts; traffic to the internet is not in them. A bill may say something else.
"""

from dataclasses import dataclass
from typing import Final

from baked_publish.cloudrun.options import CloudRunOptions
from baked_publish.deployment import Change

READ: Final = "2026-11-25"
FIRST_TIER: Final = frozenset(
    (
        "asia-east1",
        "asia-northeast1",
        "asia-northeast2",
        "europe-north1",
        "europe-southwest1",
        "europe-west1",
        "europe-west4",
        "europe-west8",
        "europe-west9",
        "me-west1",
        "us-central1",
        "us-east1",
        "us-east4",
        "us-east5",
        "us-south1",
        "us-west1",
    )
)


@dataclass(frozen=True, slots=True)
class Prices:
    """What one tier of regions costs."""

    cpu: float
    """A processor for a second while it answers."""
    memory: float
    """A GiB for a second while it answers."""
    idle_cpu: float
    """A processor for a second of an instance that is kept warm."""


TIERS: Final = (
    Prices(cpu=0.000024, memory=0.0000025, idle_cpu=0.0000025),
    Prices(cpu=0.0000336, memory=0.0000035, idle_cpu=0.0000035),
)
"""The second tier is from memory of the page: what could be read of it named the first alone."""
REQUESTS: Final = 0.40
"""A million requests, beyond two million a month that are free."""
STORAGE: Final = 0.10
"""A GB of images for a month, beyond half a GB that is free."""
FREE_STORAGE: Final = 0.5e9
MONTH: Final = 30 * 24 * 3600
ANSWER: Final = 0.05
"""Seconds that one request is taken to last in the estimate."""
MILLION: Final = 1_000_000


def estimate(given: CloudRunOptions, region: str, stored: int) -> tuple[Change, ...]:
    """Return what it may cost in a month: idle, for a million requests, and for ``stored`` bytes of images."""
    prices = TIERS[0] if region in FIRST_TIER else TIERS[1]
    cpus, gibs = int(given.cpu), given.memory_bytes / (1 << 30)
    idle = given.min_instances * MONTH * (cpus * prices.idle_cpu + gibs * prices.memory)
    answering = MILLION * ANSWER * (cpus * prices.cpu + gibs * prices.memory) + REQUESTS
    kept = max(0.0, stored - FREE_STORAGE) / 1e9 * STORAGE
    warm = f"with {given.min_instances} warm instances" if given.min_instances else "scaled to zero"
    return (
        Change("cost", f"idle for a month, {warm} (estimate, prices of {READ})", after=f"${idle:.2f}"),
        Change("cost", "a million requests, one at a time, beyond the free ones (estimate)", after=f"${answering:.2f}"),
        Change("cost", f"this image stored for a month, {stored:,} bytes (estimate)", after=f"${kept:.2f}"),
    )
