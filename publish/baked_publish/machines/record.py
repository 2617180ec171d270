"""The Record: what the metadata of a machine says of the deployment in it; and its Standing, once it is live."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

from baked_publish.errors import TargetError
from baked_publish.shapes import is_object

RECORD, LAUNCH, INDEX = "baked_record", "baked_launch", "baked_index"
"""Keys of the metadata that are written when a machine is made."""
STANDING, PAST = "baked_standing", "baked_past"
"""Keys that are written on the first machine of a deployment when it goes live."""
KEPT: Final = "kept"
"""The Standing of a preview that somebody asked for."""
FORMAT: Final = 1
JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """One promotion: the highest number is live."""

    number: int
    promoted: str
    """When, UTC, ISO 8601."""
    previous: str
    """The revision that was live before; empty for none."""
    done: bool = False
    """Whether what was live before is gone."""

    def to_text(self) -> str:
        """Return what stands in the metadata."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """Read one; raise KeyError or TypeError if something is missing, or is not what it was written as."""
        texts = raw["promoted"], raw["previous"]
        if type(raw["number"]) is not int or not all(isinstance(each, str) for each in texts):
            raise TypeError("a standing of a number and texts")
        return cls(**raw)


@dataclass(frozen=True, slots=True)
class Record:
    """One deployment; written when its machines are made, never changed."""

    revision: str
    release: str
    bundle: str
    """The Bundle digest."""
    image: str
    """``sha256:`` and the digest of the image's manifest."""
    staged: str
    """UTC, ISO 8601."""
    options: JSON = field(default_factory=dict[str, Any])
    """What its machines are made by."""

    def to_text(self) -> str:
        """Return what stands in the metadata."""
        return json.dumps({"format": FORMAT, **asdict(self)}, separators=(",", ":"))

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """Read one; raise KeyError or TypeError if something is missing, or is not what it was written as."""
        texts = {name: raw[name] for name in cls.__slots__ if name != "options"}
        if not all(isinstance(each, str) for each in texts.values()) or not is_object(raw["options"]):
            raise TypeError("a record of texts and options")
        return cls(**texts, options=raw["options"])


@dataclass(frozen=True, slots=True)
class Past:
    """A deployment that was live once, and whose machines are gone."""

    record: Record
    standing: Standing


def past_text(past: list[Past]) -> str:
    """Return what stands in the metadata of the machine that is live."""
    entries = [{**asdict(each.record), "standing": asdict(each.standing)} for each in past]
    return json.dumps(entries, separators=(",", ":"))


def read_past(text: str, where: str) -> list[Past]:
    """Read what :func:`past_text` wrote, newest first; raise TargetError naming ``where`` if it cannot be read."""
    try:
        return [Past(Record.read(each), Standing.read(each["standing"])) for each in json.loads(text or "[]")]
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise unreadable(where, exc) from exc


def read_record(text: str, where: str) -> Record:
    """Read a machine's record; raise TargetError naming ``where`` if another version wrote it."""
    try:
        raw: JSON = json.loads(text)
        if raw.get("format") != FORMAT:
            raise TargetError(
                f"the metadata of {where} has format {raw.get('format')!r}, this version reads {FORMAT}: install the "
                "version of baked-data that wrote it"
            )
        return Record.read(raw)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise unreadable(where, exc) from exc


def read_standing(text: str, where: str) -> Standing | None:
    """Read a Standing; None for a candidate, kept or not."""
    if text in {"", KEPT}:
        return None
    try:
        return Standing.read(json.loads(text))
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise unreadable(where, exc) from exc


def unreadable(where: str, exc: Exception) -> TargetError:
    """Return the error of metadata that somebody else wrote."""
    return TargetError(
        f"the metadata of {where} cannot be read ({exc!r}): somebody changed it; remove that machine, and publish again"
    )
