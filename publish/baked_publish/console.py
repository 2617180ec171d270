"""Console: the voices a Report speaks with: rich on a terminal, plain lines in a log, JSON lines, or nothing.

All of them write to standard error; standard output is kept for the result.
"""

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from baked_publish.redaction import as_json, hidden, without_ids
from baked_publish.report import Advance, Report

if TYPE_CHECKING:
    from rich.progress import Progress

PLAIN_EVERY = 10
"""Percent of progress between two plain lines."""
PLAIN_FROM = 64 << 20
"""Bytes below which a plain log does not follow the progress."""


def voice(*, as_json: bool, quiet: bool, verbose: int) -> Report:
    """Choose the Report for this terminal, log or program."""
    if as_json:
        return JsonLines(sys.stderr, quiet=quiet)
    if quiet or not sys.stderr.isatty():
        return Plain(sys.stderr, quiet=quiet, verbose=verbose)
    return Rich(verbose=verbose)


class Plain:
    """Plain lines, for a log; quiet, warnings only, without ids."""

    def __init__(self, out: TextIO, *, quiet: bool = False, verbose: int = 0) -> None:
        self._out, self._quiet, self._verbose = out, quiet, verbose

    def _say(self, line: str) -> None:
        self._out.write(f"{hidden(line)}\n")  # at once: threads speak side by side
        self._out.flush()

    def step(self, name: str, detail: str = "") -> None:
        """Begin a line of its own."""
        if not self._quiet:
            self._say(f"{name}: {detail}" if detail else name)

    def info(self, message: str) -> None:
        """Indent below the step."""
        if not self._quiet:
            self._say(f"  {message}")

    def detail(self, message: str) -> None:
        """Speak only when verbose."""
        if self._verbose and not self._quiet:
            self._say(f"  {message}")

    def warning(self, message: str) -> None:
        """Speak even when quiet."""
        self._say(f"warning: {without_ids(message) if self._quiet else message}")

    @contextmanager
    def progress(self, what: str, total: int) -> Generator[Advance, None, None]:
        """Say every tenth of a long piece of work."""
        done = said = 0

        def advance(count: int) -> None:
            nonlocal done, said
            done += count
            percent = done * 100 // max(total, 1)
            if total >= PLAIN_FROM and percent >= said + PLAIN_EVERY:
                said = percent - percent % PLAIN_EVERY
                self.info(f"{what} {said} %")

        yield advance


class Rich(Plain):
    """Colours and a moving bar, for a person at a terminal."""

    def __init__(self, *, verbose: int = 0) -> None:
        from rich.console import Console  # noqa: PLC0415 - only a terminal needs it

        super().__init__(sys.stderr, verbose=verbose)
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bars: Progress | None = None
        self._guard = threading.Lock()

    def _say(self, line: str) -> None:
        self._console.print(hidden(line), markup=False)

    def step(self, name: str, detail: str = "") -> None:
        """Begin a line of its own, in bold."""
        from rich.text import Text  # noqa: PLC0415

        self._console.print(Text.assemble((name, "bold cyan"), f" {hidden(detail)}"))

    def warning(self, message: str) -> None:
        """Speak in yellow."""
        self._console.print(hidden(f"warning: {message}"), style="yellow", markup=False)

    @contextmanager
    def progress(self, what: str, total: int) -> Generator[Advance, None, None]:
        """Draw a bar that goes when the work is done; several threads may have one each."""
        with self._guard:
            bars = self._bars = self._bars or self._begun()
            task = bars.add_task(what, total=total)
        try:
            yield lambda count: bars.update(task, advance=count)
        finally:
            with self._guard:
                bars.remove_task(task)
                if not bars.tasks:
                    bars.stop()
                    self._bars = None

    def _begun(self) -> "Progress":
        from rich import progress  # noqa: PLC0415

        bars = progress.Progress(
            progress.TextColumn("  {task.description}"),
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            console=self._console,
            transient=True,
        )
        bars.start()  # one display: a terminal can show no second one beside it
        return bars


class JsonLines:
    """One JSON object a line, for a program."""

    def __init__(self, out: TextIO, *, quiet: bool = False) -> None:
        self._out, self._quiet = out, quiet

    def _say(self, event: str, **values: object) -> None:
        if not self._quiet or event == "warning":
            self._out.write(as_json({"event": event, **values}) + "\n")  # at once: threads speak as well
            self._out.flush()

    def step(self, name: str, detail: str = "") -> None:
        """Tell the step's name."""
        self._say("step", step=name, detail=detail)

    def info(self, message: str) -> None:
        """Tell a message."""
        self._say("info", message=message)

    def detail(self, message: str) -> None:
        """Tell a message of less weight."""
        self._say("detail", message=message)

    def warning(self, message: str) -> None:
        """Tell a warning."""
        self._say("warning", message=without_ids(message) if self._quiet else message)

    @contextmanager
    def progress(self, what: str, total: int) -> Generator[Advance, None, None]:
        """Tell every tenth of the work, and its end."""
        done = said = 0

        def advance(count: int) -> None:
            nonlocal done, said
            done += count
            if done * PLAIN_EVERY // max(total, 1) > said:
                said = done * PLAIN_EVERY // max(total, 1)
                self._say("progress", what=what, done=done, total=total)

        yield advance
