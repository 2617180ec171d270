"""Each example of docs/api.md gives what the page says."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from baked_core import extras, facets, search
from baked_core.filters import OPERATORS
from baked_core.table_query import ARGUMENTS

Serve = Callable[..., TestClient]

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
DATA = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)[0]
EXAMPLES = re.findall(r"```\nGET (\S+)(?: (\d+))?\n```(?:\n\n```(json|csv)\n(.*?)```)?", PAGE, re.DOTALL)


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(world=DATA)


@pytest.mark.parametrize(("path", "status", "kind", "body"), EXAMPLES, ids=[each[0] for each in EXAMPLES])
def test_examples(client: TestClient, path: str, status: str, kind: str, body: str) -> None:
    response = client.get(path)
    assert response.status_code == int(status or 200), response.text
    if kind == "json":
        assert like(response.json(), orjson.loads(body)), response.text
    elif kind == "csv":
        assert response.text.replace("\r\n", "\n") == body


def like(found: Any, expected: Any) -> bool:
    """Compare, where ``...`` stands for anything but null."""
    if expected == "...":
        return found is not None
    if isinstance(expected, dict):
        return set(found) == set(expected) and all(like(found[name], each) for name, each in expected.items())
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(like, found, expected))
    return bool(found == expected)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 15
    assert sum(kind == "json" for _, _, kind, _ in EXAMPLES) >= 14


def test_every_argument_operator_and_extra_is_told() -> None:
    rest = {"_blob_hash", "_blob_column"}
    for name in {*ARGUMENTS, *search.ARGUMENTS, *facets.KINDS.values()} - rest:
        assert f"`{name}" in PAGE, name
    for name in {*OPERATORS, *extras.TABLE, *extras.ROW, *extras.QUERY}:
        assert f"`{name}`" in PAGE, name
    assert all(f"{name}=" in PAGE for name in rest)
