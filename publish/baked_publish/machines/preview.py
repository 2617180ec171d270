"""The preview: a second app, ``NAME-preview``, in which a person looks at what is not live yet.

Fly's load balancer cannot share one name by address, and a machine outside of it has no URL: so what is staged is shown
by a machine of the same image in an app of its own. There is one such app a name, and it shows the newest preview.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from baked_publish.errors import NotFoundError, PreflightError, PublishError, TargetError
from baked_publish.machines.address import open_app
from baked_publish.machines.fleet import Group
from baked_publish.machines.launch import Launch
from baked_publish.machines.record import KEPT, STANDING
from baked_publish.machines.store import Store
from baked_publish.report import Report
from baked_publish.vendors.fly import Fly

SUFFIX: Final = "-preview"


@dataclass(frozen=True, slots=True)
class Preview:
    """How a group of machines is shown to whoever has the URL."""

    launch: Launch
    store: Callable[[str], Store]
    """Opens the images of an app."""
    org: str
    settle: float
    report: Report

    @property
    def app(self) -> str:
        """The app that shows it."""
        return self.launch.app + SUFFIX

    @property
    def fly(self) -> Fly:
        """The API."""
        return self.launch.fly

    def show(self, group: Group) -> None:
        """Bring the preview up, and let the machines of the app itself rest until it is promoted."""
        try:
            open_app(self.fly, self.app, self.org)
        except PreflightError as exc:
            raise PreflightError(
                f"a preview needs an app of its own: make it once, with `fly apps create {self.app} --org {self.org}`, "
                f"and publish with a token for both ({exc})"
            ) from exc
        record, beside = group.record, replace(self.launch, app=self.app, leases=None)
        there = beside.fleet()
        if there.strangers:
            raise TargetError(
                f"a preview is shown by the app {self.app!r}, and {', '.join(there.strangers)} there is not ours: its "
                "visitors would get the preview. Rename that app, or publish under another name with --app"
            )
        self.store(self.app).copy(record.image, self.store(self.launch.app), record.revision)
        before = there.groups
        one = replace(record, options={**record.options, "region": record.options["region"][:1], "machines": 1})
        for each in beside.make(one, group.leader.private).machines:
            self.fly.uncordon(self.app, each.id)
        for old in before:
            beside.remove(old)
        time.sleep(self.settle)
        self.fly.note(self.launch.app, group.leader.id, STANDING, KEPT)
        for each in group.machines:
            if each.running:
                self.fly.stop(self.launch.app, each.id)

    def close(self, revision: str | None = None) -> None:
        """Remove the app that shows ``revision``, or whatever it shows; nothing happens if there is none."""
        try:
            fleet = replace(self.launch, app=self.app, leases=None).fleet()
            shown = {each.record.revision for each in fleet.groups}
            if shown and not fleet.strangers and (revision is None or revision in shown):
                self.fly.delete_app(self.app)
        except NotFoundError:
            pass
        except PreflightError as exc:  # whoever may not look at it has not made it
            self.report.detail(f"the app {self.app!r} is left alone: {exc}")
        except PublishError as exc:
            self.report.warning(f"the preview's app {self.app!r} stays: {exc}")
