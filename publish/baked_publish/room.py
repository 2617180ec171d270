"""The locked room of this machine: which locks around a stranger's SQL its kernel lets the serving app arm."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from baked_publish.deployment import Finding

LOCKS: Final = {
    "ends_with_app": "a query's process ends with the app",
    "first_to_go": "a query's process is the first to be ended when memory runs out",
    "memory": "a query's memory is bounded",
    "landlock": "a query can reach no file (landlock)",
    "file_size": "a query can write no file",
    "processes": "a query can start no process",
    "open_files": "a query can open no file",
    "seccomp": "a query can make no other call to the kernel (seccomp)",
    "process": "a query runs in a process of its own",
}
PATIENCE: Final = 30.0
"""Seconds that a first process for queries gets."""


def room() -> Sequence[Finding]:
    """Arm a room as the app would, and tell each lock of it."""
    from baked_core.strangers.pool import possible  # noqa: PLC0415 - only who asks for it loads the app

    if not possible():
        return (Finding(ok=False, what=LOCKS["process"], fix="this system has no processes to give: see docs"),)
    try:
        standing = asyncio.run(asyncio.wait_for(_standing(), PATIENCE))
    except (OSError, TimeoutError) as exc:
        return (Finding(ok=False, what=LOCKS["process"], fix=f"none could be started: {exc or 'it took too long'}"),)
    armed = [Finding(ok=True, what=LOCKS.get(str(name), str(name))) for name in standing["armed"]]
    return (*armed, *(_open(name, reason) for name, reason in standing["not_armed"].items()))


async def _standing() -> dict[str, Any]:
    from baked_core.settings import Settings  # noqa: PLC0415
    from baked_core.strangers.plan import Plan  # noqa: PLC0415
    from baked_core.strangers.pool import Pool  # noqa: PLC0415

    pool = Pool(Plan.of(Settings(), ()), None, {})
    try:
        return await pool.standing()
    finally:
        pool.close()


def _open(name: str, reason: str) -> Finding:
    fix = f"{reason}; the other locks hold. A newer kernel, or a container engine that allows it, closes this one"
    return Finding(ok=False, what=LOCKS.get(name, name), fix=fix)
