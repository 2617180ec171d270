"""Changes: what a publish makes and changes of a service, as its plan says it before any of it is done."""

import json
from collections.abc import Iterator
from typing import Final

from baked_core.manifest import canonical
from baked_publish import options
from baked_publish.cloudrun.access import open_to_all
from baked_publish.cloudrun.options import CloudRunOptions
from baked_publish.cloudrun.roster import ACCESS, Revision, Roster
from baked_publish.deployment import Change
from baked_publish.errors import PublishError
from baked_publish.vendors.google_run import Run

ELSEWHERE: Final = {ACCESS, "domain"}
"""Options that a revision is not made of: the service itself is asked for them."""
VISITORS: Final = {True: "everybody", False: "whom IAM allows"}


def recorded(given: CloudRunOptions) -> str:
    """Return the options as a revision says them of itself, so that the next plan can tell which of them changed."""
    return canonical(options.deployed(given)).decode()


def planned(run: Run, roster: Roster, given: CloudRunOptions) -> Iterator[Change]:
    """Yield what is made or changed of a service; a service that somebody else made would be overwritten."""
    if roster.service is None:
        yield Change("create", f"service {roster.name} in {given.region}")
    elif roster.ledger is None:
        yield Change("overwrite", f"service {roster.name}, which baked-data did not make")
    elif roster.live is not None:
        yield from changed(roster.live, given)
        before, after = public(run, roster), given.allow_unauthenticated
        if before is not None and before != after:
            yield Change("change", "visitors", VISITORS[before], VISITORS[after])


def changed(live: Revision, given: CloudRunOptions) -> Iterator[Change]:
    """Yield the options that the live revision was not made of; nothing where it does not say them."""
    now = json.loads(recorded(given))
    yield from options.changed(live.options, {name: now[name] for name in now.keys() - ELSEWHERE})


def public(run: Run, roster: Roster) -> bool | None:
    """Tell whether everybody may visit; None where nobody says: who may publish may not always look."""
    try:
        return open_to_all(run, roster.name, roster.service or {})
    except PublishError:
        return None
