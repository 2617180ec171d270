"""The survey before a publish: whether Fly knows us, the app is free or ours, and the options are what it has."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from baked_publish.deployment import Finding
from baked_publish.errors import NotFoundError, PreflightError, PublishError
from baked_publish.machines.fleet import Fleet
from baked_publish.machines.options import FlyOptions
from baked_publish.options import HOST
from baked_publish.registry.repository import Repository
from baked_publish.registry.rights import require_push
from baked_publish.suggest import nearest
from baked_publish.vendors.fly import JSON, Fly
from baked_publish.vendors.fly_login import FIX

STEP: Final = 256
"""Megabytes; memory comes in multiples of it."""
SHARED: Final = (256, 2048)
"""Megabytes that a shared processor has at least and at most."""
PERFORMANCE: Final = (2048, 8192)
CPUS: Final = (1, 2, 4, 6, 8)
MOST_PERFORMANCE: Final = 16


@dataclass(frozen=True, slots=True)
class Survey:
    """What is looked at before anything is built."""

    fly: Fly
    app: str
    given: FlyOptions

    def findings(self) -> Iterator[Finding]:
        """Yield what is all right and what is not; where the login is not taken, nothing more can be known."""
        yield from guest(self.given)
        try:
            app = self.found()
        except PublishError as exc:
            yield self._unreached(exc)
            return
        yield self._login()
        yield from self._known() if app else self._new()
        yield from self._regions()

    def reached(self) -> Finding:
        """Look whether Fly knows us, and the app is free or ours."""
        try:
            self.found()
        except PublishError as exc:
            return self._unreached(exc)
        return self._login()

    def found(self) -> JSON | None:
        """Return the app, None if the name is free."""
        try:
            return self.fly.app(self.app)
        except NotFoundError:
            return None

    def placeless(self) -> bool:
        """Tell whether nobody says a region, neither an option nor what is live in the app that is there."""
        return not self.given.region and Fleet.of(self.fly.machines(self.app)).live is None

    def _login(self) -> Finding:
        return Finding(ok=True, what=f"login by {self.fly.login.source}")

    def _unreached(self, why: PublishError) -> Finding:
        if not isinstance(why, PreflightError):
            return Finding(ok=False, what="Fly's API", fix=str(why))
        fix = f"{why}. If the token is good, the app belongs to somebody else: choose another name with --app"
        return Finding(ok=False, what=f"app {self.app}", fix=fix)

    def _new(self) -> Iterator[Finding]:
        """Look whether an app may be made."""
        yield Finding(bool(self.given.region), "region", "a new app needs one: --region ams, or FLY_REGION")
        org = self.given.org
        if not org:
            yield Finding(ok=False, what="organization", fix="a new app needs one: --org personal, or FLY_ORG")
            return
        fix = f"app {self.app!r} is new, and the token of {self.fly.login.source} makes none in {org!r}: "
        try:
            self.fly.apps(org)
        except PublishError as exc:
            told = f"{exc}; choose another --org, or make the app with `fly apps create {self.app} --org {org}`"
            yield Finding(ok=False, what=f"organization {org}", fix=fix + told)
        else:
            yield Finding(ok=True, what=f"organization {org}")

    def _known(self) -> Iterator[Finding]:
        """Look whether the secrets that are asked for are there, and whether images may be pushed."""
        yield Finding(ok=True, what=f"app {self.app}")
        if self.placeless():
            fix = "nothing is live in the app that would tell where: give --region ams, or FLY_REGION"
            yield Finding(ok=False, what="region", fix=fix)
        if self.given.secret:
            there = self.fly.secrets(self.app)
            for each in self.given.secret:
                fix = f"it is not set: run `fly secrets set --stage --app {self.app} {each}=...`"
                yield Finding(each in there, f"secret {each}", fix)

    def _regions(self) -> Iterator[Finding]:
        wanted = self.given.region
        if not wanted:
            return
        known = self.fly.regions()
        for each in wanted:
            fix = f"Fly has no such region{nearest(each, known)}; there are: {', '.join(sorted(known))}"
            yield Finding(each in known, f"region {each}", fix)


def no_login() -> Finding:
    """Return the finding that nobody said who we are."""
    return Finding(ok=False, what="login at Fly", fix=f"there is no token: {FIX}")


def pushing(repository: Repository) -> Finding:
    """Look whether the registry lets us push to an app that is there."""
    what = f"pushing to {repository.name}"
    try:
        require_push(repository)
    except PublishError as exc:
        return Finding(ok=False, what=what, fix=f"{exc}: {FIX}")
    return Finding(ok=True, what=what)


def guest(given: FlyOptions) -> Iterator[Finding]:
    """Yield whether there are machines as the options describe them."""
    least, most = SHARED if given.cpu_kind == "shared" else PERFORMANCE
    least, most = least * given.cpus, most * given.cpus
    many = CPUS if given.cpu_kind == "shared" else (*CPUS, MOST_PERFORMANCE)
    fix = f"Fly has machines of {', '.join(map(str, many))} {given.cpu_kind} processors"
    yield Finding(given.cpus in many, f"--cpus {given.cpus}", fix)
    fits = least <= given.memory <= most and given.memory % STEP == 0
    fix = f"{given.cpus} {given.cpu_kind} processors have {least} to {most} MB, in steps of {STEP}"
    yield Finding(fits, f"--memory {given.memory}", fix)
    for each in given.domain:
        if HOST.fullmatch(each.removeprefix("*.")) is None:
            yield Finding(
                ok=False, what=f"--domain {each}", fix="it is no host name: write for example data.example.org"
            )
    yield Finding(given.machines > 0, f"--machines {given.machines}", "give a number above 0")
    yield Finding(
        0 <= given.min_machines <= given.machines, f"--min-machines {given.min_machines}", "at most --machines"
    )
