"""Merging metadata of several files: what a stronger one says goes before what a weaker one says."""

from collections.abc import Callable
from typing import Any, Final

from baked_publish.shapes import is_object

JSON = dict[str, Any]

REPLACED: Final = {"allow", "allow_sql"}
"""Keys whose value is taken as a whole from the strongest file."""
_SHALLOW: Final = {"permissions", "tokens"}
"""Keys whose values are."""


def merge(weak: JSON, strong: JSON) -> JSON:
    """Return what both say, the stronger before the weaker."""
    merged = dict(weak)
    for key, value in strong.items():
        both = key not in REPLACED and is_object(value) and is_object(merged.get(key))
        merged[key] = _merge_of(key)(merged[key], value) if both else value
    return merged


def _merge_of(key: str) -> Callable[[JSON, JSON], JSON]:
    """Allow blocks and tokens are replaced, not merged: together two of them would let in more than either."""
    return (lambda weak, strong: {**weak, **strong}) if key in _SHALLOW else merge
