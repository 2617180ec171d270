"""Google Cloud's stand-in: Cloud Run, Artifact Registry and the APIs beside them, on one port of this machine.

It really runs what it is given: images come from a real registry and run in a real engine. Which rules it enforces, and
where they are from, is said in ``google_services``, ``google_runtime``, ``google_identity`` and ``google_storage``.
"""

import json
import re
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from faulty_registry import FaultyRegistry, in_front_of, listening
from google_identity import EMAIL, LIFETIME, PROJECT, Identity
from google_runtime import Runtime
from google_services import JSON, Refusal, Services
from google_storage import Storage
from ground import Ground

REGIONS = ("asia-northeast1", "europe-west1", "europe-west2", "europe-west3", "us-central1", "us-east1", "us-west1")
"""Some of them. How another is refused is from github.com/Liscor/terraform_cloud_run_sgtm/issues/9."""
APIS = (
    *("RUN", "ARTIFACTREGISTRY", "SERVICEUSAGE", "CLOUDRESOURCEMANAGER", "LOGGING", "SECRETMANAGER", "IAM"),
    "IAMCREDENTIALS",
)
NUMBER = "123456789012"
SERVING = f"{NUMBER}-compute@developer.gserviceaccount.com"
"""The account that services run as if nobody names one: cloud.google.com/run/docs/configuring/service-identity."""
SERVICE = r"(?P<name>projects/[^/]+/locations/[^/]+/services/[^/:]+)"
PARENT = r"(?P<parent>projects/[^/]+/locations/[^/]+)"
Answer = Callable[["Asked"], JSON]


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    query: Mapping[str, str]
    body: JSON
    named: Mapping[str, str] = field(default_factory=dict)

    @property
    def check_only(self) -> bool:
        return self.query.get("validateOnly") == "true"


@dataclass
class Fault:
    """What goes wrong, how often, and with which request."""

    method: str
    path: str
    refusal: Refusal
    times: int


@dataclass
class Cloud:
    """Everything of the stand-in that a test looks at or spoils."""

    services: Services
    storage: Storage
    runtime: Runtime
    identity: Identity
    registry: FaultyRegistry
    url: str = ""
    disabled: set[str] = field(default_factory=set)
    """APIs that the project has not enabled."""
    unsearched: int = 0
    """Pages of a log that hold nothing though it goes on."""
    spreads: int = 2
    """Requests to an API that is enabled just now which are refused as if it were not."""
    spreading: dict[str, int] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    domains: dict[str, JSON] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    guard: threading.RLock = field(default_factory=threading.RLock)

    def breaks(self, method: str, path: str, code: int, status: str, *, times: int = 1) -> None:
        """Let the next ``times`` requests of ``method`` to a path that holds the pattern be refused."""
        self.faults.append(Fault(method, path, Refusal(code, status, f"the stand-in was told to answer {code}"), times))

    def answer(self, asked: Asked, authorization: str) -> tuple[int, JSON]:
        """Answer one request."""
        with self.guard:
            self.asked.append(asked)
            try:
                self.meet(asked)
                if asked.path == "/token":
                    return self.identity.give(asked.body["assertion"])
                return 200, self.route(asked, authorization)
            except Refusal as exc:
                return exc.code, exc.body()

    def meet(self, asked: Asked) -> None:
        for fault in self.faults:
            if fault.times and fault.method == asked.method and re.search(fault.path, asked.path):
                fault.times -= 1
                raise fault.refusal

    def route(self, asked: Asked, authorization: str) -> JSON:
        """Find what a request asks for, and whether whoever asks may."""
        if not self.identity.knows(authorization):
            raise Refusal(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        for method, pattern, api, permission, act in ROUTES:
            found = re.fullmatch(pattern, asked.path)
            if method != asked.method or found is None:
                continue
            if api in self.disabled or self.spreading.get(api):
                self.spreading[api] = max(0, self.spreading.get(api, 0) - 1)
                message = (
                    f"{api} has not been used in project {PROJECT} before or it is disabled. Enable it, then retry."
                )
                raise Refusal(403, "PERMISSION_DENIED", message)
            region = re.search("/locations/([^/]+)", asked.path)
            if region and region[1] not in REGIONS:
                message = f"Permission denied on 'locations/{region[1]}' (or it may not exist)."
                raise Refusal(403, "PERMISSION_DENIED", message)
            if permission in self.identity.denied:
                raise Refusal(
                    403, "PERMISSION_DENIED", f"Permission '{permission}' denied on resource (or it may not exist)."
                )
            return act(self, Asked(asked.method, asked.path, asked.query, asked.body, found.groupdict()))
        raise Refusal(404, "NOT_FOUND", f"the stand-in knows no {asked.method} {asked.path}")

    def usage(self, asked: Asked) -> JSON:
        """Tell whether an API is enabled, or enable it."""
        api = asked.named["api"]
        if asked.method == "POST":
            self.disabled.discard(api)
            self.spreading[api] = self.spreads
            return {"name": "operations/enable", "done": True, "response": {}}
        return {"name": api, "state": "DISABLED" if api in self.disabled else "ENABLED"}

    def permissions(self, asked: Asked) -> JSON:
        if asked.named["project"] != PROJECT:
            raise Refusal(403, "PERMISSION_DENIED", "The caller does not have permission")
        lacking = self.identity.denied | self.identity.given_elsewhere
        return {"permissions": [each for each in asked.body["permissions"] if each not in lacking]}

    def permissions_for(self, asked: Asked) -> JSON:
        """Tell what one may do with a repository, an account or a secret."""
        if "repository" in asked.named:
            self.storage.get(asked.named["parent"], asked.named["repository"])
        if asked.named.get("account", SERVING) not in {SERVING, EMAIL}:
            raise Refusal(404, "NOT_FOUND", f"Unknown service account: {asked.named['account']}")
        return {"permissions": [each for each in asked.body["permissions"] if each not in self.identity.denied]}

    def project(self, asked: Asked) -> JSON:
        return {"projectId": asked.named["project"], "projectNumber": NUMBER}

    def entries(self, asked: Asked) -> JSON:
        """Return log lines; of the filter only the service and the time are understood."""
        if self.unsearched:  # an empty page and where to go on: logging/docs/reference/v2/rest/v2/entries/list
            self.unsearched -= 1
            return {"nextPageToken": f"after {self.unsearched}"}
        service = re.search(r'service_name="([^"]+)"', asked.body["filter"])
        since = re.search(r'timestamp>="([^"]+)"', asked.body["filter"])
        found = []
        for held in self.services.held.values():
            for revision in held.revisions if service and held.short == service[1] else ():
                labels = {"service_name": held.short, "revision_name": revision}
                found += [
                    {
                        "timestamp": when,
                        "insertId": f"{revision}{when}",
                        "textPayload": line,
                        "resource": {"labels": labels},
                    }
                    for when, line in self.runtime.log(revision)
                    if not since or when >= since[1]
                ]
        found.sort(key=lambda each: str(each["timestamp"]), reverse="desc" in asked.body["orderBy"])
        return {"entries": found}

    def secret(self, asked: Asked) -> JSON:
        versions = self.runtime.secrets.get(asked.named["secret"], [])
        if not versions:
            raise Refusal(404, "NOT_FOUND", f"Secret [{asked.named['secret']}] not found or has no versions.")
        number = len(versions) if asked.named["version"] == "latest" else int(asked.named["version"])
        return {"name": f"projects/1/secrets/{asked.named['secret']}/versions/{number}", "state": "ENABLED"}

    def domain(self, asked: Asked) -> JSON:
        if asked.method == "POST":
            name = asked.body["metadata"]["name"]
            record = {"name": name.partition(".")[0], "type": "CNAME", "rrdata": "ghs.googlehosted.com."}
            self.domains[name] = {**asked.body, "status": {"resourceRecords": [record]}}
            return self.domains[name]
        if asked.named["domain"] not in self.domains:
            raise Refusal(
                404, "NOT_FOUND", f"Resource '{asked.named['domain']}' of kind 'DOMAIN_MAPPING' does not exist."
            )
        return self.domains[asked.named["domain"]]

    def identity_token(self, asked: Asked) -> JSON:
        return {"token": self.identity.identity(asked.body["audience"])}

    def mend(self) -> None:
        """Remove every service, and let nothing go wrong any more."""
        self.faults.clear()
        self.asked.clear()
        self.disabled.clear()
        self.spreading.clear()
        self.domains.clear()
        self.storage.repositories.clear()
        self.registry.reset()
        self.runtime.secrets.clear()
        self.runtime.instead, self.runtime.hasty = str, False
        self.identity.denied.clear()
        self.identity.given_elsewhere.clear()
        self.identity.revoked, self.identity.lifetime = False, LIFETIME
        self.services.mend()
        self.close()
        self.services.held.clear()

    def close(self) -> None:
        """End all that runs, and wait for what is about to: a publish that was killed leaves its operations behind."""
        for thread in self.services.threads:
            thread.join(30)
        self.services.threads.clear()
        for held in list(self.services.held.values()):
            for front in held.fronts.values():
                front.close()
        self.runtime.close()


RUN, STORED = "run.googleapis.com", "artifactregistry.googleapis.com"
REPOSITORIES = rf"/v1/{PARENT}/repositories"
PACKAGE = rf"{REPOSITORIES}/(?P<repository>[^/]+)/packages/(?P<package>[^/]+)"
ROUTES: list[tuple[str, str, str, str, Callable[[Cloud, Asked], JSON]]] = [
    ("GET", f"/v2/{SERVICE}", RUN, "run.services.get", lambda c, a: c.services.get(a.named["name"])),
    ("GET", f"/v2/{PARENT}/services", RUN, "run.services.list", lambda c, a: c.services.listed(a.named["parent"])),
    (
        "POST",
        f"/v2/{PARENT}/services",
        RUN,
        "run.services.create",
        lambda c, a: c.services.create(a.named["parent"], a.query["serviceId"], a.body, check_only=a.check_only),
    ),
    (
        "PATCH",
        f"/v2/{SERVICE}",
        RUN,
        "run.services.update",
        lambda c, a: c.services.patch(
            a.named["name"],
            a.body,
            list(filter(None, a.query.get("updateMask", "").split(","))),
            check_only=a.check_only,
        ),
    ),
    (
        "DELETE",
        f"/v2/{SERVICE}",
        RUN,
        "run.services.delete",
        lambda c, a: c.services.delete(a.named["name"], a.query.get("etag", "")),
    ),
    (
        "GET",
        f"/v2/{SERVICE}/revisions",
        RUN,
        "run.revisions.list",
        lambda c, a: c.services.list_revisions(a.named["name"]),
    ),
    (
        "GET",
        f"/v2/{SERVICE}/revisions/(?P<revision>[^/]+)",
        RUN,
        "run.revisions.get",
        lambda c, a: c.services.get_revision(a.named["name"], a.named["revision"]),
    ),
    (
        "DELETE",
        f"/v2/{SERVICE}/revisions/(?P<revision>[^/]+)",
        RUN,
        "run.revisions.delete",
        lambda c, a: c.services.delete_revision(a.named["name"], a.named["revision"]),
    ),
    (
        "GET",
        f"/v2/{SERVICE}:getIamPolicy",
        RUN,
        "run.services.getIamPolicy",
        lambda c, a: c.services.policy(a.named["name"]),
    ),
    (
        "POST",
        f"/v2/{SERVICE}:setIamPolicy",
        RUN,
        "run.services.setIamPolicy",
        lambda c, a: c.services.set_policy(a.named["name"], a.body),
    ),
    (
        "GET",
        r"/v2/(?P<name>projects/[^/]+/locations/[^/]+/operations/[^/]+)",
        RUN,
        "run.operations.get",
        lambda c, a: c.services.operation(a.named["name"]),
    ),
    (
        "POST",
        r"/apis/domains.cloudrun.com/v1/namespaces/[^/]+/domainmappings",
        RUN,
        "run.domainmappings.create",
        Cloud.domain,
    ),
    (
        "GET",
        r"/apis/domains.cloudrun.com/v1/namespaces/[^/]+/domainmappings/(?P<domain>[^/]+)",
        RUN,
        "run.domainmappings.get",
        Cloud.domain,
    ),
    (
        "GET",
        rf"{REPOSITORIES}/(?P<repository>[^/]+)",
        STORED,
        "artifactregistry.repositories.get",
        lambda c, a: c.storage.get(a.named["parent"], a.named["repository"]),
    ),
    (
        "POST",
        REPOSITORIES,
        STORED,
        "artifactregistry.repositories.create",
        lambda c, a: c.storage.create(a.named["parent"], a.query["repositoryId"], a.body),
    ),
    (
        "PATCH",
        rf"{REPOSITORIES}/(?P<repository>[^/]+)",
        STORED,
        "artifactregistry.repositories.update",
        lambda c, a: c.storage.patch(a.named["parent"], a.named["repository"], a.body, a.query.get("updateMask", "")),
    ),
    ("DELETE", PACKAGE, STORED, "artifactregistry.packages.delete", lambda c, a: c.storage.delete_package(a.named)),
    (
        "DELETE",
        rf"{PACKAGE}/versions/(?P<version>[^/]+)",
        STORED,
        "artifactregistry.versions.delete",
        lambda c, a: c.storage.delete_version(a.named),
    ),
    ("GET", r"/v1/projects/[^/]+/services/(?P<api>[^/:]+)", "", "serviceusage.services.get", Cloud.usage),
    ("POST", r"/v1/projects/[^/]+/services/(?P<api>[^/:]+):enable", "", "serviceusage.services.enable", Cloud.usage),
    ("POST", r"/v1/projects/(?P<project>[^/:]+):testIamPermissions", "", "", Cloud.permissions),
    ("GET", r"/v1/projects/(?P<project>[^/:]+)", "", "resourcemanager.projects.get", Cloud.project),
    ("POST", rf"{REPOSITORIES}/(?P<repository>[^/:]+):testIamPermissions", STORED, "", Cloud.permissions_for),
    ("POST", r"/v1/projects/-/serviceAccounts/(?P<account>[^/:]+):testIamPermissions", "", "", Cloud.permissions_for),
    ("POST", r"/v1/projects/[^/]+/secrets/[^/:]+:testIamPermissions", "", "", Cloud.permissions_for),
    (
        "GET",
        r"/v1/projects/[^/]+/locations",
        RUN,
        "run.locations.list",
        lambda _c, _a: {"locations": [{"locationId": each} for each in REGIONS]},
    ),
    ("POST", r"/v2/entries:list", "", "logging.logEntries.list", Cloud.entries),
    (
        "GET",
        r"/v1/projects/[^/]+/secrets/(?P<secret>[^/]+)/versions/(?P<version>[^/]+)",
        "",
        "secretmanager.versions.get",
        Cloud.secret,
    ),
    ("POST", r"/v1/projects/-/serviceAccounts/[^/]+:generateIdToken", "", "", Cloud.identity_token),
]


class Desk(BaseHTTPRequestHandler):
    """One request to an API."""

    protocol_version = "HTTP/1.1"
    cloud: ClassVar[Cloud]

    def _any(self) -> None:
        parts, data = urlsplit(self.path), self.rfile.read(int(self.headers.get("content-length") or 0))
        query = dict(parse_qsl(parts.query))
        if parts.path == "/v2/token":
            status, body = self.cloud.storage.give(self.headers.get("authorization", ""), parse_qsl(parts.query))
        else:
            form = "json" not in self.headers.get("content-type", "json")
            told = dict(parse_qsl(data.decode())) if form else json.loads(data or b"{}")
            asked = Asked(self.command, parts.path, query, told)
            status, body = self.cloud.answer(asked, self.headers.get("authorization", ""))
        said = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815 - the base class's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def cloud(ground: Ground) -> Generator[Cloud, None, None]:
    """Run the stand-in until the end."""
    identity, held = Identity(), dict[str, list[str]]()
    with in_front_of(ground.registry.host) as registry:
        runtime = Runtime(ground, registry.host, held)
        storage = Storage(ground.registry, identity)
        made = Cloud(Services(runtime, identity), storage, runtime, identity, registry)
        with listening(type("GoogleDesk", (Desk,), {"cloud": made})) as host:
            made.url = storage.url = f"http://{host}"
            registry.gate = storage.gate
            identity.write_key(ground.folder / "google-key.json", f"{made.url}/token")
            try:
                yield made
            finally:
                made.close()


def environment(made: Cloud, ground: Ground) -> dict[str, str]:
    """Return the environment in which ``publish`` finds the stand-in."""
    found = {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{each}": made.url for each in APIS}
    key = str(ground.folder / "google-key.json")
    return {**found, "GOOGLE_APPLICATION_CREDENTIALS": key, "BAKED_CLOUDRUN_REGISTRY": made.registry.host}


@contextmanager
def standing(ground: Ground) -> Generator[Mapping[str, str], None, None]:
    """Run the stand-in for ``make clouds``."""
    with cloud(ground) as made:
        yield environment(made, ground)
