"""The address: where visitors find an app, whether it answers there, and names of its owner's own."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from baked_publish.deployment import Change
from baked_publish.errors import NotFoundError, PublishError, TargetError
from baked_publish.report import Report
from baked_publish.vendors.fly import Fly

if TYPE_CHECKING:
    import httpx

URL: Final = "https://{app}.fly.dev"
PATIENCE: Final = 10.0
"""Seconds that one question may take; the first one starts a machine that was stopped."""
PRIVATE: Final = "fdaa:"
"""How addresses begin that lead to an app from within its organization alone."""
KINDS: Final = ("v6", "shared_v4")
"""What an app needs to be found, both for nothing."""


def open_app(fly: Fly, app: str, org: str) -> bool:
    """Make an app if there is none, and give it the addresses that it lacks; return whether it was made."""
    made = False
    try:
        fly.app(app)
    except NotFoundError:
        made = True
        try:
            fly.create_app(app, org)
        except TargetError as exc:  # its answer got lost, or another publish was faster: then it is there, and ours
            try:
                fly.app(app)
            except PublishError:
                raise exc from None
    for kind in _lacking(fly, app):
        try:
            fly.assign(app, kind)
        except TargetError:  # the same
            if kind in _lacking(fly, app):
                raise
    return made


def _lacking(fly: Fly, app: str) -> list[str]:
    """Return the kinds of address that an app needs and has not."""
    public = [each for each in fly.addresses(app) if not str(each["ip"]).startswith(PRIVATE)]
    there = {"shared_v4" if each.get("shared") else "v6" if ":" in str(each["ip"]) else "v4" for each in public}
    return [kind for kind in KINDS if kind not in there and not (kind == "shared_v4" and "v4" in there)]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the apps of one login are found."""

    fly: Fly
    http: "httpx.Client"
    report: Report

    def url(self, app: str) -> str:
        """Return where visitors find an app; BAKED_FLY_URL says it for a stand-in: ``http://{ip}:8080``."""
        template = os.environ.get("BAKED_FLY_URL") or URL
        if "{ip}" not in template:
            return template.format(app=app)
        try:
            shared = [str(each["ip"]) for each in self.fly.addresses(app) if each.get("shared")]
        except NotFoundError:
            shared = []
        return template.format(app=app, ip=shared[0]) if shared else ""

    def answers(self, app: str) -> bool:
        """Tell whether visitors get an answer."""
        import httpx  # noqa: PLC0415 - 60 ms that `publish --help` does without

        try:
            return self.http.get(f"{self.url(app)}/-/healthz", timeout=PATIENCE).is_success
        except httpx.HTTPError:
            return False

    def planned(self, app: str, domains: Sequence[str], *, made: bool) -> Iterator[Change]:
        """Yield the certificates that a publish asks for; ``made`` tells whether there is the app."""
        try:
            there = self.fly.certificates(app) if made and domains else []
        except PublishError:  # what is wrong is told when they are asked for
            there = []
        yield from (Change("create", f"certificate for {each}") for each in domains if each not in there)

    def certify(self, app: str, domains: Sequence[str]) -> None:
        """Ask for the certificates that are missing, look at all of them, and say what their owner has to write."""
        try:
            there = self.fly.certificates(app) if domains else []
            for each in domains:
                if each not in there:
                    self.fly.request_certificate(app, each)
                if self.fly.check_certificate(app, each):
                    self.report.info(f"https://{each} has its certificate")
                else:
                    self.report.warning(
                        f"{each} has no certificate yet: let its DNS name {app}.fly.dev as CNAME; Fly then certifies it"
                    )
        except PublishError as exc:  # the publish itself is done
            self.report.warning(f"a certificate could not be asked for: {exc}")
