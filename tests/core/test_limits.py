"""Limits follow what a machine or a container has, where that is less than what they would be."""

import os
from pathlib import Path

import pytest

from baked_core import limits


@pytest.mark.parametrize(
    ("told", "unsent"),
    [
        ("268435456\n", 64 << 20),
        ("max\n", limits.UNSENT),
        ("9223372036854771712\n", limits.UNSENT),
        ("nonsense", limits.UNSENT),
        ("0", limits.UNSENT),
    ],
)
def test_what_waits_for_slow_readers_is_a_share_of_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, unsent: int
) -> None:
    bound = tmp_path / "memory.max"
    bound.write_text(told)
    monkeypatch.setattr(limits, "_BOUNDS", (tmp_path / "nothing", bound))
    assert limits.share(limits.UNSENT) == unsent


def test_a_small_machine_keeps_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_BOUNDS", ())
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 1 << 16, "SC_PAGE_SIZE": 4096}.__getitem__)
    assert limits.share(limits.UNSENT) == 64 << 20
    assert limits.share(1000) == 1000
