"""Prices of Fly, as read on 25 November 2026, and estimates made of them.

Of https://fly.io/docs/about/pricing/, in US dollars, before taxes and reservations. Machines are priced as in Ashburn
and Secaucus, where they cost least; the page's own examples are 15 % more in Frankfurt and 27 % more in Singapore. A
bill may say something else.
"""

from typing import Final

from baked_publish.deployment import Change
from baked_publish.machines.options import FlyOptions
from baked_publish.machines.shape import count

READ: Final = "2026-11-25"
SHARED: Final = 2.19
"""A shared processor with 256 MB, running for 30 days."""
PERFORMANCE: Final = 33.00
"""A performance processor with 2 GB, running for 30 days."""
MEMORY: Final = 6.00
"""A GB beyond that, for 30 days."""
ROOTFS: Final = 0.15
"""A GB of a stopped machine's file system, for a month."""
TRAFFIC: Final = "$0.02 to $0.12"
"""A GB to the internet, by region."""
INCLUDED: Final = {"shared": 256, "performance": 2048}
"""Megabytes that come with a processor."""
GB: Final = 1_000_000_000


def machine(given: FlyOptions) -> float:
    """Return what one machine costs that never stops, for 30 days."""
    processor = SHARED if given.cpu_kind == "shared" else PERFORMANCE
    more = max(0, given.memory - INCLUDED[given.cpu_kind] * given.cpus)
    return given.cpus * processor + more / 1024 * MEMORY


def estimate(given: FlyOptions, unpacked: int) -> tuple[Change, ...]:
    """Return what it may cost in a month: with nobody there, and with visitors without a pause."""
    machines = count(given.kept())
    awake = machines if given.autostop == "off" else min(given.min_machines, machines)
    idle = awake * machine(given) + (machines - awake) * unpacked / GB * ROOTFS
    stopped = f"{machines - awake} of {machines} machines stopped"
    return (
        Change("cost", f"idle for a month, {stopped} (estimate, prices of {READ})", after=f"${idle:.2f}"),
        Change(
            "cost",
            f"visited without a pause for a month, {machines} machines running (estimate), and {TRAFFIC} a GB sent",
            after=f"${machines * machine(given):.2f}",
        ),
    )
