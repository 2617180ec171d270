"""The ground that stand-ins of platforms stand on: a real Docker engine and a real registry, both on this machine."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from engine import Daemon
from registry import Registry


@dataclass(frozen=True)
class Ground:
    """What a stand-in runs images on, and what it takes them from."""

    engine: Daemon
    registry: Registry
    folder: Path
    """Where it may write, such as a key file."""


Standing = Callable[[Ground], AbstractContextManager[Mapping[str, str]]]
"""Runs a stand-in until the end; yields the environment in which ``publish`` finds it."""
