"""The door of an engine: where it listens, and what to do if nobody opens."""

import errno
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from baked_publish.errors import PreflightError

if TYPE_CHECKING:
    from docker.tls import TLSConfig

NEAR: Final = frozenset({"127.0.0.1", "localhost", "::1"})
PATIENCE: Final = 5.0
"""Seconds until an engine that does not answer is said to be away."""
START: Final = "start Docker, or say where it listens with --engine, DOCKER_HOST or `docker context use`"


@dataclass(frozen=True, slots=True)
class Door:
    """Where an engine listens: ``unix:///var/run/docker.sock``, ``tcp://HOST:PORT``, ``npipe://...``."""

    url: str
    tls: "TLSConfig | None" = None

    @classmethod
    def find(cls, given: str | None) -> Self:
        """Return the door that was asked for; else that of DOCKER_HOST; else that of the current docker context.

        Raises PreflightError if the docker configuration cannot be read.
        """
        from docker.context import ContextAPI  # noqa: PLC0415 - heavy
        from docker.errors import DockerException  # noqa: PLC0415
        from docker.utils import kwargs_from_env  # noqa: PLC0415

        try:
            told = kwargs_from_env()
            if url := given or told.get("base_url"):
                return cls(url, told.get("tls"))
            context: Any = ContextAPI.get_current_context()  # None for one that is not there, whatever the stubs say
        except (DockerException, OSError, ValueError) as exc:
            raise PreflightError(f"the configuration of docker cannot be read ({exc}): {START}") from exc
        if context is None:
            raise PreflightError(f"the current docker context does not exist: {START}")
        return cls(str(context.Host), context.TLSConfig)

    @property
    def near(self) -> bool:
        """Whether ports that the engine opens are this machine's."""
        parts = urlsplit(self.url)
        return parts.scheme in {"unix", "npipe", "http+unix"} or parts.hostname in NEAR

    def knock(self) -> str:
        """Return what to do so that somebody opens; empty if all is well."""
        if not self.near:
            return (
                "it is on another machine, where what comes up cannot be asked from here: run publish there, or push "
                "the image with `publish registry`"
            )
        if not self.url.startswith("unix://"):
            return ""
        with socket.socket(socket.AF_UNIX) as asking:  # asked here, because docker's client tells no reason
            asking.settimeout(PATIENCE)
            try:
                asking.connect(self.url.removeprefix("unix://"))
            except OSError as exc:
                return _advice(exc)
        return ""


def _advice(exc: OSError) -> str:
    if exc.errno in {errno.EACCES, errno.EPERM}:
        user = f"user {os.getuid()}" if hasattr(os, "getuid") else "this user"
        return f"{user} may not use its socket: join the group `docker` and log in anew, or run as root"
    said = "there is no such socket" if exc.errno == errno.ENOENT else f"nobody answers ({exc.strerror or exc})"
    return f"{said}: {START}"
