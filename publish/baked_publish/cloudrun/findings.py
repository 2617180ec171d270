"""Findings: whether credentials, project, APIs, permissions and quota do for a publish, and what to do if not."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from baked_publish.cloudrun.grants import granted
from baked_publish.cloudrun.secret import pinned
from baked_publish.deployment import Finding
from baked_publish.errors import NotFoundError, PreflightError, PublishError
from baked_publish.shapes import items
from baked_publish.suggest import nearest
from baked_publish.vendors.google_api import Api, StrangerError, endpoint
from baked_publish.vendors.google_run import Run

RUN, STORAGE = "run.googleapis.com", "artifactregistry.googleapis.com"
APIS: Final = (RUN, STORAGE)
MOST_SERVICES, MOST_TAGS, MOST_REVISIONS = 1000, 2000, 1000
"""A region's services and tags, a service's revisions: cloud.google.com/run/quotas. The first can be raised; beyond the
others the platform takes tags and revisions from what is oldest in a service."""
MORE: Final = (
    "remove services that nobody needs, publish with smaller --tags and --keep, take another region, or ask for more "
    "at https://console.cloud.google.com/iam-admin/quotas"
)
SPREADING: Final = 300.0
"""Seconds that an API may not work after it was enabled; "wait a few minutes", as its own message says."""
PAUSE: Final = 2.0
NO_REGION: Final = "Permission denied on 'locations/"
"""How Google refuses a region that is not there, or not for this project."""
SOMEWHERE: Final = "https://example.run.app"
"""Any audience, to see whether a token for one can be had."""
TO_CHANGE: Final = {
    **dict.fromkeys(
        (
            "run.services.get",
            "run.services.update",
            "run.services.setIamPolicy",
            "run.revisions.list",
            "run.operations.get",
            "run.routes.invoke",
        ),
        "roles/run.admin",
    ),
    "iam.serviceAccounts.actAs": "roles/iam.serviceAccountUser",
}
"""What sending the visitors elsewhere needs, and a predefined role that has it:
cloud.google.com/run/docs/reference/iam/roles."""
TO_STAGE: Final = {
    **dict.fromkeys(("run.services.create", "run.services.delete", "run.revisions.delete"), "roles/run.admin"),
    **dict.fromkeys(
        (
            "artifactregistry.repositories.get",
            "artifactregistry.repositories.uploadArtifacts",
            "artifactregistry.repositories.downloadArtifacts",
            "artifactregistry.versions.delete",
            "artifactregistry.packages.delete",
        ),
        "roles/artifactregistry.repoAdmin",
    ),
}
"""What a publish needs beyond it."""
TO_CREATE: Final = dict.fromkeys(
    ("artifactregistry.repositories.create", "artifactregistry.repositories.update"), "roles/artifactregistry.admin"
)
TO_ENABLE: Final = {"serviceusage.services.enable": "roles/serviceusage.serviceUsageAdmin"}
TO_READ: Final = {"secretmanager.versions.get": "roles/secretmanager.viewer"}


Elsewhere = Callable[[Collection[str]], set[str]]


def needed(*, made: bool, enabled: bool, secrets: bool) -> dict[str, str]:
    """Return the permissions that a publish needs, where the repository is made already and the APIs are enabled."""
    extra = [*([] if made else [TO_CREATE]), *([] if enabled else [TO_ENABLE]), *([TO_READ] if secrets else [])]
    return {**TO_CHANGE, **TO_STAGE, **{name: role for each in extra for name, role in each.items()}}


@dataclass(frozen=True, slots=True)
class Survey:
    """Looks at one project, before anything is baked."""

    api: Api
    project: str

    def login(self) -> Finding:
        """Look whether the credentials still give a token."""
        what = f"credentials: {self.api.login.source}"
        try:
            self.api.login.token()
        except PreflightError as exc:
            return Finding(ok=False, what=what, fix=str(exc))
        return Finding(ok=True, what=what)

    def disabled(self) -> list[str]:
        """Return the APIs that the project has not enabled; raise PreflightError if nobody says."""
        return [name for name in APIS if not self._enabled(name)]

    def apis(self) -> tuple[list[str], list[Finding]]:
        """Return the APIs that publishing has to enable, and what is to be told of it.

        Who has no right to look takes them for enabled: one that is not says so itself.
        """
        try:
            disabled = self.disabled()
        except PublishError as exc:
            return [], [Finding(ok=True, what=f"APIs of project {self.project!r} (could not be looked up: {exc})")]
        what = f"APIs to enable, which publishing does: {', '.join(disabled)}"
        return disabled, [Finding(ok=True, what=what if disabled else f"APIs are enabled: {', '.join(APIS)}")]

    def identity(self) -> Finding:
        """Tell whether a first publish, which nobody may visit yet, can be asked by us."""
        what = "identity token, for the check of a first publish"
        try:
            self.api.login.identity(SOMEWHERE)
        except PreflightError as exc:
            return Finding(ok=False, what=what, fix=str(exc))
        return Finding(ok=True, what=what)

    def enable(self, name: str, works: Callable[[], object]) -> None:
        """Enable an API, and wait until it works: it may say for a while that it is disabled."""
        base = endpoint("serviceusage") + "/v1"
        self.api.settle(base, self.api.call("POST", f"{base}/projects/{self.project}/services/{name}:enable", {}))
        deadline = time.monotonic() + SPREADING
        while True:
            try:
                works()
            except PreflightError as exc:
                if "it is disabled" not in str(exc) or time.monotonic() > deadline:
                    raise
            else:
                return
            time.sleep(PAUSE)

    def permissions(self, needed: Mapping[str, str], elsewhere: Elsewhere) -> Iterator[Finding]:
        """Yield a finding for each permission that is missing, or one that all are there.

        ``elsewhere`` tells which of those that the project does not give are given for one thing alone.
        """
        url = f"{endpoint('cloudresourcemanager')}/v1/projects/{self.project}"
        what = f"permissions in project {self.project!r}"
        try:
            given = granted(self.api, url, needed)
        except NotFoundError as exc:
            fix = f"{exc}: check --project, or who is logged in ({self.api.login.source})"
            yield Finding(ok=False, what=f"project {self.project!r}", fix=fix)
            return
        except StrangerError as exc:
            yield Finding(ok=False, what=f"credentials: {self.api.login.source}", fix=str(exc))
            return
        except PublishError as exc:
            yield self._unseen(what, exc)
            return
        lacking = sorted(set(needed) - given)
        if lacking:
            lacking = sorted(set(lacking) - elsewhere(lacking))
        if not lacking:
            yield Finding(ok=True, what=what)
        for role in dict.fromkeys(needed[each] for each in lacking):
            missing = [each for each in lacking if needed[each] == role]
            kind = "permission" if len(missing) == 1 else "permissions"
            yield Finding(ok=False, what=f"{kind} {', '.join(missing)}", fix=self._grant(role))

    def _unseen(self, what: str, exc: PublishError) -> Finding:
        """Tell of a project whose permissions nobody tells: the API that would may be disabled, or it is not ours."""
        if not isinstance(exc, PreflightError) or "it is disabled" in str(exc):  # what is missing shows later
            return Finding(ok=True, what=f"{what} (could not be looked up: {exc})")
        fix = f"there is none, or {self.api.login.source} may not see it: check --project, or log in as somebody else"
        return Finding(ok=False, what=f"project {self.project!r}", fix=f"{fix} ({exc})")

    def region(self, region: str, exc: PreflightError) -> Finding:
        """Tell of a region that Cloud Run refuses, with those that it has; raise what else it refuses."""
        if NO_REGION not in str(exc):
            raise exc
        url = f"{endpoint('run')}/v1/projects/{self.project}/locations"
        try:
            known = sorted(str(each.get("locationId")) for each in items(self.api.call("GET", url), "locations"))
        except PublishError:
            return Finding(ok=False, what=f"region {region!r}", fix=f"{exc}: check --region")
        there = f"there are: {', '.join(known)}"
        fix = f"Cloud Run has none of this name for the project{nearest(region, known)}; {there}"
        return Finding(ok=False, what=f"region {region!r}", fix=fix)

    def secrets(self, wanted: Sequence[tuple[str, str]]) -> Finding | None:
        """Tell whether the secrets that the service is to have are there; None if it is to have none."""
        if not wanted:
            return None
        what = f"secrets: {', '.join(said for _, said in wanted)}"
        try:
            pinned(self.api, self.project, wanted)
        except PreflightError as exc:
            return Finding(ok=False, what=what, fix=str(exc))
        return Finding(ok=True, what=what)

    def room(self, run: Run, name: str) -> Finding:
        """Tell how many services, tags and revisions there are, of how many."""
        try:
            services = run.services()
            there = any(str(each.get("name")).endswith(f"/{name}") for each in services)
            revisions = len(run.revisions(name)) if there else 0
        except PublishError as exc:
            return Finding(ok=True, what=f"quotas (could not be looked up: {exc})")
        tags = sum(1 for each in services for share in items(each, "traffic") if share.get("tag"))
        what = (
            f"quotas: {len(services)} of {MOST_SERVICES} services and {tags} of {MOST_TAGS} tags in this region, "
            f"{revisions} of {MOST_REVISIONS} revisions of {name!r}"
        )
        ok = (there or len(services) < MOST_SERVICES) and tags < MOST_TAGS and revisions < MOST_REVISIONS
        return Finding(ok=ok, what=what, fix="" if ok else MORE)

    def _enabled(self, name: str) -> bool:
        url = f"{endpoint('serviceusage')}/v1/projects/{self.project}/services/{name}"
        return bool(self.api.call("GET", url).get("state") == "ENABLED")

    def _grant(self, role: str) -> str:
        email: Any = self.api.login.email
        kind = "serviceAccount" if str(email).endswith("gserviceaccount.com") else "user"
        member = f"{kind}:{email}" if email else "MEMBER"
        return f"gcloud projects add-iam-policy-binding {self.project} --member={member} --role={role}"
