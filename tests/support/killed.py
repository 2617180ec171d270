"""Publish in this process and kill it at one step.

``python killed.py TARGET NAME DATABASE STEP before|after [OPTIONS]``: TARGET is ``MODULE:CLASS``, OPTIONS are JSON.
The step is a method of the Publisher; ``write``: in the middle of copying files or loading an image; or what a Docker
engine is asked in the middle of a promotion, as ``Engine.stop``, or of another step, as ``stage/Fly.create``.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from baked_publish import pipeline
from baked_publish.bake import BakeOptions
from baked_publish.builders import directory
from baked_publish.engine import loading
from baked_publish.engine.engine import Engine
from baked_publish.images.archive import archive_blocks
from baked_publish.ingredients import Ingredients, baking
from baked_publish.ledger.shelf import Shelf
from baked_publish.registry import push
from baked_publish.registry.repository import Repository
from baked_publish.registry.upload import upload
from baked_publish.report import Silent
from baked_publish.vendors.fly import Fly
from baked_publish.vendors.google_run import Run
from baked_publish.wish import Wish

STEPS = (
    *((step, when) for step in ("pack", "plan", "live", "stage", "promote", "prune") for when in ("before", "after")),
    ("write", "before"),
)
"""Where a publish may be killed."""
ACTORS: dict[str, Any] = {"Engine": Engine, "Fly": Fly, "Repository": Repository, "Run": Run, "Shelf": Shelf}


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


def half(archive: Callable[..., Iterator[bytes]]) -> Callable[..., Iterator[bytes]]:
    """Let the process die after the first blocks of an image."""

    def blocks(*args: Any, **kwargs: Any) -> Iterator[bytes]:
        for number, block in enumerate(archive(*args, **kwargs)):
            yield block
            if number > 1:
                die()

    return blocks


def third(upload: Callable[..., Any]) -> Callable[..., Any]:
    """Let the process die at the third blob of an image."""
    begun = count(1)

    def run(*args: Any, **kwargs: Any) -> Any:
        if next(begun) > 2:
            die()
        return upload(*args, **kwargs)

    return run


def arm(publisher: Any, step: str, when: str) -> Any:
    """Return a Publisher whose run dies at ``step``."""
    if step == "write":
        directory._write_synced = die
        setattr(loading, "archive_blocks", half(archive_blocks))  # noqa: B010 - it is imported there
        setattr(push, "upload", third(upload))  # noqa: B010 - it is imported there
        return publisher
    if "." in step:
        begin, _, act = step.rpartition("/")
        begin = begin or "promote"
        return type("Deadly", (publisher,), {begin: disarmed_until(getattr(publisher, begin), act, when)})
    return type("Deadly", (publisher,), {step: deadly(getattr(publisher, step), when)})


def disarmed_until(begin: Callable[..., Any], step: str, when: str) -> Callable[..., Any]:
    """Make what an engine or a shelf does deadly as soon as ``begin`` is called."""
    name, _, act = step.partition(".")
    actor = ACTORS[name]

    def run(*args: Any, **kwargs: Any) -> Any:
        setattr(actor, act, deadly(getattr(actor, act), when))
        return begin(*args, **kwargs)

    return run


def main(target: str, name: str, database: str, step: str, when: str, options: str = "{}") -> None:
    """Run the line with one deadly step."""
    module, _, attribute = target.partition(":")
    publisher: Any = arm(getattr(import_module(module), attribute), step, when)
    with httpx.Client() as http:
        one = publisher(publisher.options(**json.loads(options)), name, http, Silent())
        files = [Path(database)]
        bake = lambda: baking(files, Ingredients(), BakeOptions(), Silent())  # noqa: E731
        pipeline.publish(one, bake, Wish(), Silent())


if __name__ == "__main__":
    main(*sys.argv[1:])
