"""The client: each thing that the Machines API is asked for, no faster than it takes it.

After https://docs.machines.dev and flyctl's own library. What Fly refuses for now is asked again, bounded; a request
that makes something is asked again only where Fly says that it did not begin with it.
"""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from baked_publish.errors import NotFoundError, TargetError
from baked_publish.vendors.fly_answers import LateError, error_of
from baked_publish.vendors.fly_login import Login
from baked_publish.vendors.fly_pace import LOOKING, Pace
from baked_publish.vendors.shaped import many, one, read, text, word

if TYPE_CHECKING:
    import httpx

FLAPS: Final = "https://api.machines.dev"
API: Final = "https://api.fly.io"
REGISTRY: Final = "registry.fly.io"
TIMEOUT: Final = 90.0
"""Seconds for one answer; the API itself waits for a state, or a command, for up to 60."""
PATIENCE: Final = 120.0
"""Seconds for all attempts at one request."""
LONGEST_WAIT: Final = 60
"""Seconds that the API takes in one request to wait for a state."""
UNREACHED: Final = 20.0
"""Seconds of them in which nothing answers at all: a network that is down is told soon."""
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 15.0
NONCE: Final = "fly-machine-lease-nonce"
AGAIN: Final = frozenset({429, 502, 503, 504})
"""Status codes after which the same question may be answered."""
JSON = dict[str, Any]


class UnreachedError(TargetError):
    """Nothing listens at Fly's address, or its name is not known."""


@dataclass
class Fly:
    """Talks to the Machines API as one login."""

    http: "httpx.Client"
    login: Login
    pace: Pace = field(default_factory=Pace)
    base: str = field(default_factory=lambda: os.environ.get("FLY_FLAPS_BASE_URL") or FLAPS)
    api: str = field(default_factory=lambda: os.environ.get("FLY_API_BASE_URL") or API)
    nonces: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    """The leases that we hold, by machine: sent with whatever is asked of it."""

    # Apps

    def app(self, name: str) -> JSON:
        """Return an app; raise NotFoundError if there is none, PreflightError if it belongs to somebody else."""
        return self._ask("GET", f"/apps/{_part(name)}", "get app", name)

    def create_app(self, name: str, org: str) -> None:
        """Make an app without anything in it."""
        self._asked("POST", "/apps?wait=true", "create app", name, {"app_name": name, "org_slug": org})

    def delete_app(self, name: str) -> None:
        """Remove an app with all its machines."""
        self._asked("DELETE", f"/apps/{_part(name)}?force=true", "delete app", name)

    def apps(self, org: str) -> list[JSON]:
        """List the apps of an organization."""
        return many(self._ask("GET", f"/apps?org_slug={_part(org)}", "list apps", org).get("apps"), "list apps")

    def regions(self) -> list[str]:
        """List the codes of all regions."""
        asked = "get regions"
        told = self._ask("GET", "/platform/regions", asked, "")
        return [text(each, "code", asked) for each in many(told.get("Regions") or told.get("regions"), asked)]

    def addresses(self, app: str) -> list[JSON]:
        """List the addresses of an app."""
        asked = "list ips"
        found = many(self._ask("GET", _app(app, "ip_assignments"), asked, app).get("ips"), asked)
        return [{**each, "ip": text(each, "ip", asked)} for each in found]

    def assign(self, app: str, kind: str) -> None:
        """Give an app an address: ``shared_v4`` or ``v6``."""
        self._asked("POST", _app(app, "ip_assignments"), "assign ip", app, {"type": kind})

    def secrets(self, app: str) -> dict[str, str]:
        """Return the digest of each secret of an app, by name; never its value."""
        asked = "list secrets"
        told = self._ask("GET", _app(app, "secrets"), asked, app)
        return {text(each, "name", asked): str(each.get("digest", "")) for each in many(told.get("secrets"), asked)}

    def certificates(self, app: str) -> list[str]:
        """List the host names that an app has certificates for."""
        asked = "list certificates"
        told = self._ask("GET", _app(app, "certificates"), asked, app)
        return [text(each, "hostname", asked) for each in many(told.get("certificates"), asked)]

    def request_certificate(self, app: str, hostname: str) -> JSON:
        """Ask for a certificate; return what has to stand in the name's DNS."""
        body = {"hostname": hostname}
        return self._ask("POST", _app(app, "certificates/acme"), "create certificate", app, body)

    def check_certificate(self, app: str, hostname: str) -> bool:
        """Let Fly look at a name's DNS, and tell whether it has a certificate that it answers with."""
        path = _app(app, f"certificates/{_part(hostname)}/check")
        return self._ask("POST", path, "check certificate", hostname).get("configured") is True

    def drop_certificate(self, app: str, hostname: str) -> None:
        """Remove a host name."""
        self._asked("DELETE", _app(app, f"certificates/{_part(hostname)}"), "delete certificate", app)

    def log(self, app: str, following: str) -> tuple[list[JSON], str]:
        """Return the newest log lines, or those after ``following``, and where the next ones begin."""
        url = f"{self.api}/api/v1/apps/{_part(app)}/logs?next_token={_part(following)}"
        asked = "get logs"
        told = self._ask("GET", url, asked, app)
        lines = [one(each.get("attributes") or {}, asked) for each in many(told.get("data"), asked)]
        meta = one(told.get("meta") or {}, asked)
        return lines, str(meta.get("next_token") or following)

    # Machines

    def machines(self, app: str) -> list[JSON]:
        """List the machines of an app; none if there is no app."""
        try:
            found = many(self._asked("GET", _app(app, "machines"), "list machines", app), "list machines")
        except NotFoundError:
            return []
        return [{**each, "id": text(each, "id", "list machines")} for each in found]

    def machine(self, app: str, machine: str) -> JSON:
        """Return one machine."""
        found = self._ask("GET", _machine(app, machine), LOOKING, machine)
        return {**found, "id": text(found, "id", LOOKING)}

    def create(self, app: str, body: JSON) -> JSON:
        """Make a machine and boot it."""
        return self._ask("POST", _app(app, "machines"), "create machine", app, body)

    def start(self, app: str, machine: str) -> None:
        """Start a machine that is stopped; nothing happens if it runs."""
        self._asked("POST", _machine(app, machine, "start"), "start machine", machine)

    def stop(self, app: str, machine: str) -> None:
        """Let a machine end what it does and stop, as its configuration says."""
        self._asked("POST", _machine(app, machine, "stop"), "stop machine", machine, {})

    def wait(self, app: str, machine: JSON, state: str, within: float) -> None:
        """Wait until a machine is in a state; raise LateError if it is not, within as many seconds."""
        deadline = time.monotonic() + within
        while True:
            left = max(1, min(LONGEST_WAIT, int(deadline - time.monotonic())))
            version = f"&instance_id={_part(str(machine['instance_id']))}" if machine.get("instance_id") else ""
            path = _machine(app, machine["id"], f"wait?state={state}&timeout={left}{version}")
            try:
                self._asked("GET", path, "wait machine", machine["id"])
            except LateError:
                if time.monotonic() >= deadline:
                    raise
            else:
                return

    def cordon(self, app: str, machine: str) -> None:
        """Send no visitors to a machine any more."""
        self._asked("POST", _machine(app, machine, "cordon"), "cordon machine", machine)

    def uncordon(self, app: str, machine: str) -> None:
        """Send visitors to a machine."""
        self._asked("POST", _machine(app, machine, "uncordon"), "uncordon machine", machine)

    def destroy(self, app: str, machine: str) -> None:
        """Remove a machine, running or not; nothing happens if it is gone."""
        with suppress(NotFoundError):
            self._asked("DELETE", _machine(app, machine) + "?force=true", "destroy machine", machine)
        self.nonces.pop(machine, None)

    def note(self, app: str, machine: str, key: str, value: str) -> None:
        """Write one key of a machine's metadata."""
        path = _machine(app, machine, f"metadata/{_part(key)}")
        self._asked("POST", path, "set metadata", machine, {"value": value})

    def run(self, app: str, machine: str, command: list[str], stdin: str, timeout: int) -> JSON:
        """Run a command in a machine, and return its ``exit_code``, ``stdout`` and ``stderr``."""
        body = {"command": command, "stdin": stdin, "timeout": timeout}
        return self._ask("POST", _machine(app, machine, "exec"), "exec machine", machine, body)

    # Leases

    def lease(self, app: str, machine: str) -> JSON | None:
        """Return who has the lease of a machine, None if nobody has it."""
        try:
            told = self._ask("GET", _machine(app, machine, "lease"), "get lease", machine)
        except NotFoundError:
            return None
        return one(told.get("data") or {}, "get lease") or None

    def take_lease(self, app: str, machine: str, description: str, seconds: int) -> None:
        """Take the lease of a machine, or renew ours; raise LockedError if somebody else has it.

        Its time is said twice: in the body, as the documentation has it, and in the query, as flyctl has it.
        """
        body = {"ttl": seconds, "description": description}
        told = self._ask("POST", _machine(app, machine, f"lease?ttl={seconds}"), "create lease", machine, body)
        self.nonces[machine] = word(one(told.get("data"), "create lease"), "nonce", "create lease")

    def release_lease(self, app: str, machine: str, nonce: str) -> None:
        """Give a lease back; nothing happens if it is gone."""
        with suppress(NotFoundError):
            path = _machine(app, machine, "lease")
            self._asked("DELETE", path, "release lease", machine, headers={NONCE: nonce})
        self.nonces.pop(machine, None)

    # The request

    def _ask(
        self,
        method: str,
        path: str,
        action: str,
        about: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> JSON:
        """Ask, and return the object that is the answer."""
        return one(self._asked(method, path, action, about, body, headers), action)

    def _asked(
        self,
        method: str,
        path: str,
        action: str,
        about: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Ask, again while that may help; return the JSON of the answer, or raise what it stands for."""
        began, pause = time.monotonic(), FIRST_PAUSE
        deadline = began + PATIENCE
        while True:
            self.pace.wait(action, about)
            try:
                response = self._send(method, path, about, body, headers)
            except TargetError as exc:
                last = began + UNREACHED if isinstance(exc, UnreachedError) else deadline
                if method == "POST" or time.monotonic() + pause > min(last, deadline):
                    raise
            else:
                if response.is_success:
                    return read(response)
                again = response.status_code in AGAIN and (method != "POST" or response.status_code in {429, 503})
                if not again or time.monotonic() + pause > deadline:
                    raise error_of(response, self.login)
                said = response.headers.get("retry-after", "")
                pause = max(pause, float(said)) if said.isdecimal() else pause
            time.sleep(min(pause, LONGEST_PAUSE))
            pause *= 2

    def _send(
        self, method: str, path: str, about: str, body: Any, headers: Mapping[str, str] | None
    ) -> "httpx.Response":
        import httpx  # noqa: PLC0415 - 60 ms that `publish --help` does without

        url = path if path.startswith("http") else f"{self.base}/v1{path}"
        said = {"Authorization": self.login.header, "User-Agent": "baked-data"}
        if about in self.nonces:
            said[NONCE] = self.nonces[about]
        try:
            return self.http.request(method, url, json=body, headers={**said, **(headers or {})}, timeout=TIMEOUT)
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            where = urlsplit(url)
            kind = UnreachedError if isinstance(exc, httpx.ConnectError) else TargetError
            why = f"{exc or type(exc).__name__}; look at the network, or try again later"
            raise kind(f"{where.netloc} did not answer {method} {where.path}: {why}") from exc


def _part(value: str) -> str:
    return quote(value, safe="", errors="replace")


def _app(app: str, what: str) -> str:
    return f"/apps/{_part(app)}/{what}"


def _machine(app: str, machine: str, what: str = "") -> str:
    return _app(app, f"machines/{_part(machine)}" + (f"/{what}" if what else ""))
