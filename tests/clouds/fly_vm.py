"""A machine of the Fly stand-in: a container of a real engine, with Fly's states, checks and leases around it.

=====================================  ====================================================================
rule                                   source
=====================================  ====================================================================
``started`` before the server answers  met in practice; flyctl waits for checks after it
names of service checks                flyctl's output, ``servicecheck-00-http-8080``
stopped is not destroyed               https://fly.io/docs/machines/machine-states/
exit_code in a 200 of ``exec``         https://fly.io/docs/machines/api/ (a failed command is a 200)
``exec`` needs a started machine       guessed: 412 failed_precondition
``exec`` prints 64 KB at most          guessed: Fly does not say; flyctl's users see output cut
``cordoned``                           read by github.com/alchemy-run/alchemy, packages/alchemy/src/Fly/bluegreen.ts
a crash restarts by ``restart``        https://fly.io/docs/machines/guides-examples/machine-restart-policy/
=====================================  ====================================================================
"""

import subprocess
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

import docker
from docker.errors import APIError, NotFound
from engine import Daemon

PRINTED = 65_536
"""Characters of a command's output that the API hands back."""
QUICK = 0.1
"""Seconds between two checks here; a real one says its interval in its configuration."""
JSON = dict[str, Any]


def now() -> str:
    """Return the time as Fly writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@dataclass
class Lease:
    """Who may change a machine, and until when."""

    nonce: str
    description: str
    owner: str
    until: float


@dataclass
class Vm:
    """One machine."""

    engine: Daemon
    app: str
    name: str
    region: str
    config: JSON
    image: str
    """What the engine calls its image."""
    digest: str
    boots: float = 0.0
    """Seconds from made to started."""
    cordoned: bool = False
    unlisted: int = 0
    id: str = field(default_factory=lambda: token_hex(7))
    instance: str = field(default_factory=lambda: token_hex(13).upper())
    created: str = field(default_factory=now)
    lease: Lease | None = None
    wanted: str = "started"
    """What it was told to be last; it may crash all the same."""
    container: str = ""
    address: str = ""
    checks: dict[str, JSON] = field(default_factory=dict)
    busy: int = 0
    """Requests under way."""
    used: float = field(default_factory=time.monotonic)
    lock: threading.RLock = field(default_factory=threading.RLock)
    over: threading.Event = field(default_factory=threading.Event)

    def boot(self) -> None:
        """Start it beside whoever asked."""
        threading.Thread(target=self._boot, name=f"boot {self.id}", daemon=True).start()

    def _boot(self) -> None:
        time.sleep(self.boots)
        with self.lock, self.engine.client() as client:
            if self.over.is_set():
                return
            self.container = self._create(client)
            client.start(self.container)
            self._look(client)
        threading.Thread(target=self._check, name=f"checks {self.id}", daemon=True).start()

    def _create(self, client: docker.APIClient) -> str:
        guest, restart = self.config["guest"], self.config.get("restart") or {}
        network = self.engine.network("fly")
        tries = {"Name": restart.get("policy", "no"), "MaximumRetryCount": restart.get("max_retries", 0)}
        host = client.create_host_config(
            mem_limit=guest["memory_mb"] << 20, network_mode=network, restart_policy=tries, pids_limit=512
        )
        told = {
            **self.config.get("env", {}),
            "FLY_APP_NAME": self.app,
            "FLY_MACHINE_ID": self.id,
            "FLY_REGION": self.region,
            "FLY_VM_MEMORY_MB": str(guest["memory_mb"]),
        }
        signal = (self.config.get("stop_config") or {}).get("signal", "SIGINT")  # Fly's own default
        name = f"fly-{self.app}-{self.id}"
        made = client.create_container(
            self.image, environment=told, host_config=host, name=name, stop_signal=signal, detach=True
        )
        return str(made["Id"])

    def _look(self, client: docker.APIClient) -> None:
        networks = client.inspect_container(self.container)["NetworkSettings"]["Networks"]
        self.address = next(iter(networks.values()))["IPAddress"]

    @property
    def state(self) -> str:
        """What the API says of it."""
        if self.over.is_set():
            return "destroyed"
        if not self.container:
            return "created"
        try:
            with self.engine.client() as client:
                running = client.inspect_container(self.container)["State"]
        except NotFound:
            return "destroyed"
        if running["Running"] or running["Restarting"]:
            return "started" if self.wanted == "started" else "stopping"
        return "stopped"

    def start(self) -> None:
        """Start it again after it was stopped."""
        with self.lock, self.engine.client() as client:
            self.wanted, self.used = "started", time.monotonic()
            client.start(self.container)
            self._look(client)

    def stop(self) -> None:
        """Send it its signal, and kill it after its time; returns at once, as the API does."""
        self.wanted = "stopped"
        threading.Thread(target=self._stop, name=f"stop {self.id}", daemon=True).start()

    def _stop(self) -> None:
        within = int(str((self.config.get("stop_config") or {}).get("timeout", "5s")).removesuffix("s"))
        with suppress(APIError), self.engine.client() as client:
            client.stop(self.container, timeout=within)

    def destroy(self) -> None:
        """Remove it."""
        self.over.set()
        with self.lock, suppress(APIError), self.engine.client() as client:
            if self.container:
                client.remove_container(self.container, force=True, v=True)

    def run(self, command: list[str], stdin: str, timeout: int) -> JSON:
        """Run a command in it."""
        words = ["docker", "-H", self.engine.url, "exec", "-i", self.container, *command]
        try:
            done = subprocess.run(
                words, input=stdin, capture_output=True, text=True, timeout=timeout or 60, check=False
            )
        except subprocess.TimeoutExpired:
            return {"exit_code": None, "exit_signal": 9, "stdout": "", "stderr": "timed out"}
        return {"exit_code": done.returncode, "stdout": done.stdout[:PRINTED], "stderr": done.stderr[:PRINTED]}

    def log(self) -> list[tuple[str, str]]:
        """Return time and text of each line it wrote."""
        if not self.container:
            return []
        with suppress(APIError), self.engine.client() as client:
            text = client.logs(self.container, timestamps=True).decode(errors="replace")
            return [(line.partition(" ")[0], line.partition(" ")[2]) for line in text.splitlines()]
        return []

    @property
    def healthy(self) -> bool:
        """Whether visitors may be sent there."""
        return bool(self.checks) and all(each["status"] == "passing" for each in self.checks.values())

    def _check(self) -> None:
        """Ask what the checks ask, again and again."""
        wanted = [check for service in self.config.get("services", ()) for check in service.get("checks", ())]
        while not self.over.wait(QUICK):
            for number, check in enumerate(wanted):
                status, told = self._one(check)
                name = f"servicecheck-{number:02}-{check['type']}-{check['port']}"
                self.checks[name] = {"name": name, "status": status, "output": told, "updated_at": now()}

    def _one(self, check: JSON) -> tuple[str, str]:
        url = f"http://{self.address}:{check['port']}{check.get('path', '/')}"
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return "passing", str(answer.status)
        except (OSError, urllib.error.HTTPError, ValueError) as exc:
            return "critical", str(exc)

    @property
    def held(self) -> Lease | None:
        """The lease, unless it ended."""
        return self.lease if self.lease and self.lease.until > time.time() else None

    def to_json(self) -> JSON:
        """Return what the API tells."""
        told: JSON = {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "region": self.region,
            "cordoned": self.cordoned,
            "instance_id": self.instance,
            "private_ip": "fdaa:0:1::2",
            "config": self.config,
            "image_ref": {"registry": "registry.fly.io", "repository": self.app, "digest": self.digest},
            "created_at": self.created,
            "updated_at": self.created,
            "events": [],
            "checks": list(self.checks.values()),
        }
        return {**told, "nonce": self.held.nonce} if self.held else told
