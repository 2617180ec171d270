"""Shapes: what a value read from JSON or YAML is, told to the type checker as well."""

from collections.abc import Mapping, Sequence
from typing import Any

from baked_core.shapes import is_list, is_object

__all__ = ["inner", "is_list", "is_object", "items"]


def inner(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object under ``key``; an empty one where there is none, or something else."""
    found = value.get(key)
    return found if is_object(found) else {}


def items(value: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    """Return the objects of the array under ``key``; none where there is no such array, or nothing else in it."""
    found = value.get(key)
    return [each for each in found if is_object(each)] if is_list(found) else ()
