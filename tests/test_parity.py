"""The page of parity: each row leads to tests that are there, and every name of the API stands on it."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from baked_core import args, extras, table_query
from baked_core.settings import SETTINGS

CHECKOUT = Path(__file__).parents[1]
PAGE = (CHECKOUT / "docs" / "parity.md").read_text("utf-8")
ROWS = [
    line
    for section in PAGE.split("\n## ")
    if "| shown by |" in section
    for line in section.splitlines()
    if line.startswith("| ") and not line.startswith(("| ---", "| Datasette |"))
]
SHOWN = re.compile(r"\[\w+\]\(\.\./([\w/.]+)\): ((?:`\w+`(?:, )?)+)")


@cache
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_there_are_rows() -> None:
    assert len(ROWS) > 40


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row)[2:50])
def test_each_row_is_shown_by_tests_that_are_there(row: str) -> None:
    shown = SHOWN.findall(row)
    assert shown
    for path, names in shown:
        missing = set(re.findall(r"\w+", names)) - functions(CHECKOUT / path)
        assert not missing, f"{path} has no {', '.join(missing)}"


def test_every_argument_stands_on_the_page() -> None:
    known = {*table_query.ARGUMENTS, *args.FORMAT_ARGUMENTS}
    assert [name for name in sorted(known) if f"`{name}" not in PAGE] == []


def test_what_the_page_leads_to_is_complete() -> None:
    settings = (CHECKOUT / "docs" / "settings.md").read_text("utf-8")
    api = (CHECKOUT / "docs" / "api.md").read_text("utf-8")
    assert [name for name in SETTINGS if f"`{name}`" not in settings] == []
    assert [name for name in {**extras.TABLE, **extras.ROW, **extras.QUERY} if f"`{name}`" not in api] == []
