"""Whence a base image comes, where nobody says it."""

import sys

import pytest

from baked_publish.images.whence import default_base

OTHERS = ("registry.example/python:3.12-slim", "oci:base", "python:3.12-slim-bookworm", "python:3.12")


@pytest.mark.parametrize(
    ("python", "base"), [((3, 10), "3.11"), ((3, 11), "3.11"), ((3, 13), "3.13"), ((3, 14), "3.14"), ((3, 15), "3.14")]
)
def test_the_python_that_runs_here_is_the_one_of_the_image(python: tuple[int, int], base: str) -> None:
    assert default_base((), python) == f"python:{base}-slim"


def test_this_python_is_meant() -> None:
    assert default_base(()) == f"python:3.{sys.version_info.minor}-slim"


def test_a_project_stays_on_what_its_lock_names() -> None:
    assert default_base(["python:3.12-slim", *OTHERS], (3, 13)) == "python:3.12-slim"


@pytest.mark.parametrize("locked", [OTHERS, ("python:3.11-slim", "python:3.12-slim")])
def test_a_lock_that_does_not_say_which_decides_nothing(locked: tuple[str, ...]) -> None:
    assert default_base(locked, (3, 13)) == "python:3.13-slim"
