"""Allow blocks: Datasette's way of saying who may see something, read for one actor."""

from collections.abc import Mapping
from typing import Any

from baked_core.shapes import is_list, is_object

Actor = Mapping[str, Any]
"""Who asks, as a token or a plugin tells it: ``{"id": "alice", "roles": ["staff"]}``."""

ANYBODY = "*"
NOBODY_KNOWN = "unauthenticated"


def allows(block: Any, actor: Actor | None) -> bool:
    """Tell whether ``block`` lets ``actor`` in; None is somebody who is not known.

    ``true`` is everybody, ``false`` and ``{}`` nobody; of several keys, and of the blocks of a list, one is enough.
    """
    if isinstance(block, bool):
        return block
    if is_list(block):
        return any(allows(each, actor) for each in block)
    if not is_object(block):
        return False
    if actor is None:
        return block.get(NOBODY_KNOWN) is True
    return any(name in actor and _meet(wanted, actor[name]) for name, wanted in block.items() if name != NOBODY_KNOWN)


def _meet(wanted: Any, told: Any) -> bool:
    """Tell whether what a block wants of a key and what an actor has there share a value."""
    if wanted == ANYBODY:
        return True
    return any(_same(one, other) for one in _values(wanted) for other in _values(told))


def _same(one: Any, other: Any) -> bool:
    """Compare values of the same type only: 1 is neither ``true`` nor ``"1"``."""
    return type(one) is type(other) and bool(one == other)


def _values(value: Any) -> list[Any]:
    return value if is_list(value) else [value]
