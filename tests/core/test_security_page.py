"""The page on security tells the figures that the code has."""

from pathlib import Path

import pytest

from baked_core import args, database, guard, limits, strain, threads, urls
from baked_core.settings import Settings
from baked_core.strangers import desk

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")


@pytest.mark.parametrize(
    "figure",
    [
        f"| {limits.TARGET:,} bytes, else 414",
        f"| {limits.FIELDS}, of {limits.HEADERS:,} bytes together",
        f"| {limits.BODY:,} bytes, of which nothing",
        f"| {limits.HURRY:.0f} s, else 408",
        f"| {limits.CRAWL:,} bytes in {limits.STALL:.0f} s",
        f"| {limits.UNSENT:,} bytes; then",
        f"else {limits.SORTED:,} bytes of memory for all",
        f"| {limits.VISITS:,}, or what the limit",
        f"more than {limits.VISITS // limits.CROWD} that read slowly",
        f"| {args.MAX_ARGUMENTS:,}, else 400",
        f"| {guard.LENGTH:,} bytes, or twice",
        f"| {urls.LINKS:,} characters, else 400",
        f"| {database.STREAMS}, of which {database.STREAMS // 2} for one client",
        f"at least {desk.STREAMS}, of which {desk.STREAMS // 2}",
        f"clients take turns, for {threads.PATIENCE:.0f} s, then 503",
        f"| {Settings().sql_time_limit_ms} ms;",
        f"| {Settings().sql_memory_mb} MB |",
        f"| {Settings().max_answer_mb} MB, or three times",
        f"more than {strain.WORDS} characters",
    ],
)
def test_a_figure_is_true(figure: str) -> None:
    assert figure in " ".join(PAGE.split("\n"))
