"""The survey before a publish: whether the engine can do what is asked, and name and port are free or ours."""

from collections.abc import Iterator
from typing import Final

from baked_publish.deployment import Finding
from baked_publish.engine.engine import Engine
from baked_publish.engine.fleet import Fleet
from baked_publish.engine.options import BRIDGE, DockerOptions
from baked_publish.engine.record import NAME
from baked_publish.errors import NotFoundError, UsageError
from baked_publish.keeper.ledger import Address
from baked_publish.keeper.survey import free

LEAST: Final = 6 << 20
"""Bytes below which an engine refuses a limit of memory."""


def options(given: DockerOptions, engine: Engine) -> Iterator[Finding]:
    """Yield what the options ask of the engine."""
    platform = engine.platform
    yield Finding(platform.os == "linux", f"engine for {platform}", "Linux containers are needed")
    yield Finding(given.pids_limit > 0, f"--pids-limit {given.pids_limit}", "give a number above 0")
    yield Finding((given.cpus or 1) > 0, f"--cpus {given.cpus}", "give a number above 0")
    yield _memory(given)
    if given.network != BRIDGE:  # a rollback is not told of the network
        known = engine.networks() - {"none"}
        fix = f"choose one of {', '.join(sorted(known))}, or make it: docker network create {given.network}"
        yield Finding(given.network in known, f"no network {given.network!r}", fix)


def _memory(given: DockerOptions) -> Finding:
    try:
        enough = given.memory is None or given.memory_bytes >= LEAST
    except UsageError as exc:
        return Finding(ok=False, what=f"--memory {given.memory}", fix=str(exc))
    return Finding(enough, f"--memory {given.memory}", "engines give 6m at least")


def name(name: str, fleet: Fleet, engine: Engine) -> Finding:
    """Look whether the container of that name, if there is one, is ours."""
    fix = "it is not one of ours: remove or rename it, or choose another --name"
    try:
        other = engine.container(name)
    except NotFoundError:
        return Finding(ok=True, what=f"name {name}")
    return Finding(other.labels.get(NAME) == fleet.name, f"there is a container {name!r}", fix)


def port(wanted: Address, fleet: Fleet) -> Finding:
    """Look whether the port is free, or held by a container of this name."""
    held = {each.address for each in fleet.containers if each.running}
    if wanted.port is None or wanted in held:
        return Finding(ok=True, what="port")
    return free(wanted, fleet.name)
