"""Prices of the platforms, as read on one day, of which the targets make their estimates; a bill may say another sum.

In US dollars, before taxes, discounts and reservations, for a month of 30 days:

- Cloud Run, services with request-based billing: https://cloud.google.com/run/pricing, and the tiers of the regions by
  https://cloud.google.com/run/docs/locations. Traffic to the internet is not in them.
- Artifact Registry: https://cloud.google.com/artifact-registry/pricing.
- Fly: https://fly.io/docs/about/pricing/. Machines are priced as in Ashburn and Secaucus, where they cost least; the
  page's own examples are 15 % more in Frankfurt and 27 % more in Singapore.

Whoever reads them anew writes the new day into ``READ``.
"""

from dataclasses import dataclass
from typing import Final

READ: Final = "2026-11-25"
MONTH: Final = 30 * 24 * 3600
"""Seconds."""
GB: Final = 1_000_000_000
"""Bytes."""


@dataclass(frozen=True, slots=True)
class CloudRunTier:
    """What one tier of Cloud Run's regions costs."""

    cpu: float
    """A processor for a second while it answers."""
    memory: float
    """A GiB for a second, while it answers or is kept warm."""
    idle_cpu: float
    """A processor for a second of an instance that is kept warm."""


CLOUD_RUN_TIERS: Final = (
    CloudRunTier(cpu=0.000024, memory=0.0000025, idle_cpu=0.0000025),
    CloudRunTier(cpu=0.0000336, memory=0.0000035, idle_cpu=0.0000035),
)
"""The second tier is from memory of the page: what could be read of it named the first alone."""
CLOUD_RUN_FIRST_TIER: Final = frozenset(
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
"""Every other region is of the second tier."""
CLOUD_RUN_REQUESTS: Final = 0.40
"""A million requests, beyond two million a month that are free."""

ARTIFACT_REGISTRY: Final = 0.10
"""A GB of images for a month, beyond those that are free."""
ARTIFACT_REGISTRY_FREE: Final = 0.5
"""GB."""


@dataclass(frozen=True, slots=True)
class FlyProcessor:
    """What one kind of Fly's processors costs."""

    month: float
    """One of them, running for a month, with the memory that comes with it."""
    included: int
    """That memory, in MB."""


FLY_PROCESSORS: Final = {"shared": FlyProcessor(2.19, 256), "performance": FlyProcessor(33.00, 2048)}
FLY_MEMORY: Final = 6.00
"""A GB (of 1,024 MB) beyond that, for a month."""
FLY_STOPPED: Final = 0.15
"""A GB of a stopped machine's file system, for a month."""
FLY_TRAFFIC: Final = "$0.02 to $0.12"
"""A GB to the internet, by region."""
