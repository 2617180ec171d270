"""Cloud Run options: where a service lies, what it may use and who may ask it; the defaults cost nothing when idle."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from baked_publish.errors import UsageError
from baked_publish.images.options import ImageOptions
from baked_publish.options import HOST, option
from baked_publish.vendors.google_login import PROJECTS

NAME: Final = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
LONGEST: Final = 39
"""Letters of a name, so that a tag of seven fits before it: both together have 46.

Of Cloud Run's own error message, as quoted in github.com/PolicyEngine/policyengine-api/issues/3729; a service alone may
have 49.
"""
UNITS: Final = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
CPUS: Final = {"1": "0", "2": "0", "4": "2Gi", "8": "4Gi"}
"""Processors that there are, and the memory that each needs: cloud.google.com/run/docs/configuring/services/cpu."""
MOST_MEMORY: Final = 32 << 30
"""cloud.google.com/run/quotas; the same page tells of concurrency, and of the time of a request."""
MOST_CONCURRENCY, MOST_TIMEOUT, MOST_INSTANCES = 1000, 3600, 1000
Environment = Literal["gen1", "gen2"]


@dataclass(frozen=True, slots=True)
class CloudRunOptions(ImageOptions):
    """Where a service lies, what it may use, and who may ask it."""

    project: str | None = option(
        None,
        "Google Cloud project.",
        envvar=("BAKED_CLOUDRUN_PROJECT", *PROJECTS),
        release=False,
        locates=True,
        needed="Google Cloud project",
    )
    region: str | None = option(
        None,
        "Region; such as europe-west1.",
        flag="-r --region",
        envvar=("BAKED_CLOUDRUN_REGION", "CLOUDSDK_RUN_REGION"),
        release=False,
        locates=True,
        needed="region, such as europe-west1",
    )
    repository: str = option(
        "baked-data", "Artifact Registry repository for images; made if missing.", release=False, locates=True
    )
    memory: str = option("512Mi", "Memory that the server may use; such as 512Mi or 2Gi.")
    cpu: str = option("1", "Processors of an instance: 1, 2, 4 or 8.")
    concurrency: int = option(80, "Requests that an instance answers at once.")
    min_instances: int = option(0, "Instances that stay warm; each is paid for while idle.")
    max_instances: int = option(1, "Instances at most, and so what a crowd may cost.")
    timeout: int = option(60, "Seconds that a request may take.")
    execution_environment: Environment | None = option(
        None, "Generation of the sandbox, gen1 or gen2; by default the platform chooses."
    )
    service_account: str | None = option(None, "Account that the service runs as; by default the project's.")
    vpc_network: str | None = option(None, "VPC network for what the service asks of others.")
    vpc_subnet: str | None = option(None, "Subnet of that network.")
    secret: tuple[tuple[str, str], ...] = option(
        (), "Secret that the platform keeps; ENV SECRET[:VERSION], the newest version is pinned."
    )
    allow_unauthenticated: bool = option(
        True,
        "Whether everybody may visit, or only whom IAM allows.",
        flag="--allow-unauthenticated/--no-allow-unauthenticated",
    )
    domain: str | None = option(None, "Host name of your own; it is mapped to the service.")
    tags: int = option(20, "Old deployments that keep a URL of their own.", release=False, bounds=(0, None))
    start_timeout: float = option(300.0, "Seconds that the app gets to come up.", release=False, bounds=(1, None))

    @property
    def memory_bytes(self) -> int:
        """The memory of an instance; raises UsageError for what is no size."""
        return bytes_of(self.memory)

    def require(self) -> None:
        """Raise UsageError, with all of it, for what Cloud Run would refuse."""
        if wrong := list(self._wrong()):
            raise UsageError("; ".join(wrong))

    def _wrong(self) -> Iterator[str]:
        if self.cpu not in CPUS:
            yield f"--cpu {self.cpu!r}: there are {', '.join(CPUS)}"
        elif self.memory_bytes < bytes_of(CPUS[self.cpu]):
            yield f"--cpu {self.cpu} needs --memory {CPUS[self.cpu]} or more, not {self.memory!r}"
        if not 128 << 20 <= self.memory_bytes <= MOST_MEMORY:
            yield f"--memory {self.memory!r}: 128Mi to 32Gi"
        if not 1 <= self.concurrency <= MOST_CONCURRENCY:
            yield f"--concurrency {self.concurrency}: 1 to {MOST_CONCURRENCY}"
        if not 1 <= self.timeout <= MOST_TIMEOUT:
            yield f"--timeout {self.timeout}: 1 to {MOST_TIMEOUT} seconds"
        if not 1 <= self.max_instances <= MOST_INSTANCES:
            yield f"--max-instances {self.max_instances}: 1 to {MOST_INSTANCES}"
        if not 0 <= self.min_instances <= self.max_instances:
            yield f"--min-instances {self.min_instances}: 0 to --max-instances, {self.max_instances}"
        if self.vpc_subnet and not self.vpc_network:
            yield f"--vpc-subnet {self.vpc_subnet!r} needs --vpc-network"
        if self.domain and HOST.fullmatch(self.domain) is None:
            yield f"--domain {self.domain!r} is no host name: write for example data.example.org"


def bytes_of(text: str) -> int:
    """Return the bytes of ``512Mi`` or ``2Gi``; raise UsageError for what is no size."""
    if text == "0":
        return 0
    number, unit = text[:-2], text[-2:]
    if unit not in UNITS or not number.isdecimal():
        raise UsageError(f"{text!r} is no size: write for example 512Mi or 2Gi")
    return int(number) * UNITS[unit]


def require_name(name: str) -> None:
    """Raise UsageError for what cannot be a service's name."""
    if NAME.fullmatch(name) is None or len(name) > LONGEST:
        raise UsageError(
            f"{name!r} cannot be a service's name: small letters, digits and dashes, a letter first and no dash last, "
            f"{LONGEST} at most; choose one with --service"
        )
