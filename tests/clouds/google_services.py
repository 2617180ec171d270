"""Cloud Run's Admin API v2, as far as services and revisions go; what runs is real, see ``google_runtime``.

Every body is read and every answer written with the vendor's own types, which refuse what they do not know. Rules and
where they are from:

- create, patch, delete, ``updateMask``, ``validateOnly``, long-running operations: the API's reference,
  docs.cloud.google.com/run/docs/reference/rest/v2/projects.locations.services
- 409 ABORTED for an old etag: google.aip.dev/154
- 409 for a revision of a known name and another configuration: github.com/pulumi/pulumi-gcp/issues/350
- tags of three letters at least: github.com/PolicyEngine/policyengine-sim-api/issues/656; with the service's name 46 at
  most: github.com/PolicyEngine/policyengine-api/issues/3729
- a revision that may get visitors, the newest and the only one are not deleted:
  cloud.google.com/run/docs/managing/revisions
- ``invokerIamDisabled`` needs run.services.setIamPolicy: docs.cloud.google.com/run/docs/authenticating/public
- annotations of the platform's own namespaces are refused, annotations have 256 KiB at most: the type's own words

Guessed: the words of most errors; that traffic is sent elsewhere at the moment when the operation ends; that an etag
changes with every change, and once more when its operation ends.
"""

import json
import random
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.cloud import run_v2
from google.protobuf.json_format import ParseError
from google_front import Front
from google_identity import Identity
from google_runtime import Runtime, StartError

JSON = dict[str, Any]
LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
RESERVED = ("run.googleapis.com/", "cloud.googleapis.com/", "serving.knative.dev/", "autoscaling.knative.dev/")
CALLER = ("labels", "annotations", "ingress", "template", "traffic", "scaling", "invokerIamDisabled", "description")
"""Fields that a caller may set."""
NOBODY = (
    "One or more users named in the policy do not belong to a permitted customer, "
    "perhaps due to an organization policy."
)
"""As people quote it: openillumi.com, stackoverflow.com; its status is from memory."""
TYPES: Mapping[str, Any] = {"Service": run_v2.Service, "Revision": run_v2.Revision}


class Refusal(Exception):
    """What the API refuses."""

    def __init__(self, code: int, status: str, message: str) -> None:
        super().__init__(message)
        self.code, self.status, self.message = code, status, message

    def body(self) -> JSON:
        return {"error": {"code": self.code, "status": self.status, "message": self.message}}


def invalid(message: str) -> Refusal:
    return Refusal(400, "INVALID_ARGUMENT", message)


@dataclass
class Held:
    """A service: what its callers said, and what became of it."""

    name: str
    spec: JSON
    etag: str = ""
    generation: int = 0
    bindings: list[JSON] = field(default_factory=list)
    policy_etag: str = "BwX0"
    revisions: dict[str, JSON] = field(default_factory=dict)
    """By name, in the order they were made."""
    failed: dict[str, str] = field(default_factory=dict)
    ready: list[str] = field(default_factory=list)
    routes: list[JSON] = field(default_factory=list)
    """How the visitors are spread now: entries of a revision, percent and tag."""
    fronts: dict[str, Front] = field(default_factory=dict)
    """By tag; the service's own has none."""
    reconciling: bool = False

    @property
    def short(self) -> str:
        return self.name.rpartition("/")[2]

    @property
    def public(self) -> bool:
        told = any(each["role"] == "roles/run.invoker" and "allUsers" in each["members"] for each in self.bindings)
        return told or bool(self.spec.get("invokerIamDisabled"))


@dataclass
class Services:
    """All services, and the operations under way."""

    runtime: Runtime
    identity: Identity
    slow: float = 0.0
    """Seconds that an operation takes at least."""
    most_services: int = 1000
    refuses_switch: bool = False
    """Whether ``invokerIamDisabled`` is not for this project, as it was once by invitation only."""
    refuses_everybody: bool = False
    """Whether an organization's policy lets nobody in but its own people (iam.allowedPolicyMemberDomains)."""
    unroutable: bool = False
    """Whether traffic stays where it was though its operation says that it is done: a half-finished rollout."""
    held: dict[str, Held] = field(default_factory=dict)
    operations: dict[str, JSON] = field(default_factory=dict)
    guard: threading.RLock = field(default_factory=threading.RLock)
    threads: list[threading.Thread] = field(default_factory=list)

    def mend(self) -> None:
        """Let nothing go wrong any more."""
        self.slow, self.most_services = 0.0, 1000
        self.refuses_switch = self.refuses_everybody = self.unroutable = False

    # Services

    def get(self, name: str) -> JSON:
        return self.shown(self.find(name))

    def listed(self, parent: str) -> JSON:
        found = [self.shown(each) for each in self.held.values() if each.name.startswith(f"{parent}/")]
        return {"services": found}

    def create(self, parent: str, short: str, body: JSON, *, check_only: bool) -> JSON:
        name = f"{parent}/services/{short}"
        if not re.fullmatch(r"[a-z](?:[a-z0-9-]{0,47}[a-z0-9])?", short):
            raise invalid(
                "service_id: must begin with a letter, cannot end with hyphen, must have fewer than 50 characters"
            )
        if name in self.held:
            raise Refusal(409, "ALREADY_EXISTS", f"Resource '{short}' already exists.")
        if sum(each.startswith(f"{parent}/") for each in self.held) >= self.most_services:
            raise Refusal(
                429, "RESOURCE_EXHAUSTED", "Quota exceeded for total allowable number of services per region."
            )
        spec = {key: value for key, value in parsed("Service", body).items() if key in CALLER}
        made = Held(name, spec)
        self.check(made, spec)
        if check_only:
            return done(self.shown(made))
        self.held[name] = made
        self.open(made, "")
        return self.apply(made, new=True)

    def patch(self, name: str, body: JSON, mask: list[str], *, check_only: bool) -> JSON:
        held, said = self.find(name), parsed("Service", body)
        if said.get("etag") and said["etag"] != held.etag:
            raise Refusal(
                409, "ABORTED", f"Conflict for resource '{held.short}': version was specified but is not current."
            )
        if unknown := [each for each in mask if each.split(".")[0] not in CALLER]:
            raise invalid(f"update_mask: unknown field {unknown[0]!r}")
        fields = mask or [key for key in CALLER if key in said]
        spec = {**held.spec, **{key: said.get(key) for key in fields}}
        spec = {key: value for key, value in spec.items() if value not in (None, {}, [])}
        if spec.get("invokerIamDisabled") != held.spec.get("invokerIamDisabled"):
            self.require_switch()
        self.check(held, spec)
        if check_only:
            return done(self.shown(held))
        template = spec["template"]
        new = template != held.spec["template"]
        held.spec = spec
        return self.apply(held, new=new)

    def delete(self, name: str, etag: str) -> JSON:
        held = self.find(name)
        if etag and etag != held.etag:
            raise Refusal(409, "ABORTED", f"Conflict for resource '{held.short}': etag is not current.")
        del self.held[name]

        def remove() -> JSON:
            for front in held.fronts.values():
                front.close()
            for revision in held.revisions:
                self.runtime.stop(revision)
            return self.shown(held)

        return self.begin(name, remove)

    # Revisions

    def list_revisions(self, name: str) -> JSON:
        held = self.find(name)
        return {"revisions": [self.revision(held, each) for each in reversed(held.revisions)]}

    def get_revision(self, name: str, revision: str) -> JSON:
        held = self.find(name)
        if revision not in held.revisions:
            raise Refusal(404, "NOT_FOUND", f"Resource '{revision}' of kind 'REVISION' does not exist.")
        return self.revision(held, revision)

    def delete_revision(self, name: str, revision: str) -> JSON:
        shown, held = self.get_revision(name, revision), self.find(name)
        routed = {each.get("revision") for each in [*held.routes, *held.spec.get("traffic", [])]}
        if revision in routed or revision == list(held.revisions)[-1]:
            raise Refusal(
                400, "FAILED_PRECONDITION", f"Revision {revision!r} may receive traffic or is the latest one."
            )
        del held.revisions[revision]

        def remove() -> JSON:
            self.runtime.stop(revision)
            return shown

        return self.begin(name, remove, kind="Revision")

    # Policies

    def policy(self, name: str) -> JSON:
        held = self.find(name)
        return {"version": 1, "etag": held.policy_etag, "bindings": held.bindings}

    def set_policy(self, name: str, body: JSON) -> JSON:
        held, policy = self.find(name), body["policy"]
        if policy.get("etag") not in (None, "", held.policy_etag):
            raise Refusal(409, "ABORTED", "There were concurrent policy changes.")
        if self.refuses_everybody and any("allUsers" in each.get("members", []) for each in policy.get("bindings", [])):
            raise Refusal(400, "FAILED_PRECONDITION", NOBODY)
        held.bindings = [each for each in policy.get("bindings", []) if each.get("members")]
        held.policy_etag = "Bw" + secrets.token_hex(3)  # eight letters: base64, as bytes come in JSON
        return self.policy(name)

    # How it comes to be

    def check(self, held: Held, spec: JSON) -> None:
        """Refuse what the API refuses before anything is done."""
        template = spec.get("template") or {}
        for place in (spec, template):
            for key in [*place.get("annotations", {}), *place.get("labels", {})]:
                if key.startswith(RESERVED):
                    raise invalid(f"annotations: {key!r} is in a reserved namespace")
        if len(json.dumps(spec.get("annotations", {}))) > 256 << 10:
            raise invalid("metadata.annotations: Too long: must have at most 262144 bytes")
        self.check_template(held, template)
        self.check_traffic(held, spec)

    def check_template(self, held: Held, template: JSON) -> None:
        if len(template.get("containers", [])) != 1 or not template["containers"][0].get("image"):
            raise invalid("template.containers: exactly one with an image is needed here")
        revision, container = template.get("revision", ""), template["containers"][0]
        if revision and not (revision.startswith(f"{held.short}-") and len(revision) <= 63):
            raise invalid(f"template.revision: {revision!r} must begin with the service's name and a dash")
        if revision in held.revisions and held.revisions[revision] != template:
            raise Refusal(
                409, "ALREADY_EXISTS", f"Revision named '{revision}' with different configuration already exists."
            )
        if template.get("maxInstanceRequestConcurrency", 80) > 1000:
            raise invalid("template.max_instance_request_concurrency: must be between 1 and 1000")
        probe = container.get("startupProbe") or {}
        if probe and probe.get("timeoutSeconds", 1) >= probe.get("periodSeconds", 10):
            raise invalid("startup_probe.timeout_seconds: must be smaller than period_seconds")
        if probe and probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3) > 240:
            raise invalid("startup_probe: must not last longer than 240 seconds")

    def check_traffic(self, held: Held, spec: JSON) -> None:
        traffic = spec.get("traffic", [])
        known = {*held.revisions, spec["template"].get("revision", "")}
        if traffic and sum(int(each.get("percent", 0)) for each in traffic) != 100:
            raise invalid("traffic: percents must add up to 100")
        tags = [each["tag"] for each in traffic if each.get("tag")]
        if len(tags) != len(set(tags)):
            raise invalid("traffic: a tag may be used once")
        for each in traffic:
            tag, revision = each.get("tag", ""), each.get("revision", "")
            if revision and revision not in known:
                raise invalid(f"traffic: Revision {revision!r} not found")
            if tag and (not re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", tag) or len(tag) < 3):
                raise invalid(f"traffic tag {tag!r}: must have at least three characters")
            if len(tag) + len(held.short) > 46:
                raise invalid("Combined traffic tag and service name cannot exceed 46 characters.")

    def require_switch(self) -> None:
        if self.refuses_switch:
            raise invalid("invoker_iam_disabled: this feature is not available for this project")
        if "run.services.setIamPolicy" in self.identity.denied:
            raise Refusal(403, "PERMISSION_DENIED", "Permission 'run.services.setIamPolicy' denied on resource.")

    def apply(self, held: Held, *, new: bool) -> JSON:
        """Make what was told true, after the answer."""
        held.etag, held.reconciling = f'"{secrets.token_hex(6)}"', True
        held.generation += 1
        name = ""
        if new:
            name = held.spec["template"].get("revision") or f"{held.short}-{held.generation:05d}-{secrets.token_hex(2)}"
            made = datetime.now(UTC).isoformat().replace("+00:00", "Z")
            held.revisions[name] = held.spec["template"]
            held.spec.setdefault("made", {})[name] = made

        def work() -> JSON:
            if name:
                self.start(held, name)
            self.route(held)
            held.etag, held.reconciling = f'"{secrets.token_hex(6)}"', False
            if name in held.failed:
                raise Refusal(
                    9,
                    "FAILED_PRECONDITION",
                    f"Revision '{name}' is not ready and cannot serve traffic. {held.failed[name]}",
                )
            return self.shown(held)

        return self.begin(held.name, work)

    def start(self, held: Held, name: str) -> None:
        try:
            self.runtime.start(held.short, name, held.revisions[name])
            held.ready.append(name)
        except StartError as exc:
            held.failed[name] = str(exc)

    def route(self, held: Held) -> None:
        """Spread the visitors as was told, over what is ready; what nobody can reach any more is stopped."""
        routes = []
        for each in held.spec.get("traffic") or [{"type": LATEST, "percent": 100}]:
            revision = each.get("revision") or (held.ready[-1] if held.ready else "")
            if revision in held.ready and revision in held.revisions:
                routes.append({**each, "target": revision})
        if self.unroutable and held.routes:
            return
        for each in routes:
            if each["target"] not in self.runtime.ports:  # it had been stopped
                self.start(held, each["target"])
            if each.get("tag"):
                self.open(held, each["tag"])
        held.routes = routes
        for tag in [tag for tag in held.fronts if tag and tag not in {each.get("tag") for each in routes}]:
            held.fronts.pop(tag).close()
        reached = {each["target"] for each in routes}
        for name in held.revisions:
            if name not in reached and name in self.runtime.ports:
                self.runtime.stop(name)

    def open(self, held: Held, tag: str) -> None:
        if tag in held.fronts:
            return

        def pick() -> int | None:
            routes = [each for each in held.routes if (each.get("tag") == tag if tag else each.get("percent"))]
            weights = [1 if tag else int(each["percent"]) for each in routes]
            return self.runtime.ports.get(random.choices(routes, weights)[0]["target"]) if routes else None  # noqa: S311

        def allows(authorization: str) -> bool:
            return held.public or self.identity.invokes(authorization, held.fronts[""].url)

        held.fronts[tag] = Front(pick, allows)
        held.fronts[tag].open()

    # Operations

    def begin(self, name: str, work: Callable[[], Any], kind: str = "Service") -> JSON:
        operation = f"{name.rpartition('/services/')[0]}/operations/{secrets.token_hex(8)}"
        self.operations[operation] = {"name": operation, "done": False}

        def run() -> None:
            time.sleep(self.slow)
            try:
                response = {"@type": f"type.googleapis.com/google.cloud.run.v2.{kind}", **work()}
                self.operations[operation] = {"name": operation, "done": True, "response": response}
            except Refusal as exc:
                error = {"code": exc.code, "message": exc.message}
                self.operations[operation] = {"name": operation, "done": True, "error": error}
            except Exception as exc:  # noqa: BLE001 - a fault of the stand-in is told to who waits
                self.operations[operation] = {
                    "name": operation,
                    "done": True,
                    "error": {"code": 13, "message": repr(exc)},
                }

        thread = threading.Thread(target=run, daemon=True)
        self.threads.append(thread)
        thread.start()
        return {"name": operation, "done": False}

    def operation(self, name: str) -> JSON:
        if name not in self.operations:
            raise Refusal(404, "NOT_FOUND", f"operation {name!r} not found")
        return self.operations[name]

    # How it is shown

    def find(self, name: str) -> Held:
        if name not in self.held:
            raise Refusal(404, "NOT_FOUND", f"Resource '{name.rpartition('/')[2]}' of kind 'SERVICE' does not exist.")
        return self.held[name]

    def shown(self, held: Held) -> JSON:
        """Return a service as the API tells of it."""
        last = list(held.revisions)[-1] if held.revisions else ""
        bad = held.failed.get(last)
        state = "CONDITION_FAILED" if bad else "CONDITION_RECONCILING" if held.reconciling else "CONDITION_SUCCEEDED"
        value = {
            "name": held.name,
            "uid": "00000000-0000-4000-8000-000000000000",
            **{key: value for key, value in held.spec.items() if key != "made"},
            "etag": held.etag,
            "generation": str(held.generation),
            "uri": held.fronts[""].url if "" in held.fronts else "",
            "latestCreatedRevision": f"{held.name}/revisions/{last}" if last else "",
            "latestReadyRevision": f"{held.name}/revisions/{held.ready[-1]}" if held.ready else "",
            "trafficStatuses": [self.status(held, each) for each in held.routes],
            "terminalCondition": {"type": "Ready", "state": state, "message": bad or ""},
            "reconciling": held.reconciling,
        }
        return parsed("Service", value)

    @staticmethod
    def status(held: Held, route: JSON) -> JSON:
        told: JSON = {key: route[key] for key in route if key in {"type", "revision", "percent", "tag"}}
        front = held.fronts.get(route.get("tag", "-"))
        return {**told, "uri": front.url} if front else told

    def revision(self, held: Held, name: str) -> JSON:
        """Return a revision as the API tells of it."""
        template = held.revisions[name]
        state = "CONDITION_FAILED" if name in held.failed else "CONDITION_SUCCEEDED"
        if name not in held.failed and name not in held.ready:
            state = "CONDITION_RECONCILING"
        condition = {"type": "Ready", "state": state, "message": held.failed.get(name, "")}
        value = {
            **{key: value for key, value in template.items() if key not in {"revision", "healthCheckDisabled"}},
            "name": f"{held.name}/revisions/{name}",
            "service": held.short,
            "createTime": held.spec.get("made", {}).get(name),
            "conditions": [condition],
            "reconciling": state == "CONDITION_RECONCILING",
        }
        return parsed("Revision", value)


def done(value: JSON) -> JSON:
    response = {"@type": "type.googleapis.com/google.cloud.run.v2.Service", **value}
    return {"name": "operations/checked", "done": True, "response": response}


def parsed(kind: str, value: JSON) -> JSON:
    """Read a value with the vendor's type, which refuses unknown fields, and return it as that type writes it."""
    made = TYPES[kind]
    try:
        message = made.from_json(json.dumps(value), ignore_unknown_fields=False)
    except ParseError as exc:
        raise invalid(f"Invalid JSON payload received. {exc}") from exc
    said = made.to_json(message, use_integers_for_enums=False, always_print_fields_with_no_presence=False)
    shown: JSON = json.loads(said)
    return shown
