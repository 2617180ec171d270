"""The Container: what an engine tells of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from baked_publish.engine.record import Record
from baked_publish.images.config import PORT
from baked_publish.keeper.ledger import LOCALHOST, Address
from baked_publish.plugin_secrets import PREFIX

TOKEN: Final = "BAKED_VERIFY_TOKEN"  # noqa: S105 - the name of it
KILLED: Final = 137
"""The exit code of a process that was killed: 128 and the number of SIGKILL."""
HOST: Final = "host"
"""The network of a container that has none of its own."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container, as it was when the engine was asked."""

    id: str
    name: str
    image: str
    """``sha256:`` and the digest by which the engine knows its image."""
    labels: Mapping[str, str]
    environment: Mapping[str, str]
    host_config: Mapping[str, Any]
    running: bool
    exit_code: int
    out_of_memory: bool
    ports: Mapping[str, Any]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Read what the engine answers to ``inspect``."""
        config, state = told["Config"], told["State"]
        return cls(
            id=told["Id"],
            name=told["Name"].lstrip("/"),
            image=told["Image"],
            labels=config.get("Labels") or {},
            environment=dict(entry.partition("=")[::2] for entry in config.get("Env") or ()),
            host_config=told["HostConfig"],
            running=state["Running"],
            exit_code=state["ExitCode"],
            out_of_memory=state.get("OOMKilled", False),
            ports=told["NetworkSettings"].get("Ports") or {},
        )

    @property
    def record(self) -> Record:
        """What we wrote on it when it was made."""
        return Record.of(self.labels)

    @property
    def token(self) -> str:
        """What opens ``/-/verify`` in it."""
        return self.environment.get(TOKEN, "")

    @property
    def secrets(self) -> Mapping[str, str]:
        """What plugins in it are told in secret, by environment name."""
        return {name: value for name, value in self.environment.items() if name.startswith(PREFIX)}

    @property
    def address(self) -> Address:
        """Where its visitors come; without a port if the engine gives it one when it starts."""
        record = self.record
        bound = self.ports.get(f"{PORT}/tcp") or ()
        if record.port is None and bound:
            return Address(LOCALHOST, int(bound[0]["HostPort"]))
        return Address(record.host, record.port)

    @property
    def restarts(self) -> bool:
        """Whether the engine starts it again by itself."""
        return self.host_config["RestartPolicy"]["Name"] not in {"", "no"}

    @property
    def end(self) -> str:
        """How it ended, for a person."""
        memory = self.host_config.get("Memory") or 0
        if self.out_of_memory or (self.exit_code == KILLED and memory):
            limit = f"its {memory >> 20:,} MB of memory" if memory else "memory"
            return f"it ran out of {limit}: give it more with --memory"
        return f"it ended with exit code {self.exit_code}"
