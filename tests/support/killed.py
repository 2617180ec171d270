"""Publish in this process and kill it at one step: ``python killed.py TARGET NAME DATABASE STEP before|after``.

TARGET is ``MODULE:CLASS``. The step is a method of the Publisher, or ``write``: in the middle of copying files.
"""

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx

from baked_publish import pipeline
from baked_publish.bake import BakeOptions
from baked_publish.builders import directory
from baked_publish.ingredients import Ingredients, baking
from baked_publish.report import Silent

STEPS = (
    *((step, when) for step in ("pack", "plan", "live", "stage", "promote", "prune") for when in ("before", "after")),
    ("write", "before"),
)
"""Where a publish may be killed."""


def die(*_: Any, **__: Any) -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def deadly(step: Callable[..., Any], when: str) -> Callable[..., Any]:
    """Wrap ``step`` so that the process dies before or after it."""

    def run(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            die()
        done = step(*args, **kwargs)
        die()
        return done

    return run


def main(target: str, name: str, database: str, step: str, when: str) -> None:
    """Run the line with one deadly step."""
    module, _, attribute = target.partition(":")
    publisher: Any = getattr(import_module(module), attribute)
    if step == "write":
        directory._write_synced = die
    else:
        publisher = type("Deadly", (publisher,), {step: deadly(getattr(publisher, step), when)})
    with httpx.Client() as http:
        one = publisher(publisher.options(), name, http, Silent())
        files = [Path(database)]
        bake = lambda: baking(files, Ingredients(), BakeOptions(), Silent())  # noqa: E731
        pipeline.publish(one, bake, pipeline.Wish(), Silent())


if __name__ == "__main__":
    main(*sys.argv[1:])
