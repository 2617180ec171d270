"""The estimate: what an app on Fly may cost in a month, by the project's price table."""

from baked_publish.deployment import Change
from baked_publish.machines.changes import several
from baked_publish.machines.options import FlyOptions
from baked_publish.machines.shape import count
from baked_publish.prices import FLY_MEMORY, FLY_PROCESSORS, FLY_STOPPED, FLY_TRAFFIC, GB, READ


def machine(given: FlyOptions) -> float:
    """Return what one machine costs that never stops, for a month."""
    processor = FLY_PROCESSORS[given.cpu_kind]
    more = max(0, given.memory - processor.included * given.cpus)
    return given.cpus * processor.month + more / 1024 * FLY_MEMORY


def estimate(given: FlyOptions, unpacked: int) -> tuple[Change, ...]:
    """Return what it may cost in a month: with nobody there, and with visitors without a pause."""
    machines = count(given.kept())
    awake = machines if given.autostop == "off" else min(given.min_machines, machines)
    idle = awake * machine(given) + (machines - awake) * unpacked / GB * FLY_STOPPED
    stopped = f"{machines - awake} of {several(machines)} stopped"
    return (
        Change("cost", f"idle for a month, {stopped} (estimate, prices of {READ})", after=f"${idle:.2f}"),
        Change(
            "cost",
            f"visited without a pause for a month, {several(machines)} running (estimate), and {FLY_TRAFFIC} a GB sent",
            after=f"${machines * machine(given):.2f}",
        ),
    )
