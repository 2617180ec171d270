"""The console: its voices may be used by several threads at once, as uploads side by side do."""

import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from baked_publish.console import JsonLines, Rich
from baked_publish.report import Report


def work(report: Report, number: int) -> int:
    """Follow a piece of work, and speak in between."""
    done = 0
    with report.progress(f"uploading {number}", 50) as advance:
        for _ in range(50):
            advance(1)
            done += 1
        report.detail(f"half of {number}")
        report.info(f"all of {number}")
    return done


def test_a_terminal_shows_several_bars(capsys: pytest.CaptureFixture[str]) -> None:
    report = Rich(verbose=1)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda number: work(report, number), range(20))) == [50] * 20
    said = capsys.readouterr().err
    assert all(f"all of {number}" in said for number in range(20))
    with report.progress("another", 1) as advance:  # the display began anew after the last bar went
        advance(1)


def test_a_bar_goes_when_its_work_fails() -> None:
    report = Rich()
    with pytest.raises(ZeroDivisionError), report.progress("failing", 1):
        raise ZeroDivisionError
    assert report._bars is None


def test_lines_for_a_program_stay_whole() -> None:
    out = io.StringIO()
    report = JsonLines(out)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: work(report, number), range(50)))
    assert {each["event"] for each in map(json.loads, out.getvalue().splitlines())} >= {"info"}
