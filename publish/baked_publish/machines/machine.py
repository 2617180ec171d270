"""The Machine: one virtual machine of an app, as the API tells of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from baked_publish.machines.record import (
    INDEX,
    KEPT,
    LAUNCH,
    PAST,
    RECORD,
    STANDING,
    Past,
    Record,
    Standing,
    read_past,
    read_record,
    read_standing,
    unreadable,
)
from baked_publish.plugin_secrets import PREFIX
from baked_publish.shapes import inner, items

TOKEN: Final = "BAKED_VERIFY_TOKEN"  # noqa: S105 - the name of it
GONE: Final = frozenset({"destroying", "destroyed", "replaced"})
"""States of a machine that will not come back."""
RUNS: Final = "started"
DEAD: Final = frozenset({"failed", "destroying", "destroyed", "replaced"})
RESTING: Final = frozenset({"stopped", "suspended"})
LEAVING: Final = frozenset({"stopping", "suspending"})
"""On the way to rest, for want of visitors: a machine cannot be started before it is there."""
PASSING: Final = "passing"


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine of ours."""

    id: str
    name: str
    state: str
    region: str
    image: str
    """``sha256:...`` of the image that it says it runs; empty if it does not say."""
    created: str
    record: Record
    launch: str
    """What it has in common with the machines that were made with it, and with none else."""
    index: int
    standing: Standing | None
    kept: bool
    checks: tuple[tuple[str, str], ...]
    """Name and status of each check."""
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def token(self) -> str:
        """What opens ``/-/verify`` there."""
        return self.private.get(TOKEN, "")

    @property
    def private(self) -> dict[str, str]:
        """What its environment holds that nobody else may see: its token, and plugins' secrets."""
        said = _object(self.raw, "config", "env").items()
        return {key: str(value) for key, value in said if key == TOKEN or key.startswith(PREFIX)}

    @property
    def running(self) -> bool:
        """Whether the API says that it was started; its server may not answer yet."""
        return self.state == RUNS

    @property
    def healthy(self) -> bool:
        """Whether it runs and each check, of which there must be one, passes."""
        return self.running and bool(self.checks) and all(status == PASSING for _, status in self.checks)

    @property
    def past(self) -> list[Past]:
        """What was live before, newest first, as the first machine of what is live knows it."""
        return read_past(_metadata(self.raw).get(PAST, ""), self.name)

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self | None:
        """Read what the API says; None for a machine that is not ours. Raises TargetError if it cannot be read."""
        said, name = _metadata(raw), str(raw.get("name") or raw["id"])
        if RECORD not in said:
            return None
        try:
            return cls._read(raw, said, name)
        except (ValueError, KeyError, TypeError) as exc:
            raise unreadable(name, exc) from exc

    @classmethod
    def _read(cls, raw: Mapping[str, Any], said: Mapping[str, str], name: str) -> Self:
        standing = said.get(STANDING, "")
        return cls(
            id=str(raw["id"]),
            name=name,
            state=str(raw.get("state", "")),
            region=str(raw.get("region", "")),
            image=str(_object(raw, "image_ref").get("digest") or ""),
            created=str(raw.get("created_at", "")),
            record=read_record(said[RECORD], name),
            launch=said.get(LAUNCH, ""),
            index=int(said.get(INDEX) or 0),
            standing=read_standing(standing, name),
            kept=standing == KEPT,
            checks=tuple((str(each["name"]), str(each["status"])) for each in items(raw, "checks")),
            raw=raw,
        )


def _metadata(raw: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in _object(raw, "config", "metadata").items()}


def _object(raw: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return an object inside of another one, empty if it is missing."""
    found = raw
    for key in path:
        found = inner(found, key)
    return found
