"""The berth of a container: what it may use of the machine, and where it is reached."""

import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from baked_core.listener import PATIENCE
from baked_publish.engine.container import HOST, TOKEN, Container
from baked_publish.engine.record import Record
from baked_publish.images.config import PORT
from baked_publish.keeper.ledger import LOCALHOST

STOP_WITHIN: Final = 15
"""Seconds that a server gets to answer what is under way; it takes 10 at most."""
WAIT_WITHIN: Final = 600
"""Seconds that a server of the machine's own network waits for a port that its predecessor has."""
CPU: Final = 1_000_000_000
LOG: Final[Mapping[str, Any]] = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
LASTING: Final = (
    "NetworkMode", "ReadonlyRootfs", "CapDrop", "SecurityOpt", "PidsLimit", "Memory", "MemorySwap", "NanoCpus",
    "LogConfig",
)  # fmt: skip
"""What a successor has in common with its candidate."""


def limits(network: str, memory: int, cpus: float, pids: int) -> dict[str, Any]:
    """Return what a container may do and use; ``memory`` in bytes, 0 for no limit."""
    return {
        "NetworkMode": network,
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "PidsLimit": pids,
        "Memory": memory,
        "MemorySwap": memory,  # no swap: slow is worse than restarted
        "NanoCpus": round(cpus * CPU),
        "LogConfig": dict(LOG),
    }


def lasting(container: Container) -> dict[str, Any]:
    """Return the limits of a container, for another that takes its place."""
    return {key: container.host_config[key] for key in LASTING}


def private(record: Record, network: str) -> Record:
    """Return the record of a candidate, reached on this machine only; an engine's own networks find a port later."""
    return replace(record, host=LOCALHOST, port=_free_port() if network == HOST else None)


def config(
    image: str, record: Record, token: str, limited: Mapping[str, Any], secrets: Mapping[str, str]
) -> dict[str, Any]:
    """Return what the engine needs to make a container of ``image``; one with a number starts again by itself."""
    environment = [f"{TOKEN}={token}", *(f"{name}={value}" for name, value in secrets.items())]
    bindings: dict[str, Any] = {}
    if limited["NetworkMode"] == HOST:
        environment += [f"HOST={record.host}", f"PORT={record.port}"]
        environment += [f"{PATIENCE}={WAIT_WITHIN}"] if record.number else []
    else:
        bindings = {f"{PORT}/tcp": [{"HostIp": record.host, "HostPort": str(record.port or "")}]}
    restart = record.restart if record.number else "no"
    return {
        "Image": image,
        "Env": environment,
        "Labels": record.labels,
        "ExposedPorts": {f"{PORT}/tcp": {}},
        "StopTimeout": STOP_WITHIN,
        "HostConfig": {**limited, "PortBindings": bindings, "RestartPolicy": {"Name": restart}},
    }


def waits(container: Container) -> bool:
    """Tell whether a container can be started while another one has its port."""
    return PATIENCE in container.environment


def _free_port() -> int:
    with socket.socket() as asking:
        asking.bind((LOCALHOST, 0))
        port: int = asking.getsockname()[1]
        return port
