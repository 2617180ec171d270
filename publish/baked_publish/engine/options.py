"""Docker options: how a name is served by an engine."""

from dataclasses import dataclass
from typing import Final, Literal

from baked_publish.errors import UsageError
from baked_publish.images.options import ImageOptions
from baked_publish.options import option

BRIDGE: Final = "bridge"
"""The network that engines have by default."""
Restart = Literal["unless-stopped", "always", "on-failure", "no"]
UNITS: Final = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@dataclass(frozen=True, slots=True)
class DockerOptions(ImageOptions):
    """How a name is served by an engine; an address stays as it was until another one is asked for."""

    host: str | None = option(None, "Address to listen on; 0.0.0.0 for all.", flag="-h --host")
    port: int | None = option(None, "Port to listen on; by default the one before, or a free one.", flag="-p --port")
    network: str = option(BRIDGE, "Docker network; host for this machine's own.")
    memory: str | None = option(None, "Memory that the server may use; such as 512m or 2g, by default no limit.")
    cpus: float | None = option(None, "Processors that the server may use; such as 1.5, by default all.")
    pids_limit: int = option(512, "Processes and threads that the server may have.")
    restart: Restart = option("unless-stopped", "When docker starts it again by itself.")
    engine: str | None = option(
        None,
        "Docker engine, as unix:///PATH; by default DOCKER_HOST, or docker's context.",
        release=False,
        locates=True,
    )
    start_timeout: float = option(30.0, "Seconds that the app gets to come up.", release=False)

    @property
    def memory_bytes(self) -> int:
        """The limit of memory, 0 for none; raises UsageError for what is no size."""
        return bytes_of(self.memory) if self.memory else 0


def bytes_of(text: str) -> int:
    """Return the bytes of ``512m`` or ``2g``; raise UsageError for what is no size."""
    number, unit = (text[:-1], text[-1:].lower()) if text[-1:].isalpha() else (text, "b")
    if unit not in UNITS or not number.isdecimal():
        raise UsageError(f"{text!r} is no size: write for example 512m or 2g")
    return int(number) * UNITS[unit]
