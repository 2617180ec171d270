"""Fuzzing, for some seconds a target: `make fuzz` runs it for longer. What it ever found is a test of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

fuzz = pytest.importorskip("fuzz", reason="atheris is for Linux on x86-64", exc_type=ImportError)

SECONDS = int(os.environ.get("FUZZ_SECONDS", "12"))
KEPT = os.environ.get("FUZZ_FOLDER")
"""Where inputs are kept that ran new code, so that the next run begins with them."""


@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_no_input_makes_it_fail(target: str, tmp_path: Path) -> None:
    folder = Path(KEPT) if KEPT else tmp_path
    words = [sys.executable, fuzz.__file__, target, str(SECONDS), str(folder)]
    surroundings = {**os.environ, "PYTHONPATH": str(Path(fuzz.__file__).parent)}
    done = subprocess.run(
        words, env=surroundings, capture_output=True, text=True, timeout=SECONDS + 90, check=False, cwd=tmp_path
    )
    told = done.stderr.replace("INFO: Instrumenting ", "")[-6000:]
    assert done.returncode == 0, told
    assert "stat::number_of_executed_units" in told
