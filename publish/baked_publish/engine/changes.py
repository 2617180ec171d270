"""Changes: what a publish makes and changes of a container, as its plan says it before any of it is done."""

from collections.abc import Iterator, Mapping
from typing import Any

from baked_publish.deployment import Change
from baked_publish.engine.berth import lasting
from baked_publish.engine.container import Container
from baked_publish.keeper.ledger import Address, url_of


def planned(name: str, live: Container | None, wanted: Address, limits: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what is created, or another address and other limits than those of what is live."""
    if live is None:
        yield Change("create", f"container {name}")
        return
    if wanted not in {live.address, Address(live.record.asked_host, live.record.asked_port)}:
        after = url_of(wanted) if wanted.port else f"any free port of {wanted.host}"
        yield Change("change", "address", url_of(live.address), after)
    old = lasting(live)
    yield from (Change("change", key, str(old[key]), str(limits[key])) for key in limits if old[key] != limits[key])
