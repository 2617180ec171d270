"""The Machines API of the Fly stand-in: routes, tokens, rates and the words of refusals.

=====================================  ====================================================================
rule                                   source
=====================================  ====================================================================
paths, bodies, status codes            https://fly.io/docs/machines/api/, superfly/fly-go flaps/*.go
``{"error": ..., "status": ...}``      superfly/fly-go flaps/flaps_error.go
1 request a second of each kind on     https://fly.io/docs/machines/api/working-with-machines-api/#rate-limits;
each machine or app, burst 3; looks    the words of the 429 are guessed
at a machine 5, burst 10
``FlyV1`` for macaroons                superfly/fly-go tokens
wait: 1 to 60 s, then 408              "[1s, 1m0s]" and "deadline_exceeded: machine failed to reach desired
                                       state, started, currently ..." of logs
lease: 201; 404 if nobody has one      https://fly.io/docs/machines/api/machines-resource/; the 404 is guessed
metadata: 204                          the same page
certificates: asked for by ``acme``,   https://fly.io/docs/machines/api/certificates-resource/, superfly/fly-go
looked at by ``HOST/check``, which     flaps/flaps_certificates.go; the words of a status are guessed
looks at the DNS
changes under another's lease: 409     the same page; cordon and uncordon as well, metadata not: patches and code
                                       of github.com/alchemy-run/distilled and alchemy, tried there on Fly
a command under a lease: 409           github.com/alchemy-run/distilled/pull/628; that whoever has the lease is
                                       refused like anybody is guessed, and can be switched off
a machine that was made is in the list  github.com/alchemy-run/alchemy, packages/alchemy/src/Fly/bluegreen.ts looks
a little later, if a test wants it so  for it again and again
ttl of a lease: in the query           superfly/fly-go flaps/flaps_machines.go; the documentation has it in the body
=====================================  ====================================================================
"""

import json
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from secrets import token_hex
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from fly_vm import Lease, Vm

if TYPE_CHECKING:
    from fly_cloud import Cloud

JSON = dict[str, Any]
OWNER = "somebody@tokens.fly.io"


class Problem(Exception):
    """A request that is refused."""

    def __init__(self, status: int, error: str, code: str = "") -> None:
        super().__init__(error)
        self.status, self.body = status, {"error": error, **({"status": code} if code else {})}


@dataclass
class Call:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, list[str]] = field(default_factory=dict)
    body: JSON = field(default_factory=dict)
    nonce: str = ""


class Exchange(BaseHTTPRequestHandler):
    """One request to the API."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # headers and body in one packet
    cloud: ClassVar["Cloud"]
    buckets: ClassVar[dict[str, tuple[float, float]]]

    def _any(self) -> None:
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        call = Call(self.command, parts.path, parse_qs(parts.query, keep_blank_values=True))
        try:
            call.body = json.loads(raw) if raw else {}
            call.nonce = self.headers.get("fly-machine-lease-nonce", "")
            self.cloud.calls.append(call)
            self._fault(call)
            status, value = self._answer(call)
        except Problem as exc:
            status, value = exc.status, exc.body
        self._say(status, value)

    do_GET = do_POST = do_DELETE = do_PUT = _any  # noqa: N815 - the base class's names

    def _fault(self, call: Call) -> None:
        with self.cloud.lock:
            for number, (method, path, status, times) in enumerate(self.cloud.faults):
                if method == call.method and path in call.path and times:
                    self.cloud.faults[number] = (method, path, status, times - 1)
                    raise Problem(status, f"this is a fault for a test: {status}")

    def _answer(self, call: Call) -> tuple[int, Any]:
        scope = self._scope()
        for method, pattern, name, about in ROUTES:
            found = re.fullmatch(pattern, call.path)
            if method == call.method and found:
                values = [unquote(each) for each in found.groups()]
                self._require_rate(name, values[about] if values else "")
                if values and name != "create_app" and scope not in {"org", values[0]} and name != "apps":
                    raise Problem(403, "unauthorized")
                answer: tuple[int, Any] = getattr(Actions(self.cloud, call, scope), name)(*values)
                return answer
        raise Problem(404, f"page not found: {call.method} {call.path}")

    def _scope(self) -> str:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if token not in self.cloud.tokens or (scheme != "FlyV1" and token.startswith("fm2_")):
            raise Problem(401, "unauthenticated: token invalid or expired")
        return self.cloud.tokens[token]

    def _require_rate(self, name: str, about: str) -> None:
        rate, burst = (5 * self.cloud.rate, 10) if name == "machine" else (self.cloud.rate, 3)
        with self.cloud.lock:
            left, at = self.buckets.get(f"{name} {about}", (float(burst), 0.0))
            left = min(float(burst), left + (time.monotonic() - at) * rate)
            if left < 0.9:  # what is on its way varies
                raise Problem(429, "rate limit exceeded")
            self.buckets[f"{name} {about}"] = (left - 1, time.monotonic())

    def _say(self, status: int, value: Any) -> None:
        data = b"" if status == 204 else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("fly-request-id", token_hex(12))
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@dataclass
class Actions:
    """What each route does; returns a status and what is answered."""

    cloud: "Cloud"
    call: Call
    scope: str

    def apps(self) -> tuple[int, Any]:
        org = self.call.query.get("org_slug", [""])[0]
        if self.scope != "org":
            raise Problem(403, "unauthorized")
        if org != "personal":
            raise Problem(404, "organization not found")
        found = [{"name": app.name, "machine_count": len(app.machines)} for app in self.cloud.apps.values()]
        return 200, {"total_apps": len(found), "apps": found}

    def create_app(self) -> tuple[int, Any]:
        if self.scope != "org":
            raise Problem(403, "unauthorized")
        app = self.cloud.create_app(str(self.call.body["app_name"]), str(self.call.body["org_slug"]))
        return 201, {"id": app.name, "created_at": int(time.time() * 1000)}

    def app(self, name: str) -> tuple[int, Any]:
        app = self.cloud.app(name)
        organization = {"name": app.org, "slug": app.org}
        status = "deployed" if app.machines else "pending"
        return 200, {"id": name, "name": name, "status": status, "organization": organization}

    def delete_app(self, name: str) -> tuple[int, Any]:
        self.cloud.delete_app(self.cloud.app(name), force=self.call.query.get("force") == ["true"])
        return 202, {}

    def ips(self, name: str) -> tuple[int, Any]:
        return 200, {"ips": self.cloud.app(name).ips}

    def assign(self, name: str) -> tuple[int, Any]:
        return 200, self.cloud.assign(self.cloud.app(name), str(self.call.body.get("type")))

    def secrets(self, name: str) -> tuple[int, Any]:
        found = self.cloud.app(name).secrets
        return 200, {"secrets": [{"name": key, "digest": f"{hash(value):x}"} for key, value in found.items()]}

    def certificates(self, name: str) -> tuple[int, Any]:
        return 200, {"certificates": [{"hostname": each} for each in self.cloud.app(name).certificates]}

    def certify(self, name: str) -> tuple[int, Any]:
        hostname = str(self.call.body["hostname"])
        self.cloud.app(name).certificates.append(hostname)
        return 201, self._certificate(hostname)

    def check_certificate(self, name: str, hostname: str) -> tuple[int, Any]:
        if hostname not in self.cloud.app(name).certificates:
            raise Problem(404, f"certificate not found for {hostname}")
        return 200, self._certificate(hostname)

    def _certificate(self, hostname: str) -> JSON:
        configured = hostname in self.cloud.pointed
        status = "active" if configured else "pending_validation"
        return {"hostname": hostname, "configured": configured, "acme_requested": True, "status": status}

    def regions(self) -> tuple[int, Any]:
        from fly_cloud import REGIONS  # noqa: PLC0415 - it imports this module

        return 200, {"Regions": [{"code": each, "name": each} for each in REGIONS], "Nearest": "ams"}

    def logs(self, name: str) -> tuple[int, Any]:
        since = self.call.query.get("next_token", [""])[0]
        app = self.cloud.app(name)
        lines = sorted((at, vm.region, text) for vm in app.machines.values() for at, text in vm.log() if at > since)
        data = [{"attributes": {"timestamp": at, "region": region, "message": text}} for at, region, text in lines]
        return 200, {"data": data, "meta": {"next_token": lines[-1][0] if lines else since}}

    # Machines

    def machines(self, name: str) -> tuple[int, Any]:
        found = list(self.cloud.app(name).machines.values())
        for vm in found:
            vm.unlisted -= 1
        return 200, [vm.to_json() for vm in found if vm.unlisted < 0]

    def create(self, name: str) -> tuple[int, Any]:
        return 200, self.cloud.create(self.cloud.app(name), self.call.body).to_json()

    def machine(self, name: str, number: str) -> tuple[int, Any]:
        return 200, self._vm(name, number).to_json()

    def wait(self, name: str, number: str) -> tuple[int, Any]:
        vm, state = self._vm(name, number), self.call.query.get("state", ["started"])[0]
        timeout = float(self.call.query.get("timeout", ["60"])[0].removesuffix("s"))
        if not 1 <= timeout <= 60:
            raise Problem(400, "invalid_argument: invalid WaitMachineRequest.Timeout: must be inside range [1s, 1m0s]")
        deadline = time.monotonic() + timeout
        while vm.state != state:
            if time.monotonic() > deadline:
                told = f"machine failed to reach desired state, {state}, currently {vm.state}"
                raise Problem(408, f"deadline_exceeded: {told}")
            time.sleep(0.05)
        return 200, {"ok": True}

    def start(self, name: str, number: str) -> tuple[int, Any]:
        vm = self._free(name, number)
        if vm.state == "created":
            raise Problem(412, "failed_precondition: machine still active, refusing to start")
        before = vm.state
        vm.start()
        return 200, {"previous_state": before, "migrated": False, "new_host": ""}

    def stop(self, name: str, number: str) -> tuple[int, Any]:
        self._free(name, number).stop()
        return 200, {"ok": True}

    def cordon(self, name: str, number: str) -> tuple[int, Any]:
        self._free(name, number).cordoned = True
        return 200, {"ok": True}

    def uncordon(self, name: str, number: str) -> tuple[int, Any]:
        self._free(name, number).cordoned = False
        return 200, {"ok": True}

    def destroy(self, name: str, number: str) -> tuple[int, Any]:
        vm = self._free(name, number)
        self.cloud.destroy(self.cloud.app(name), vm, force=self.call.query.get("force") == ["true"])
        return 200, {"ok": True}

    def exec(self, name: str, number: str) -> tuple[int, Any]:
        vm = self._vm(name, number)
        if vm.state != "started":
            raise Problem(412, f"failed_precondition: machine not running, currently {vm.state}")
        if vm.held and (self.cloud.bars_commands or vm.held.nonce != self.call.nonce):
            raise self._barred(vm)
        body = self.call.body
        return 200, vm.run(list(body["command"]), str(body.get("stdin") or ""), int(body.get("timeout") or 60))

    def note(self, name: str, number: str, key: str) -> tuple[int, Any]:
        metadata = self._vm(name, number).config.setdefault("metadata", {})
        metadata[key] = str(self.call.body["value"])
        return 204, None

    def lease(self, name: str, number: str) -> tuple[int, Any]:
        vm = self._vm(name, number)
        if vm.held is None:
            raise Problem(404, f"lease not found for machine {number}")
        return 200, self._told(vm.held)

    def take_lease(self, name: str, number: str) -> tuple[int, Any]:
        vm, body = self._vm(name, number), self.call.body
        with self.cloud.lock:
            if vm.held and vm.held.nonce != self.call.nonce:
                raise self._barred(vm)
            until = time.time() + int(self.call.query.get("ttl", ["30"])[0])
            nonce = vm.held.nonce if vm.held else token_hex(6)
            vm.lease = Lease(nonce, str(body.get("description") or ""), OWNER, until)
            return 201, self._told(vm.lease)

    def release_lease(self, name: str, number: str) -> tuple[int, Any]:
        vm = self._vm(name, number)
        if vm.held and vm.held.nonce != self.call.nonce:
            raise self._barred(vm)
        vm.lease = None
        return 200, {"status": "success", "data": {"ok": True}}

    def _told(self, lease: Lease) -> JSON:
        data = {
            "nonce": lease.nonce,
            "expires_at": int(lease.until),
            "owner": lease.owner,
            "description": lease.description,
        }
        return {"status": "success", "data": data}

    def _vm(self, name: str, number: str) -> Vm:
        return self.cloud.machine(self.cloud.app(name), number)

    def _free(self, name: str, number: str) -> Vm:
        """Return a machine that nobody else has the lease of."""
        vm = self._vm(name, number)
        if vm.held and vm.held.nonce != self.call.nonce:
            raise self._barred(vm)
        return vm

    def _barred(self, vm: Vm) -> Problem:
        assert vm.held is not None
        until = datetime.fromtimestamp(vm.held.until, UTC)
        return Problem(
            409, f"machine ID {vm.id} lease currently held by {OWNER}, expires at {until:%Y-%m-%dT%H:%M:%SZ}"
        )


APP = r"/v1/apps/([^/]+)"
MACHINE = APP + r"/machines/([^/]+)"
ROUTES = (
    ("GET", r"/v1/apps", "apps", 0),
    ("POST", r"/v1/apps", "create_app", 0),
    ("GET", APP, "app", 0),
    ("DELETE", APP, "delete_app", 0),
    ("GET", APP + "/ip_assignments", "ips", 0),
    ("POST", APP + "/ip_assignments", "assign", 0),
    ("GET", APP + "/secrets", "secrets", 0),
    ("GET", APP + "/certificates", "certificates", 0),
    ("POST", APP + "/certificates/acme", "certify", 0),
    ("POST", APP + r"/certificates/([^/]+)/check", "check_certificate", 1),
    ("GET", r"/v1/platform/regions", "regions", 0),
    ("GET", r"/api/v1/apps/([^/]+)/logs", "logs", 0),
    ("GET", APP + "/machines", "machines", 0),
    ("POST", APP + "/machines", "create", 0),
    ("GET", MACHINE, "machine", 1),
    ("DELETE", MACHINE, "destroy", 1),
    ("GET", MACHINE + "/wait", "wait", 1),
    ("POST", MACHINE + "/start", "start", 1),
    ("POST", MACHINE + "/stop", "stop", 1),
    ("POST", MACHINE + "/cordon", "cordon", 1),
    ("POST", MACHINE + "/uncordon", "uncordon", 1),
    ("POST", MACHINE + "/exec", "exec", 1),
    ("POST", MACHINE + "/metadata/([^/]+)", "note", 1),
    ("GET", MACHINE + "/lease", "lease", 1),
    ("POST", MACHINE + "/lease", "take_lease", 1),
    ("DELETE", MACHINE + "/lease", "release_lease", 1),
)
"""Method, path, what is done, and which part of the path its rate is counted for."""


def api(cloud: "Cloud") -> type[Exchange]:
    """Return the handler of one Fly."""
    return type("FlyExchange", (Exchange,), {"cloud": cloud, "buckets": {}})
