"""Rehearsal: ask Cloud Run whether it would make a service with these options; nothing is made (``validateOnly``).

So a region, an account, a network or a quota that it does not accept is known before anything is baked or uploaded.
"""

from dataclasses import dataclass, replace
from typing import Final

from baked_publish.cloudrun.options import CloudRunOptions
from baked_publish.cloudrun.secret import NEWEST
from baked_publish.cloudrun.template import JSON, template
from baked_publish.deployment import Finding
from baked_publish.errors import NotFoundError, PreflightError, PublishError
from baked_publish.shapes import inner, items
from baked_publish.vendors.google_api import RefusedError
from baked_publish.vendors.google_run import Conflict, Run

SAMPLE: Final = "us-docker.pkg.dev/cloudrun/container/hello"
"""Google's own sample, which everybody may run: the image to come is not pushed yet."""
QUOTAS: Final = "https://console.cloud.google.com/iam-admin/quotas"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One publish, asked for and not made."""

    run: Run
    name: str
    given: CloudRunOptions

    def finding(self, service: JSON | None) -> Finding:
        """Tell what Cloud Run says of it; ``service`` is what is there under that name."""
        what = "options, as Cloud Run checks them"
        try:
            self._ask(service)
        except Conflict:  # somebody changes it just now; the options themselves were taken
            return Finding(ok=True, what=what)
        except (RefusedError, PreflightError, NotFoundError) as exc:
            more = f"; a quota can be raised at {QUOTAS}" if "quota" in str(exc).lower() else ""
            return Finding(ok=False, what=what, fix=f"{exc}{more}")
        except PublishError as exc:  # it has a bad moment, or a rule that only the real image can meet
            return Finding(ok=True, what=f"{what} (could not be asked: {exc})")
        return Finding(ok=True, what=what)

    def _ask(self, service: JSON | None) -> None:
        given = replace(self.given, secret=tuple((each, _versioned(said)) for each, said in self.given.secret))
        there = items(inner(service or {}, "template"), "containers")
        image = str(there[0].get("image") or SAMPLE) if there else SAMPLE
        body = dict(template(given, "", image, {}, {}))
        del body["revision"]
        if service is None:
            self.run.create(self.name, {"template": body}, check_only=True)
        else:
            self.run.update(self.name, {"template": body}, ["template"], check_only=True)


def _versioned(said: str) -> str:
    return said if ":" in said else f"{said}:{NEWEST}"
