"""The house keeps its measures: functions and files that fit one thought, and documentation that is up to date."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from house import CHECKOUT, modules

LONGEST_FUNCTION = 60
LONGEST_FILE = 400
MEDIAN_FUNCTION = 12
ADDRESS = re.compile(r"https?://[^\s)>\"'`]+")


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{module.path}:{function.lineno}: {function.name} has {length} lines"
        for module in modules().values()
        for function in module.functions
        if (length := (function.end_lineno or 0) - function.lineno + 1) > LONGEST_FUNCTION
    ]
    assert not long, "\n".join(long)


def test_most_functions_are_short() -> None:
    lengths = sorted(
        (function.end_lineno or 0) - function.lineno + 1
        for module in modules().values()
        for function in module.functions
    )
    assert lengths[len(lengths) // 2] <= MEDIAN_FUNCTION


def test_no_file_holds_more_than_one_thought() -> None:
    lengths = {module.path: len(module.path.read_text("utf-8").splitlines()) for module in modules().values()}
    long = {str(path): length for path, length in lengths.items() if length > LONGEST_FILE}
    assert not long


def tracked(*patterns: str) -> list[Path]:
    """Return the files of the sources that match; what was built here is none of them."""
    hidden = {".venv", ".git", "artifacts", "demo", "dist"}
    found = (path for pattern in patterns for path in CHECKOUT.rglob(pattern))
    return sorted(path for path in found if not hidden.intersection(path.relative_to(CHECKOUT).parts))


def test_the_documentation_is_generated_from_the_program() -> None:
    done = subprocess.run(
        [sys.executable, CHECKOUT / "docs" / "generate.py", "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", tracked("*.md"), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_links_within_the_documentation_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", page.read_text("utf-8"))
    lost = [link for link in links if not ADDRESS.match(link) and not (page.parent / link).exists()]
    assert not lost, f"{page} links to {lost}"
