"""Allow blocks: who gets in."""

from typing import Any

import pytest

from baked_core.permissions.allow import allows

ACTORS: list[dict[str, Any] | None] = [
    None,
    {"id": "x"},
    {"id": "y", "roles": ["a", "b"]},
    {"id": 1},
    {},
    {"id": "x", "active": True},
]


@pytest.mark.parametrize(
    ("block", "let_in"),
    [
        (True, [1, 1, 1, 1, 1, 1]),
        (False, [0, 0, 0, 0, 0, 0]),
        ({}, [0, 0, 0, 0, 0, 0]),
        ([], [0, 0, 0, 0, 0, 0]),
        ({"id": "x"}, [0, 1, 0, 0, 0, 1]),
        ({"id": ["x", "y"]}, [0, 1, 1, 0, 0, 1]),
        ({"id": "*"}, [0, 1, 1, 1, 0, 1]),
        ({"roles": "a"}, [0, 0, 1, 0, 0, 0]),
        ({"roles": ["a", "z"]}, [0, 0, 1, 0, 0, 0]),
        ({"roles": "*"}, [0, 0, 1, 0, 0, 0]),
        ({"unauthenticated": True}, [1, 0, 0, 0, 0, 0]),
        ({"unauthenticated": False}, [0, 0, 0, 0, 0, 0]),
        ({"unauthenticated": True, "id": "x"}, [1, 1, 0, 0, 0, 1]),
        ({"unauthenticated": "yes"}, [0, 0, 0, 0, 0, 0]),
        ({"id": "q", "roles": "a"}, [0, 0, 1, 0, 0, 0]),
        ({"id": 1}, [0, 0, 0, 1, 0, 0]),
        ({"id": "1"}, [0, 0, 0, 0, 0, 0]),
        ({"active": True}, [0, 0, 0, 0, 0, 1]),
        ({"active": 1}, [0, 0, 0, 0, 0, 0]),
        ({"id": []}, [0, 0, 0, 0, 0, 0]),
        ([{"id": "x"}, {"roles": "b"}], [0, 1, 1, 0, 0, 1]),
        ([{}, {"unauthenticated": True}], [1, 0, 0, 0, 0, 0]),
        (None, [0, 0, 0, 0, 0, 0]),
        ("x", [0, 0, 0, 0, 0, 0]),
        (1, [0, 0, 0, 0, 0, 0]),
    ],
)
def test_who_gets_in(block: Any, let_in: list[int]) -> None:
    assert [allows(block, actor) for actor in ACTORS] == list(map(bool, let_in))
