"""Changes: what a publish makes and changes of an app, as its plan says it before any of it is done."""

from collections.abc import Iterator, Mapping
from typing import Any

from baked_publish import options
from baked_publish.deployment import Change
from baked_publish.machines.fleet import Fleet
from baked_publish.machines.options import FlyOptions

SECRETS = "secret_digests"


def several(machines: int) -> str:
    """Return a number of machines in words."""
    return f"{machines:,} machine" if machines == 1 else f"{machines:,} machines"


def planned(app: str, given: FlyOptions, fleet: Fleet, *, made: bool) -> Iterator[Change]:
    """Yield what is created and changed; ``made`` tells whether there is the app. Somebody else's machines are told."""
    if not made:
        yield Change("create", f"app {app}", after=f"in the organization {given.org}")
    if fleet.strangers:
        told = f"{several(len(fleet.strangers))} of app {app} that baked-data did not make"
        yield Change("overwrite", told, ", ".join(fleet.strangers))
    if fleet.live is None:
        where = f"in {'each of ' if len(given.region) > 1 else ''}{', '.join(given.region)}"
        yield Change("create", several(given.machines), after=where)
    else:
        yield from changed(fleet.live.record.options, given.kept())


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the options that differ, and the secrets that are others now; a value of a secret is never shown."""
    yield from options.changed(*({key: said[key] for key in said if key != SECRETS} for said in (old, new)))
    if SECRETS not in old:  # it was made before they were written down: nobody knows which are new
        return
    before = {str(each): str(digest) for each, digest in old[SECRETS]}
    after = {str(each): str(digest) for each, digest in new[SECRETS]}
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield Change("add", f"secret {name}")
        elif name not in after:
            yield Change("remove", f"secret {name}")
        elif before[name] != after[name]:
            yield Change("change", f"secret {name}")
