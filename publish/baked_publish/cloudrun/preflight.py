"""The preflight: what is looked at once the login is good: before any change, before a bake, and by ``doctor``."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from baked_publish.cloudrun.findings import TO_CHANGE, Survey, needed
from baked_publish.cloudrun.grants import Grants, account
from baked_publish.cloudrun.options import CloudRunOptions
from baked_publish.cloudrun.rehearsal import Rehearsal
from baked_publish.cloudrun.service import JSON, Service
from baked_publish.cloudrun.storage import Storage
from baked_publish.deployment import Finding
from baked_publish.errors import PreflightError, PublishError
from baked_publish.shapes import inner
from baked_publish.vendors.google_api import endpoint


@dataclass(frozen=True)
class Preflight:
    """Looks at what a change of one service needs."""

    survey: Survey
    service: Service
    storage: Storage
    given: CloudRunOptions

    def findings(self) -> Iterator[Finding]:
        """Yield whether we may change what visitors get: all that a promotion and a rollback need."""
        yield from self.survey.permissions(TO_CHANGE, self._given_elsewhere)

    def rehearsal(self) -> Iterator[Finding]:
        """Yield what a publish with these options needs; Cloud Run itself is asked last, if it can answer at all."""
        disabled, told = self._apis
        yield from told
        missing = self._permissions
        yield from missing
        if disabled or not all(each.ok for each in missing):
            return
        if (secrets := self.survey.secrets(self.given.secret)) is not None:
            yield secrets
            if not secrets.ok:
                return
        try:
            service = self._service
        except PreflightError as exc:
            yield self.survey.region(self.given.region or "", exc)
            return
        yield Rehearsal(self.service.run, self.service.name, self.given).finding(service)
        if service is None:
            yield self.survey.identity()

    def quotas(self) -> Iterator[Finding]:
        """Yield how much of the region's quotas is used, where that can be asked."""
        if self._apis[0] or not all(each.ok for each in self._permissions):
            return
        yield self.survey.room(self.service.run, self.service.name)

    @cached_property
    def _apis(self) -> tuple[list[str], list[Finding]]:
        return self.survey.apis()

    @cached_property
    def _permissions(self) -> list[Finding]:
        enabled = not self._apis[0]
        made = enabled and self._exists()
        wanted = needed(made=made, enabled=enabled, secrets=bool(self.given.secret))
        return list(self.survey.permissions(wanted, self._given_elsewhere))

    def _given_elsewhere(self, wanted: Collection[str]) -> set[str]:
        """Tell which permissions are given for the repository, the account that serves, or the secrets alone."""
        api, project = self.survey.api, self.survey.project
        serves = str(inner(self._service or {}, "template").get("serviceAccount") or "")
        secrets = (said.partition(":")[0] for _, said in self.given.secret)
        things = {
            "artifactregistry.": [self.storage.url],
            "iam.serviceAccounts.": account(api, project, self.given.service_account or serves),
            "secretmanager.": [f"{endpoint('secretmanager')}/v1/projects/{project}/secrets/{each}" for each in secrets],
        }
        return Grants(api, things).of(wanted)

    @cached_property
    def _service(self) -> JSON | None:
        return self.service.run.service(self.service.name)

    def _exists(self) -> bool:
        try:
            return self.storage.exists()
        except PublishError:
            return True  # whoever may not look is told so by the permissions
