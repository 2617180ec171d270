"""Speech: how a command answers, on standard output, and what tells of the work on standard error."""

from collections.abc import Iterable
from dataclasses import dataclass

import click
import orjson

from baked_publish.console import voice
from baked_publish.options import option
from baked_publish.redaction import as_json, hidden
from baked_publish.report import Report
from baked_publish.results import JSON


@dataclass(frozen=True, slots=True)
class Speech:
    """How a command answers."""

    json: bool = option(False, "Answer with one JSON object; progress as JSON lines.")
    quiet: bool = option(
        False,
        "Say nothing but the result, warnings and errors, without ids: for logs that are public.",
        flag="-q --quiet",
    )
    verbose: bool = option(False, "Say more, and show the traceback of a failure.", flag="-v --verbose")

    def report(self) -> Report:
        """Return the voice of this run."""
        return voice(as_json=self.json, quiet=self.quiet, verbose=self.verbose)

    def answer(self, value: JSON, lines: Iterable[str]) -> None:
        """Write the result to standard output."""
        if self.json:
            click.echo(as_json(value, orjson.OPT_SORT_KEYS))
            return
        for line in lines:
            click.echo(hidden(line))
