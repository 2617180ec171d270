"""Fly options: where and on what an app runs, and how visitors are brought to it."""

from dataclasses import dataclass
from typing import Any, Literal

from baked_publish.images.options import ImageOptions
from baked_publish.options import option

Kind = Literal["shared", "performance"]
Autostop = Literal["stop", "suspend", "off"]


@dataclass(frozen=True, slots=True)
class FlyOptions(ImageOptions):
    """Where and on what an app runs; what is said here costs nothing while nobody visits."""

    org: str | None = option(None, "Organization that a new app belongs to.", envvar="FLY_ORG", release=False)
    region: tuple[str, ...] = option((), "Region; such as ams; repeatable. By default as before.", envvar="FLY_REGION")
    machines: int = option(1, "Machines in each region.")
    memory: int = option(256, "Memory that the server may use; in megabytes.")
    cpus: int = option(1, "Processors that the server may use; of a machine.")
    cpu_kind: Kind = option("shared", "Kind of processor.")
    soft_limit: int = option(20, "Requests at once from which on other machines are preferred.", bounds=(1, None))
    hard_limit: int | None = option(None, "Requests at once that a machine gets at most; by default no limit.")
    autostop: Autostop = option("stop", "What happens to a machine that nobody visits.")
    min_machines: int = option(0, "Machines that run though nobody visits, in the first region.")
    domain: tuple[str, ...] = option((), "Host name of your own; a certificate is asked for; repeatable.")
    secret: tuple[str, ...] = option((), "Secret that the platform keeps; the name of one of the app, repeatable.")
    start_timeout: float = option(
        180.0, "Seconds that the app gets to come up.", release=False, locates=True, bounds=(1, None)
    )
    settle: float = option(
        10.0, "Seconds after which Fly's proxies know of a new machine.", release=False, locates=True, bounds=(0, None)
    )
    drain: float = option(
        10.0, "Seconds that requests under way get to end.", release=False, locates=True, bounds=(0, None)
    )
    rate: float = option(
        1.0, "Requests a second of each kind that Fly's API takes.", release=False, locates=True, bounds=(0.01, None)
    )
    secret_digests: tuple[tuple[str, str], ...] = ()
    """What those secrets are now, as Fly's digests tell it: another value is a change. No flag; read from the app."""

    def kept(self) -> dict[str, Any]:
        """Return what a deployment remembers of them, as plain JSON."""
        return {name: _plain(getattr(self, name)) for name in REMEMBERED}


REMEMBERED = (
    "region",
    "machines",
    "memory",
    "cpus",
    "cpu_kind",
    "soft_limit",
    "hard_limit",
    "autostop",
    "min_machines",
    "secret_digests",
)
"""What a machine is made by; a rollback makes it of these again, but for secrets, which are the app's own."""


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownVariableType]
