"""Shapes of JSON values, so that the type checkers know what was asked."""

from typing import Any, TypeGuard


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Tell whether ``value`` is a list."""
    return isinstance(value, list)


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether ``value`` is an object: names and values."""
    return isinstance(value, dict)
