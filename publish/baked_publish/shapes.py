"""Shapes: what a value read from JSON or YAML is, told to the type checker as well."""

from typing import Any, TypeGuard


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether ``value`` is a JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Tell whether ``value`` is a JSON array."""
    return isinstance(value, list)
