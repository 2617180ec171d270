"""The runtime of Cloud Run's stand-in: a revision is a container of a real engine, started of the image it names.

All containers share this machine's network, so ``PORT`` is another one for each, not 8080; everything else of the
contract is as docs.cloud.google.com/run/docs/container-contract says: linux/amd64, the environment ``K_SERVICE``,
``K_REVISION`` and ``K_CONFIGURATION``, SIGTERM and ten seconds at the end, a memory limit.
"""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound
from ground import Ground

LABEL, PLATFORM = "clouds", "cloudrun"
"""What the containers of the stand-in are known by in an engine that others use as well."""
GRACE = 10
"""Seconds between SIGTERM and SIGKILL."""
NEVER_LISTENED = (
    "The user-provided container failed to start and listen on the port defined provided by the PORT=8080 environment "
    "variable within the allocated timeout."
)
"""Cloud Run's words, from memory."""
UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
JSON = Mapping[str, Any]


class StartError(Exception):
    """A revision does not come up; says why as the platform would."""


@dataclass
class Runtime:
    """Runs the revisions of all services."""

    ground: Ground
    registry_host: str
    """What images are named by; the engine takes them from the registry behind it."""
    secrets: dict[str, list[str]]
    start_limit: float = 20.0
    """Seconds that stand for the startup probe's, at most."""
    instead: Callable[[str], str] = field(default=str)
    """Which image is started when one is asked for: what a real night met."""
    hasty: bool = False
    """Whether a revision is called ready before anything in it answers."""
    ports: dict[str, int] = field(default_factory=dict)
    """The port of each container that is up, by revision."""
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def client(self) -> Any:
        """Return a client of the engine; to be closed. Its stubs are not whole."""
        return docker.APIClient(base_url=self.ground.engine.url, version="auto", timeout=120)

    def start(self, service: str, revision: str, template: JSON) -> None:
        """Start a container of a revision and wait for its startup probe; raise StartError if it never comes up."""
        container = template["containers"][0]
        with self.client() as client:
            image = self._pull(client, self.instead(container["image"]))
            port = free_port()
            self.stop(revision)
            made = client.create_container_from_config(self._config(service, revision, template, image, port), revision)
            client.start(made["Id"])
            try:
                if not self.hasty:
                    self._probe(client, made["Id"], container.get("startupProbe") or {}, port)
            except StartError:
                self.stop(revision)
                raise
        with self._guard:
            self.ports[revision] = port

    def stop(self, revision: str, *, grace: int = GRACE) -> None:
        """End a revision's container and remove it, if there is one."""
        with self._guard:
            self.ports.pop(revision, None)
        with self.client() as client, suppress(NotFound):
            client.stop(revision, timeout=grace)
            client.remove_container(revision, force=True)

    def close(self) -> None:
        """Remove every revision's container."""
        with self._guard:
            self.ports.clear()
        with self.client() as client:
            for each in client.containers(all=True, filters={"label": f"{LABEL}={PLATFORM}"}):
                client.remove_container(each["Id"], force=True)

    def log(self, revision: str) -> list[tuple[str, str]]:
        """Return what a revision wrote: times and lines."""
        with self.client() as client:
            try:
                said: bytes = client.logs(revision, timestamps=True)
            except DockerException:
                return []
        pairs = (line.partition(" ") for line in said.decode(errors="replace").splitlines())
        return [(when, line) for when, _, line in pairs]

    def _pull(self, client: Any, image: str) -> str:
        name, _, digest = image.partition("@")
        if not digest.startswith("sha256:"):
            name, _, digest = image.rpartition(":")
        path = name.removeprefix(f"{self.registry_host}/")
        here = f"{self.ground.registry.host}/{path}"
        try:
            client.pull(here, tag=digest)
            reference = f"{here}@{digest}" if digest.startswith("sha256:") else f"{here}:{digest}"
            told = client.inspect_image(reference)
        except (APIError, NotFound) as exc:
            raise StartError(f"Image '{image}' not found.") from exc
        if (told["Os"], told["Architecture"]) != ("linux", "amd64"):
            raise StartError(
                "Container manifest type must support amd64/linux."
            )  # container-contract, "Languages and images"
        return reference

    def _config(self, service: str, revision: str, template: JSON, image: str, port: int) -> dict[str, Any]:
        container = template["containers"][0]
        environment = {"PORT": str(port), "K_SERVICE": service, "K_REVISION": revision, "K_CONFIGURATION": service}
        for each in container.get("env", ()):
            environment[each["name"]] = each.get("value", "") or self._secret(each)
        limits = (container.get("resources") or {}).get("limits") or {}
        memory = str(limits.get("memory", "512Mi"))
        return {
            "Image": image,
            "Env": [f"{key}={value}" for key, value in environment.items()],
            "Labels": {LABEL: PLATFORM},
            "HostConfig": {"NetworkMode": "host", "Memory": int(memory[:-2]) * UNITS[memory[-2:]]},
        }

    def _secret(self, variable: JSON) -> str:
        told = (variable.get("valueSource") or {}).get("secretKeyRef") or {}
        versions = self.secrets.get(told.get("secret", ""), [])
        number = told.get("version", "latest")
        index = len(versions) if number == "latest" else int(number)
        if not 1 <= index <= len(versions):
            raise StartError(f"Secret {told.get('secret')}/versions/{number} was not found")
        return versions[index - 1]

    def _probe(self, client: Any, container: str, probe: JSON, port: int) -> None:
        path = (probe.get("httpGet") or {}).get("path", "")
        deadline = time.monotonic() + self.start_limit
        while time.monotonic() < deadline:
            if answers(port, path):
                return
            if not client.inspect_container(container)["State"]["Running"]:
                raise StartError(f"{NEVER_LISTENED} The container exited.")
            time.sleep(0.05)
        raise StartError(NEVER_LISTENED)


def answers(port: int, path: str) -> bool:
    """Tell whether a port is open and, with a path, answers 200 there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.connect()
        if not path:
            return True
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        port: int = asking.getsockname()[1]
        return port
