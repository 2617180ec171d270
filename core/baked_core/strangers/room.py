"""The locked room: what a process gives up once it is warm, so that it can open, make and start nothing more.

What the kernel does not let it give up is told, by name and with the reason, by ``Pool.standing``: at
``/-/versions.json``, and by ``publish doctor local`` before anything is published.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from baked_core.strangers import landlock, seccomp
from baked_core.strangers.bounds import Bounds

NICE: Final = 10
"""How far a process of a stranger's stands back behind the app's own."""
_SET_DEATH_SIGNAL: Final = 1

Armed = dict[str, str]
"""Each lock, and why it could not be armed; an empty text if it was."""


def step_back(parent: int) -> Armed:
    """Before anything else: be slower than the app, be the first that a kernel without memory ends, end with it."""
    os.nice(NICE)
    for number in (signal.SIGXFSZ, signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    armed = {"ends_with_app": _end_with(parent), "first_to_go": _tried(_first_to_go)}
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return armed


def lock(bounds: Bounds, *, memory: bool, locked: bool, folders: Sequence[str]) -> Armed:
    """Give up all that is not needed any more; ``folders`` hold files that somebody else writes to.

    The order matters: nothing can be opened after the first lock, and nothing be set after the last.
    """
    armed: Armed = {}
    if memory:
        armed["memory"] = _tried(bounds.set_memory)
    if locked:
        armed["landlock"] = landlock.lock(folders)
        armed["file_size"] = _tried(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
        armed["processes"] = _tried(lambda: resource.setrlimit(resource.RLIMIT_NPROC, (0, 0)))
        armed["open_files"] = (
            "files that somebody else writes to are opened anew"
            if folders
            else _tried(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0)))
        )
        armed["seccomp"] = seccomp.lock(opening=bool(folders))
    return armed


def _end_with(parent: int) -> str:
    if sys.platform != "linux":
        return f"not known for {sys.platform}"
    if ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0):
        return "the kernel refuses"
    if os.getppid() != parent:  # it died before the kernel was told
        os._exit(0)
    return ""


def _first_to_go() -> None:
    Path("/proc/self/oom_score_adj").write_text("1000", "ascii")


def _tried(step: Callable[[], object]) -> str:
    try:
        step()
    except (OSError, ValueError) as exc:
        return f"the kernel refuses: {exc}"
    return ""
