"""The program ``publish``: the only place that talks to a person."""

import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click
import orjson

from baked_publish import errors, pipeline, plugins, results
from baked_publish.bake import BakeOptions
from baked_publish.builders.directory import Directory
from baked_publish.console import voice
from baked_publish.flags import collect, flags
from baked_publish.ingredients import Ingredients, baking
from baked_publish.options import option
from baked_publish.pipeline import Wish
from baked_publish.publisher import Can, Publisher
from baked_publish.report import Report
from baked_publish.serve import Serving, preview
from baked_publish.suggest import nearest

BUG, INTERRUPTED, TERMINATED = 70, 130, 143
VERIFYING = 1800.0
"""Seconds a deployment may take to count and hash all it holds."""


@dataclass(frozen=True, slots=True)
class Speech:
    """How a command answers."""

    json: bool = option(False, "Answer with one JSON object; progress as JSON lines.")
    quiet: bool = option(False, "Say nothing but warnings and the result.", flag="-q --quiet")
    verbose: bool = option(False, "Say more, and show the traceback of a failure.", flag="-v --verbose")

    def report(self) -> Report:
        """Return the voice of this run."""
        return voice(as_json=self.json, quiet=self.quiet, verbose=self.verbose)

    def answer(self, value: results.JSON, lines: Iterable[str]) -> None:
        """Write the result to standard output."""
        if self.json:
            click.echo(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
            return
        for line in lines:
            click.echo(line)


@dataclass(frozen=True, slots=True)
class Naming:
    """What a published thing is called."""

    name: str | None = option(None, "Name on the target; by default the file's or the folder's.", flag="-n --name")


@dataclass(frozen=True, slots=True)
class Baking:
    """Where a bake goes."""

    output: Path = option(Path("baked"), "Folder to write; must not exist or be empty.", flag="-o --output")


@dataclass(frozen=True, slots=True)
class Following:
    """How a log is shown."""

    follow: bool = option(False, "Go on as lines come.", flag="-f --follow")


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agrees to beforehand."""

    yes: bool = option(False, "Answer every question with yes.", flag="-y --yes")


class Targets(click.Group):
    """A group with a command for each installed target, imported only when it is asked for."""

    def __init__(self, *args: Any, make: Callable[[type[Publisher]], click.Command], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.make = make

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the built-in commands and the targets."""
        return [*super().list_commands(ctx), *sorted({plugin.target for plugin in plugins.installed()})]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a built-in command, or the one made for a target; None if there is neither."""
        built_in = super().get_command(ctx, cmd_name)
        if built_in or cmd_name not in self.list_commands(ctx):
            return built_in
        return self.make(plugins.load(cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest known word for one that is not known."""
        word = click.utils.make_str(args[0])
        if self.get_command(ctx, word) is None and not word.startswith("-"):
            known = self.list_commands(ctx)
            ctx.fail(f"there is no command or target {word!r}{nearest(word, known)}; there are: {', '.join(known)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show commands and targets apart, without importing a target."""
        commands = [(name, self.commands[name].get_short_help_str(80)) for name in super().list_commands(ctx)]
        targets = [(each.target, f"{each.distribution} {each.version}") for each in plugins.installed()]
        for title, rows in (("Commands", commands), ("Targets", targets)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


class Program(Targets):
    """The program itself, whose help ends with the exit codes."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List every exit code."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in exit_codes()])
        super().format_epilog(ctx, formatter)


def exit_codes() -> Iterator[tuple[int, str]]:
    """Yield each exit code of the program and what it means."""
    yield 0, "It went well."
    kinds: list[type[errors.PublishError]] = [errors.PublishError, *errors.PublishError.__subclasses__()]
    for kind in kinds:
        yield kind.exit_code, str(kind.__doc__).strip()
    yield BUG, "A fault of this program."
    yield INTERRUPTED, "Interrupted from the keyboard; what was live stays live."
    yield TERMINATED, "Terminated from outside; what was live stays live."


def command(name: str, run: Callable[..., None], params: Sequence[click.Parameter], about: str) -> click.Command:
    """Make a command of ``run(speech, report, **values)`` with the flags of every command."""
    return click.Command(name, callback=partial(speak, run), params=[*params, *flags(Speech)], help=about)


def speak(run: Callable[..., None], **values: Any) -> None:
    """Run a command, tell of its failure, and leave with its exit code."""
    speech = collect(Speech, values)
    own = {name: value for name, value in values.items() if name not in Speech.__slots__}
    try:
        run(speech, speech.report(), **own)
    except errors.PublishError as exc:
        fail(speech, str(exc), type(exc).__name__, exc.exit_code)
    except KeyboardInterrupt:
        fail(speech, "interrupted; what was live stays live", "Interrupted", INTERRUPTED)
    except Exception as exc:  # noqa: BLE001 - the last place that can say it in words
        fail(speech, f"this is a fault of publish, please report it with the output of -v: {exc!r}", "Bug", BUG)


def fail(speech: Speech, message: str, kind: str, exit_code: int) -> NoReturn:
    """Say what failed, on standard error and in the JSON result, and leave."""
    if speech.verbose:
        traceback.print_exc()
    if speech.json:
        click.echo(orjson.dumps(results.failure(message, kind, exit_code)))
    else:
        click.echo(f"Error: {message}", err=True)
    raise SystemExit(exit_code)


def files_argument(*, required: bool = True) -> click.Argument:
    """Return the argument FILES."""
    return click.Argument(["files"], nargs=-1, required=required, type=click.Path(path_type=Path))


def revision_argument() -> click.Argument:
    """Return the optional argument REVISION."""
    return click.Argument(["revision"], required=False)


def publish_command(target: type[Publisher]) -> click.Command:
    """Make the command that publishes to ``target``."""
    common = [*flags(Naming), *flags(Wish), *flags(Ingredients), *flags(BakeOptions), *flags(Consent)]
    params = [files_argument(), *common, *flags(target.options, target=target.target)]
    return command(target.target, partial(publish, target), params, f"Publish FILES to {target.target}.")


def publish(target: type[Publisher], speech: Speech, report: Report, files: tuple[Path, ...], **values: Any) -> None:
    """Publish files."""
    name = values["name"] or default_name(files)
    baked = partial(baking, files, collect(Ingredients, values), collect(BakeOptions, values), report)
    with connected(target, name, report, values) as publisher:
        outcome = pipeline.publish(publisher, baked, collect(Wish, values), report)
    answer_outcome(speech, target.target, outcome)


def default_name(files: Sequence[Path]) -> str:
    """Return the only file's or folder's name without its suffix; raise UsageError if there are several."""
    if len(files) == 1:
        return files[0].resolve().stem
    raise errors.UsageError("several files have no common name: give one with --name")


@contextmanager
def connected(target: type[Publisher], name: str, report: Report, values: dict[str, Any]) -> Iterator[Publisher]:
    """Make the Publisher of ``target`` with its options and a network."""
    import httpx  # noqa: PLC0415 - 60 ms that `publish --help` does without

    with httpx.Client(timeout=httpx.Timeout(30.0, read=VERIFYING)) as http:
        yield target(collect(target.options, values), name, http, report)


def answer_outcome(speech: Speech, name: str, outcome: pipeline.Outcome) -> None:
    """Answer with the URL, the plan of a dry run, or all that is known of the outcome."""
    lines = [pipeline.describe(change) for change in outcome.changes]
    if outcome.action != "planned":
        lines = [outcome.at.url] if outcome.at else []
    speech.answer(results.of_outcome(name, outcome), lines)


def verb(name: str, run: Callable[..., None], about: str, *params: click.Parameter) -> Targets:
    """Make ``publish NAME TARGET THING``: a command that every target has."""

    def make(target: type[Publisher]) -> click.Command:
        own = [click.Argument(["name"]), *params, *flags(target.options, target=target.target)]
        return command(target.target, partial(on_target, run, target), own, about)

    return Targets(name, make=make, help=about)


def on_target(
    run: Callable[..., None], target: type[Publisher], speech: Speech, report: Report, name: str, **values: Any
) -> None:
    """Run a verb on what is published as ``name``."""
    names = {each.name for each in fields(target.options)}
    with connected(target, name, report, values) as publisher:
        own = {key: value for key, value in values.items() if key not in names}
        run(publisher, speech, report, **own)


def status(publisher: Publisher, speech: Speech, report: Report) -> None:
    """Tell what is live, whether it answers, and which previews there are."""
    live, previews = publisher.live(), [each for each in publisher.candidates() if each.kept]
    if live is None and not previews:
        raise errors.NotFoundError(f"nothing is published on {publisher.target} as {publisher.name!r}")
    answers = live is not None and pipeline.answers(publisher, live)
    value = {
        "live": results.of_deployment(live) if live else None,
        "answers": answers,
        "previews": [results.of_deployment(each) for each in previews],
    }
    lines = [f"{live.url}  revision {live.revision}  since {live.created}"] if live else ["nothing is live"]
    if live and not answers:
        report.warning(f"{live.url} does not answer: publish again to bring it up")
    lines += [f"preview {each.url}  revision {each.revision}" for each in previews]
    speech.answer(results.envelope("status", **value), lines)


def history(publisher: Publisher, speech: Speech, _report: Report) -> None:
    """List what is and was live."""
    past = publisher.history()
    if not past:
        raise errors.NotFoundError(f"nothing was ever published on {publisher.target} as {publisher.name!r}")
    value = results.envelope("history", deployments=[results.of_deployment(each) for each in past])
    speech.answer(value, results.listing(past))


def rollback(publisher: Publisher, speech: Speech, report: Report, revision: str | None) -> None:
    """Bring an older deployment back."""
    answer_outcome(speech, "rollback", pipeline.rollback(publisher, revision, Wish(), report))


def promote(publisher: Publisher, speech: Speech, report: Report, revision: str | None) -> None:
    """Send the visitors to a preview."""
    answer_outcome(speech, "promote", pipeline.promote(publisher, revision, Wish(), report))


def logs(publisher: Publisher, _speech: Speech, _report: Report, *, follow: bool) -> None:
    """Show the log of what is live."""
    if Can.LOGS not in publisher.can:
        raise errors.TargetError(f"{publisher.target} shows no logs")
    for line in publisher.logs(follow):
        click.echo(line)


def unpublish(publisher: Publisher, speech: Speech, report: Report, *, yes: bool) -> None:
    """Remove a name from its target, once the person agrees."""
    if not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise errors.UsageError(f"unpublishing {publisher.name!r} cannot be undone: add --yes to do it unasked")
        click.confirm(f"Remove {publisher.name!r} and its history from {publisher.target}?", abort=True, err=True)
    pipeline.unpublish(publisher, report)
    speech.answer(results.envelope("unpublish", target=publisher.target, name=publisher.name), [])


def bake(speech: Speech, report: Report, files: tuple[Path, ...], output: Path, **values: Any) -> None:
    """Freeze files into a folder that did not exist."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise errors.UsageError(f"{str(output)!r} is there already: name a folder that does not exist or is empty")
    with baking(files, collect(Ingredients, values), collect(BakeOptions, values), report) as bundle:
        Directory(bundle).write_whole(output, report)
        for line in results.found(bundle.manifest):
            report.info(line)
    value = {"folder": str(output), "bundle": bundle.digest, "databases": results.of_databases(bundle.manifest)}
    speech.answer(results.envelope("bake", **value), [str(output)])


def list_plugins(speech: Speech, _report: Report) -> None:
    """List the installed targets."""
    found = plugins.installed()
    lines = [f"{each.target}  {each.distribution} {each.version}  {each.origin}" for each in found]
    speech.answer(results.envelope("plugins", targets=results.of_plugins(found)), lines)


def serve(speech: Speech, report: Report, files: tuple[Path, ...], **values: Any) -> None:
    """Serve files on this machine until interrupted."""

    def ready(url: str) -> None:
        speech.answer(results.envelope("serve", url=url), [url])

    preview(files, collect(Ingredients, values), collect(Serving, values), report, ready)


def make_program() -> Program:
    """Put the program together."""
    about = "Publish SQLite databases with a fast, safe, read-only server around them."
    program = Program("publish", make=publish_command, help=about, params=[version_option()])
    bake_params = [files_argument(), *flags(Baking), *flags(Ingredients), *flags(BakeOptions)]
    serve_params = [files_argument(required=False), *flags(Serving), *flags(Ingredients)]
    for each in (
        command("serve", serve, serve_params, "Look at FILES here, exactly as they will look when published."),
        command("bake", bake, bake_params, "Freeze FILES: databases and Manifest in a folder."),
        verb("status", status, "Tell what is live as NAME, and whether it answers."),
        verb("history", history, "List what is and was live as NAME, newest first."),
        verb("rollback", rollback, "Bring back what was live before, or REVISION.", revision_argument()),
        verb("promote", promote, "Send the visitors to the newest preview, or REVISION.", revision_argument()),
        verb("logs", logs, "Show the log of what is live as NAME.", *flags(Following)),
        verb("unpublish", unpublish, "Remove NAME and its history.", *flags(Consent)),
        command("plugins", list_plugins, [], "List the installed targets, with version and origin."),
    ):
        program.add_command(each)
    return program


def version_option() -> click.Option:
    """Return the option that shows the version and ends."""

    def show(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's call
        if wanted:
            click.echo(f"publish, baked-data {version('baked-data')}")
            ctx.exit()

    return click.Option(["--version"], is_flag=True, expose_value=False, is_eager=True, callback=show, help="Show it.")


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the program and leave with its exit code."""
    signal.signal(signal.SIGTERM, terminated)
    words = sys.argv[1:] if args is None else list(args)
    try:
        make_program().main(words, "publish", standalone_mode=False)
    except click.ClickException as exc:
        exc.show()
        if "--json" in words:
            click.echo(orjson.dumps(results.failure(exc.format_message(), "UsageError", exc.exit_code)))
        raise SystemExit(exc.exit_code) from None
    except click.Abort:
        raise SystemExit(INTERRUPTED) from None
    raise SystemExit(0)


def terminated(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Leave in good order: every context on the way is closed."""
    raise SystemExit(TERMINATED)
