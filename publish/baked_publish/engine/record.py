"""The Record: what the labels of a container say of the deployment in it; written when it is made, never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from baked_publish.errors import TargetError

PREFIX: Final = "baked-data."
NAME: Final = PREFIX + "name"
"""The label by which the containers of a name are found."""


@dataclass(frozen=True, slots=True)
class Record:
    """One deployment, and which of its promotions this container stands for."""

    name: str
    revision: str
    release: str
    bundle: str
    """The Bundle digest."""
    artifact: str
    """The digest of the image's manifest."""
    restart: str
    """When the engine starts it again by itself, once it is live."""
    host: str
    """Address that it is reached at."""
    port: int | None = None
    """None where the engine chooses one."""
    asked_host: str = ""
    """The address that was asked for when it was promoted; empty for a candidate."""
    asked_port: int | None = None
    number: int = 0
    """Counts the promotions under this name; the highest is live. 0 for a candidate."""
    promoted: str = ""
    """When, UTC, ISO 8601."""
    previous: str = ""
    """The revision that was live before."""

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> Self:
        """Read labels; raise TargetError if they are not of this version's making."""
        try:
            values = {f.name: _value(f.name, labels[PREFIX + f.name]) for f in fields(cls)}
        except (KeyError, ValueError) as exc:
            raise TargetError(
                f"the labels of a container of {labels.get(NAME)!r} cannot be read ({exc}): another version of "
                "baked-data made it; remove it with `docker rm --force`, and publish again"
            ) from exc
        return cls(**values)

    @property
    def labels(self) -> dict[str, str]:
        """What is written on the container."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {PREFIX + key: "" if value is None else str(value) for key, value in values.items()}


def _value(field: str, text: str) -> Any:
    if field == "number":
        return int(text)
    if field in {"port", "asked_port"}:
        return int(text) if text else None
    return text
