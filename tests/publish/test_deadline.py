"""The deadline of a whole publish."""

import signal
import threading
import time
from pathlib import Path

import pytest
from line import make_database, result

from baked_publish.deadline import within
from baked_publish.errors import TargetError, UsageError


def test_what_takes_too_long_is_given_up() -> None:
    began = time.monotonic()
    with pytest.raises(TargetError, match=r"not done within 0\.002 minutes .* one whole deployment"), within(0.002):
        threading.Event().wait(60)
    assert time.monotonic() - began < 30


def test_who_goes_on_after_a_failure_of_the_target_does_not_go_on_then() -> None:
    def work() -> None:
        try:
            threading.Event().wait(60)
        except Exception:  # noqa: BLE001 - as a step does that can be done without
            raise AssertionError("the deadline was taken for a failure") from None

    with pytest.raises(TargetError, match="--within"), within(0.001):
        work()


def test_what_clears_away_has_time() -> None:
    def work() -> None:
        try:
            threading.Event().wait(60)
        finally:
            time.sleep(0.2)  # longer than the limit, and not interrupted

    with pytest.raises(TargetError), within(0.001):
        work()


def test_in_time_nothing_happens_and_nothing_is_left() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with within(1):
        pass
    with within(None):
        pass
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("minutes", [0, -1])
def test_no_time_at_all_is_refused(minutes: float) -> None:
    with pytest.raises(UsageError, match="a number of minutes"), within(minutes):
        pass


def test_the_program_leaves_with_the_code_of_a_target_that_failed(tmp_path: Path) -> None:
    database = make_database(tmp_path / "data.db", 1)
    env = {"BAKED_STATE_HOME": str(tmp_path / "state")}
    told = result("local", database, "--within", "0.0001", env=env, code=TargetError.exit_code)
    assert "--within" in told["error"]["message"]
    assert result("status", "local", "data", env=env, code=11)["ok"] is False
