"""Fly as a stand-in: apps, addresses, machines and their images, in front of a real engine and a real registry.

=====================================  ====================================================================
rule                                   source
=====================================  ====================================================================
names of apps are unique everywhere    https://fly.io/docs/machines/api/apps-resource/; 422 ``name_taken`` of
                                       superfly/fly-go flaps/flaps_error.go
another's app answers 403              superfly/fly-go flaps/flaps_apps.go (unauthorized)
lease held: 409 and its words          a log of flyctl: "machine ID ... lease currently held by ..."
sizes of machines                      https://fly.io/docs/about/pricing/
an image not known yet: 404            a log of flyctl: "Could not find image"; that it is a matter of time was
                                       met in practice
images of an app need the app          flyctl makes the app before it pushes; the registry's words are guessed
8 GB unpacked                          https://fly.io/docs/getting-started/troubleshooting/ (not enforced here)
unknown keys of a configuration: 422   stricter than Fly, which ignores them: it finds our slips
=====================================  ====================================================================
"""

import base64
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

import docker.errors
from faulty_registry import Fault, FaultyRegistry, Seen, in_front_of, listening, says
from fly_api import Call, Problem, api
from fly_front import Front
from fly_vm import Vm
from ground import Ground

ORG = "personal"
REGIONS = [
    "ams",
    "arn",
    "bom",
    "cdg",
    "dfw",
    "ewr",
    "fra",
    "gru",
    "iad",
    "jnb",
    "lax",
    "lhr",
    "nrt",
    "ord",
    "sin",
    "sjc",
    "syd",
    "yyz",
]
"""https://fly.io/docs/reference/regions/"""
KNOWN = frozenset(
    [
        "auto_destroy",
        "checks",
        "dns",
        "env",
        "files",
        "guest",
        "image",
        "init",
        "metadata",
        "metrics",
        "mounts",
        "processes",
        "restart",
        "schedule",
        "services",
        "size",
        "standbys",
        "statics",
        "stop_config",
        "rootfs",
        "containers",
    ]
)
SERVICE = frozenset(
    [
        "autostart",
        "autostop",
        "checks",
        "concurrency",
        "force_instance_key",
        "internal_port",
        "min_machines_running",
        "ports",
        "protocol",
    ]
)
REST = 300.0
"""Seconds without a visitor after which the proxy stops a machine; Fly says: every few minutes."""
JSON = dict[str, Any]


@dataclass
class App:
    """One app, and all that is in it."""

    name: str
    org: str
    ips: list[JSON] = field(default_factory=list)
    machines: dict[str, Vm] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    certificates: list[str] = field(default_factory=list)
    front: Front | None = None


@dataclass
class Cloud:
    """All of Fly that a publish meets."""

    ground: Ground
    images: FaultyRegistry
    """The registry as the world sees it: behind a login."""
    port: int = 0
    """Where each app's address is listened on."""
    apps: dict[str, App] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    """By token, what it opens: ``org``, or the name of one app."""
    foreign: set[str] = field(default_factory=set)
    """Names of apps that belong to somebody else."""
    rate: float = 1.0
    """Requests a second of each kind."""
    boots: float = 0.0
    """Seconds that a machine takes to start."""
    unknown: int = 0
    """How often an image is not known yet when a machine is to be made of it."""
    full: set[str] = field(default_factory=set)
    """Regions without room."""
    pointed: set[str] = field(default_factory=set)
    """Host names of other people whose DNS leads here."""
    unlisted: int = 0
    """How many lists of its app a new machine is missing from."""
    bars_commands: bool = True
    """Whether nobody may run a command in a machine that somebody has the lease of, not even that one."""
    swaps: str = ""
    """A digest that machines say they run, whatever they were asked to."""
    calls: list[Call] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    faults: list[tuple[str, str, int, int]] = field(default_factory=list)
    """Method, part of the path, status and how often."""
    url: str = ""
    _numbers: int = 0

    # Apps

    def app(self, name: str) -> App:
        """Return an app."""
        if name in self.foreign:
            raise Problem(403, "unauthorized")
        if name not in self.apps:
            raise Problem(404, "app not found")
        return self.apps[name]

    def create_app(self, name: str, org: str) -> App:
        """Make one."""
        if org != ORG:
            raise Problem(404, f"organization {org!r} not found")
        with self.lock:
            if name in self.apps or name in self.foreign:
                raise Problem(422, "Validation failed: Name has already been taken", "name_taken")
            self.apps[name] = App(name, org)
        return self.apps[name]

    def delete_app(self, app: App, *, force: bool) -> None:
        """Remove one with its machines."""
        if any(vm.state != "stopped" for vm in app.machines.values()) and not force:
            raise Problem(412, "failed_precondition: app has machines that run")
        del self.apps[app.name]
        for vm in list(app.machines.values()):
            vm.destroy()
        if app.front:
            app.front.close()

    def assign(self, app: App, kind: str) -> JSON:
        """Give it an address."""
        if kind not in {"shared_v4", "v6", "v4"}:
            raise Problem(422, f"invalid_argument: unknown type {kind!r}")
        with self.lock:
            self._numbers += 1
            ip = f"2a09:8280:1::{self._numbers:x}"
            if kind != "v6":
                ip = f"127.66.{self._numbers // 250}.{self._numbers % 250 + 1}"
                app.front = Front(ip, self.port, lambda: list(app.machines.values()))
                self.port = app.front.port
            made = {"ip": ip, "region": "global", "shared": kind == "shared_v4"}
            app.ips.append(made)
        return made

    # Machines

    def machine(self, app: App, number: str) -> Vm:
        """Return one."""
        if number not in app.machines:
            raise Problem(404, f"not_found: machine not found {number}")
        return app.machines[number]

    def create(self, app: App, body: JSON) -> Vm:
        """Make one, and boot it."""
        config, region = body.get("config") or {}, body.get("region") or "ams"
        self._require_config(config)
        if region not in REGIONS:
            raise Problem(422, f"invalid_argument: region {region!r} not found")
        if region in self.full:
            raise Problem(422, "insufficient resources available to fulfill request", "insufficient_capacity")
        if any(vm.name == body.get("name") for vm in app.machines.values()):
            raise Problem(409, f"already_exists: unique machine name violation, machine ID already exists with name "
                               f"{body['name']!r}")  # fmt: skip
        image, digest = self._pull(config["image"])
        vm = Vm(
            self.ground.engine,
            app.name,
            body.get("name") or f"fly-{token_hex(4)}",
            region,
            {**config, "env": {**app.secrets, **config.get("env", {})}},
            image,
            self.swaps or digest,
            self.boots,
            cordoned=bool(body.get("skip_service_registration")),
        )
        vm.unlisted = self.unlisted
        app.machines[vm.id] = vm
        vm.boot()
        return vm

    def _require_config(self, config: JSON) -> None:
        if not config.get("image"):
            raise Problem(400, "invalid_argument: config.image is required")
        services = config.get("services") or []
        unknown = set(config) - KNOWN | {key for each in services for key in set(each) - SERVICE}
        if unknown:
            raise Problem(422, f"invalid_argument: unknown keys {sorted(unknown)}")
        guest = config.get("guest") or {}
        cpus, memory = guest.get("cpus", 1), guest.get("memory_mb", 256)
        shared = guest.get("cpu_kind", "shared") == "shared"
        least, most = (256, 2048) if shared else (2048, 8192)
        if memory % 256 or not least * cpus <= memory <= most * cpus:
            raise Problem(422, f"invalid_argument: invalid config.guest.memory_mb, {memory} for {cpus} cpus")

    def _pull(self, image: str) -> tuple[str, str]:
        """Let the engine take an image from the registry itself."""
        host, _, rest = image.partition("/")
        with self.lock:
            if self.unknown:
                self.unknown -= 1
                raise Problem(404, f'Could not find image "{image}"')
        if host != self.images.host:
            raise Problem(422, f"invalid_argument: image {image!r} is not in this registry")
        real = f"{self.ground.registry.host}/{rest}"
        name, _, digest = real.partition("@")
        try:
            with self.ground.engine.client() as client:
                client.pull(name, tag=digest or "latest")
        except docker.errors.APIError as exc:
            raise Problem(404, f'Could not find image "{image}"') from exc
        return real, digest

    def destroy(self, app: App, vm: Vm, *, force: bool) -> None:
        """Remove one."""
        if vm.state not in {"stopped", "suspended", "created"} and not force:
            raise Problem(412, "failed_precondition: unable to destroy machine, not currently stopped or suspended")
        del app.machines[vm.id]
        vm.destroy()

    # What tests and time do

    def rest(self, name: str, idle: float = 0.0) -> int:
        """Stop the machines of an app that nobody visits, as its services say; return how many."""
        open_ones = [vm for vm in self.apps[name].machines.values() if not vm.cordoned and vm.wanted == "started"]
        least = max((vm.config["services"][0].get("min_machines_running") or 0 for vm in open_ones), default=0)
        stopped = 0
        for vm in open_ones[least:]:
            how = vm.config["services"][0].get("autostop")
            if how in {"stop", "suspend", True} and not vm.busy and time.monotonic() - vm.used >= idle:
                vm.stop()
                stopped += 1
        return stopped

    def fails(self, method: str, path: str, status: int, times: int = 1) -> None:
        """Let requests of ``method`` to a path that holds ``path`` fail."""
        self.faults.append((method, path, status, times))

    def count(self, method: str, path: str) -> int:
        """Return how many requests of ``method`` went to a path that holds ``path``."""
        return sum(call.method == method and path in call.path for call in self.calls)

    def gate(self, seen: Seen) -> Fault | None:
        """Let those into the registry who have a token, to the images of an app that is there."""
        said = seen.headers.get("authorization", "").removeprefix("Basic ")
        try:
            user, _, token = base64.b64decode(said).decode().partition(":")
        except ValueError:
            user = token = ""
        if user != "x" or token not in self.tokens:
            told = 'Basic realm="registry.fly.io"'
            return says(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=told)
        repository = seen.path.removeprefix("/v2/").partition("/")[0]
        scope = self.tokens[token]
        if repository and (repository not in self.apps or scope not in {"org", repository}):
            return says(403, "DENIED", "requested access to the resource is denied")
        return None

    def close(self) -> None:
        """Remove everything."""
        for app in list(self.apps.values()):
            self.delete_app(app, force=True)


@contextmanager
def fly(ground: Ground, *, rate: float = 1.0) -> Generator[Cloud, None, None]:
    """Run a Fly of its own on the engine and registry of ``ground``."""
    with ExitStack() as stack:
        cloud = Cloud(ground, stack.enter_context(in_front_of(ground.registry.host)), rate=rate)
        cloud.images.gate = cloud.gate
        cloud.tokens["fm2_" + token_hex(16)] = "org"
        stack.callback(cloud.close)
        cloud.url = "http://" + stack.enter_context(listening(api(cloud)))
        yield cloud


def environment(cloud: Cloud) -> dict[str, str]:
    """Return the names by which ``publish`` finds a Fly."""
    cloud.port = cloud.port or _port()
    return {
        "FLY_API_TOKEN": next(token for token, scope in cloud.tokens.items() if scope == "org"),
        "FLY_FLAPS_BASE_URL": cloud.url,
        "FLY_API_BASE_URL": cloud.url,
        "FLY_REGISTRY_HOST": cloud.images.host,
        "FLY_ORG": ORG,
        "BAKED_FLY_URL": f"http://{{ip}}:{cloud.port}",
        "BAKED_FLY_RATE": f"{cloud.rate:g}",
        "BAKED_FLY_SETTLE": "0.3",
        "BAKED_FLY_DRAIN": "0.3",
    }


def _port() -> int:
    """Return a port that is free on every address."""
    import socket  # noqa: PLC0415 - needed once

    with socket.create_server(("", 0)) as server:
        number: int = server.getsockname()[1]
        return number


@contextmanager
def standing(ground: Ground) -> Generator[Mapping[str, str], None, None]:
    """Run a Fly for people: machines rest after some minutes."""
    over = threading.Event()
    with fly(ground, rate=20.0) as cloud:

        def stop_idle() -> None:
            while not over.wait(5.0):
                for name in list(cloud.apps):
                    cloud.rest(name, REST)

        sweeping = threading.Thread(target=stop_idle, name="autostop", daemon=True)
        sweeping.start()
        try:
            yield environment(cloud)
        finally:
            over.set()
            sweeping.join()
