"""Shaped: the objects and texts that a vendor's JSON has to hold, or an error that says what came instead of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from baked_publish.errors import TargetError
from baked_publish.shapes import is_list, is_object

if TYPE_CHECKING:
    import httpx

JSON = dict[str, Any]
WORDS: Final = 400
"""Characters of a vendor's own words in an error."""
AGAIN: Final = "look whether a proxy answered in its place, and try again"
DAMAGED: Final = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
"""What a vendor's own library raises for JSON of another shape, or none: it looks at no more than it needs."""
NAMES: Final[Mapping[type, str]] = {
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}
"""What JSON calls the types that are read from it."""


def read(response: "httpx.Response") -> Any:
    """Return the JSON of an answer, an empty object for none; raise TargetError for anything else."""
    if not response.content:
        return {}
    try:
        return response.json()
    except (ValueError, RecursionError) as exc:
        asked = response.request.url
        raise TargetError(f"{asked.host} answered {asked.path} without JSON: {AGAIN}") from exc


def one(value: Any, what: str) -> JSON:
    """Return an object; raise TargetError, which names ``what`` was asked, for anything else."""
    if is_object(value):
        return value
    raise TargetError(f"the answer to {what!r} is {_kind(value)}, not an object: {AGAIN}")


def many(value: Any, what: str) -> list[JSON]:
    """Return a list of objects, empty for null; raise TargetError, naming ``what`` was asked, for anything else."""
    if value is None:
        return []
    if not is_list(value):
        raise TargetError(f"the answer to {what!r} is {_kind(value)}, not a list: {AGAIN}")
    return [one(each, what) for each in value]


def text(value: Mapping[str, Any], key: str, what: str) -> str:
    """Return the text under ``key``; raise TargetError, naming ``what`` was asked, if nobody can read one there."""
    found = value.get(key)
    if isinstance(found, str) and found and found.isprintable():
        return found
    raise TargetError(f"the answer to {what!r} has no {key!r}: {AGAIN}")


def word(value: Mapping[str, Any], key: str, what: str) -> str:
    """Return the text under ``key`` if a header can hold it; raise TargetError if not."""
    found = text(value, key, what)
    if found.isascii():
        return found
    raise TargetError(f"the answer to {what!r} has {found!r} as {key!r}: {AGAIN}")


def line(said: str) -> str:
    """Return a vendor's own words as one line that a terminal can show."""
    return " ".join("".join(each if each.isprintable() else " " for each in said).split())[:WORDS]


def _kind(value: object) -> str:
    return NAMES.get(type(value), "an object")
