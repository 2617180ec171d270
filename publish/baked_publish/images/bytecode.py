"""Bytecode: ``.pyc`` files beside the sources, so that a read-only container compiles nothing when it starts.

They are made by one fresh interpreter of the image's Python minor, without columns (``-X no_debug_ranges``), and are
never checked against their source (PEP 552). So made, the same source gives the same bytes under every patch release
that was tried; with columns, 3.11.2 and 3.11.7 disagree on every ``match`` statement.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from baked_publish.errors import StorageError
from baked_publish.images.tarball import Entry
from baked_publish.images.uv import managed_python
from baked_publish.report import Report

LIMIT: Final = 600.0
"""Seconds for all files of a layer."""
COMPILE: Final = """
import json, marshal, py_compile, sys
for source, made, path in json.load(sys.stdin):
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    try:
        py_compile.compile(source, made, path, doraise=True, optimize=0, invalidation_mode=mode)
    except py_compile.PyCompileError:
        continue  # a template, or for another Python: the image has the source, and nobody imports it
    with open(made, "rb") as file:
        marshal.loads(file.read()[16:])  # a full disk cuts a file off, and py_compile does not say so
"""
MINOR: Final = "import sys; sys.stdout.write('%d.%d' % sys.version_info[:2])"


@cache
def interpreter(python: str) -> str | None:
    """Return a Python of the minor ``python`` that runs on this machine, None if there is none.

    It is this one, one on PATH, or one that uv has installed.
    """
    mine = f"{sys.version_info.major}.{sys.version_info.minor}"
    if python == mine and sys.implementation.name == "cpython":
        return sys.executable
    ways: Sequence[Callable[[], str | None]] = (
        lambda: shutil.which(f"python{python}"),
        lambda: managed_python(python),
    )
    for find in ways:
        found = find()
        if found is not None and _minor(found) == python:
            return found
    return None


def _minor(python: str) -> str:
    """Return the minor of the Python at a path, as it tells it; empty if it does not run."""
    try:
        words = [python, "-I", "-S", "-c", MINOR]
        done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT, check=False)  # noqa: S603 - a list
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def bytecode(entries: Sequence[Entry], python: str, workspace: Path, report: Report) -> list[Entry]:
    """Compile the Python files among ``entries``; return what comes beside them in the image.

    ``python`` is the image's minor; nothing comes where :func:`interpreter` knows none. Raises StorageError if
    compiling fails, of which a full disk is the reason: a layer is never made with a part of its bytecode.
    """
    found, sources = interpreter(python), [entry for entry in entries if entry.path.endswith(".py")]
    if found is None:
        report.detail(f"no bytecode: Python {python} is not on this machine")
        return []
    workspace.mkdir(parents=True, exist_ok=True)
    plan = [(str(entry.source), str(workspace / str(number)), f"/{entry.path}") for number, entry in enumerate(sources)]
    words = [found, "-I", "-S", "-X", "no_debug_ranges", "-W", "ignore", "-c", COMPILE]
    try:
        done = subprocess.run(  # noqa: S603 - a list, and no shell
            words, input=json.dumps(plan), capture_output=True, text=True, timeout=LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise _failed(workspace, str(exc)) from exc
    if done.returncode:
        raise _failed(workspace, done.stderr.strip().rpartition("\n")[2])
    tag = f"cpython-{python.replace('.', '')}"
    pairs = ((entry, workspace / str(number)) for number, entry in enumerate(sources))
    return [Entry.read(beside(entry.path, tag), made) for entry, made in pairs if made.exists()]


def _failed(workspace: Path, why: str) -> StorageError:
    return StorageError(
        f"bytecode cannot be made in {str(workspace)!r} ({why}); nothing was published: make room, or set TMPDIR to a "
        "folder with more"
    )


def beside(path: str, tag: str) -> str:
    """Return where Python looks for the bytecode of ``path`` (PEP 3147)."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.{tag}.pyc"
