"""The program ``publish``: its words and flags, how it tells of a failure, and with which exit code it leaves."""

import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click
import orjson

from baked_publish import checking, commands, errors, imaging, plugins, projecting, results
from baked_publish.bake import BakeOptions
from baked_publish.checking import Checking
from baked_publish.commands import NOBODY, Baking, Consent, Following, Naming, connected
from baked_publish.config import PROJECT
from baked_publish.deadline import Limit
from baked_publish.flags import Command, collect, flags
from baked_publish.images.options import ImageOptions, PlatformOptions
from baked_publish.imaging import Imaging
from baked_publish.ingredients import Ingredients
from baked_publish.plugin_secrets import PluginSecrets
from baked_publish.project import Project
from baked_publish.projecting import Beginning, Configuring
from baked_publish.publisher import Publisher
from baked_publish.redaction import as_json, hidden, without_ids
from baked_publish.report import Report
from baked_publish.serve import Serving
from baked_publish.speech import Speech
from baked_publish.suggest import nearest
from baked_publish.wish import Wish

BUG, INTERRUPTED, TERMINATED = 70, 130, 143
WITHOUT = {"init", "config", "plugins", "cache", "--help", "--version"}
"""Words that do not need the project's file."""
SITE, BAKE, OUTPUT = "Site and settings", "Bake", "Output"


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
    for kind in (each for each in kinds if each.__module__ == errors.__name__):
        yield kind.exit_code, str(kind.__doc__).strip()
    yield BUG, "A fault of this program."
    yield INTERRUPTED, "Interrupted from the keyboard; what was live stays live."
    yield TERMINATED, "Terminated from outside; what was live stays live."


def command(name: str, run: Callable[..., None], params: Sequence[click.Parameter], about: str) -> click.Command:
    """Make a command of ``run(speech, report, **values)`` with the flags of every command."""
    return Command(name, callback=partial(speak, run), params=[*params, *flags(Speech, OUTPUT)], help=about)


def speak(run: Callable[..., None], **values: Any) -> None:
    """Run a command, tell of its failure, and leave with its exit code."""
    speech = collect(Speech, values)
    own = {name: value for name, value in values.items() if name not in Speech.__slots__}
    try:
        run(speech, speech.report(), **own)
    except errors.PublishError as exc:
        fail(speech, str(exc), type(exc).__name__, exc.exit_code, exc.details)
    except (KeyboardInterrupt, click.Abort) as exc:
        if sys.stderr.isatty():  # there ^C stands on this line, or a question
            click.echo(err=True)
        fail(speech, f"interrupted; {str(exc) or 'what was live stays live'}", "Interrupted", INTERRUPTED)
    except Exception as exc:  # noqa: BLE001 - the last place that can say it in words
        fail(speech, f"this is a fault of publish, please report it with the output of -v: {exc!r}", "Bug", BUG)


def fail(speech: Speech, message: str, kind: str, exit_code: int, details: Mapping[str, Any] | None = None) -> NoReturn:
    """Say what failed, on standard error and in the JSON result, and leave."""
    if speech.verbose:
        click.echo(hidden(traceback.format_exc()), err=True)
    if speech.json:
        value = {**(details or {}), **results.failure(message, kind, exit_code)}
        click.echo(as_json(value))
    else:
        said = hidden(f"Error: {message}")
        click.echo(without_ids(said) if speech.quiet else said, err=True)
    raise SystemExit(exit_code)


class Named(click.Path):
    """A file that is named; where none is, it says where else files may be named."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:  # noqa: ARG002 - click's
        """Return what comes after click's own words."""
        return f"Name databases, or keep their names in a {PROJECT!r} here: `publish init` writes one"


def files_argument(*, required: bool = True) -> click.Argument:
    """Return the argument FILES."""
    return click.Argument(["files"], nargs=-1, required=required, type=Named(path_type=Path, readable=False))


def changing() -> list[click.Parameter]:
    """Return what a command takes that brings visitors to what is there: REVISION, and how long it may take."""
    return [click.Argument(["revision"], required=False), *flags(Limit)]


def publish_command(target: type[Publisher]) -> click.Command:
    """Make the command that publishes to ``target``."""
    common = [*naming(target), *flags(Wish, "Publish"), *flags(Limit, "Publish"), *flags(Consent, "Publish")]
    own = flags(target.options, f"Target {target.target}", target=target.target)
    about = f"Publish FILES to {target.target}. {(target.__doc__ or '').strip()}"
    return command(
        target.target,
        partial(commands.publish, target),
        [files_argument(), *common, *own, *inputs(), *flags(PluginSecrets, SITE)],
        about,
    )


def naming(target: type[Publisher]) -> list[click.Parameter]:
    """Return how the name on ``target`` is said: by a flag, or as the argument after FILES."""
    if not target.called.startswith("--"):
        return [click.Argument(["name"], metavar=target.called)]
    flag = flags(Naming, "Publish")[0]
    if target.called not in flag.opts:
        flag.opts.append(target.called)
    return [flag]


def inputs() -> list[click.Parameter]:
    """Return the flags of whatever reads FILES and bakes them."""
    return [*flags(Ingredients, SITE), *flags(BakeOptions, BAKE)]


def verb(name: str, run: Callable[..., None], about: str, *params: click.Parameter) -> Targets:
    """Make ``publish NAME TARGET THING``: a command that every target has."""

    def make(target: type[Publisher]) -> click.Command:
        where = flags(target.options, target=target.target, only_locating=True)
        metavar = None if target.called.startswith("--") else target.called
        own = [click.Argument(["name"], metavar=metavar), *params, *where]
        return command(target.target, partial(on_target, run, target), own, about)

    return Targets(name, make=make, help=about)


def doctor_command(target: type[Publisher]) -> click.Command:
    """Make ``publish doctor TARGET [NAME]``; where a name is a place, it must be said."""
    if target.called.startswith("--"):
        name = click.Argument(["name"], required=False, default=NOBODY)
    else:
        name = click.Argument(["name"], metavar=target.called)
    own = flags(target.options, f"Target {target.target}", target=target.target)
    about = f"Tell what {target.target} needs, and whether it is there."
    return command(target.target, partial(commands.doctor, target), [name, *own], about)


def on_target(
    run: Callable[..., None], target: type[Publisher], speech: Speech, report: Report, name: str, **values: Any
) -> None:
    """Run a verb on what is published as ``name``."""
    names = {each.name for each in fields(target.options)}
    with connected(target, name, report, values) as publisher:
        own = {key: value for key, value in values.items() if key not in names}
        run(publisher, speech, report, **own)


def make_program() -> Program:
    """Put the program together."""
    about = "Publish SQLite databases with a fast, safe, read-only server around them."
    program = Program("publish", make=publish_command, help=about, params=[version_option()])
    bake_params = [files_argument(), *flags(Baking), *inputs()]
    check_params = [files_argument(), *flags(Checking), *inputs()]
    init_params = [files_argument(required=False), *flags(Naming), *flags(Beginning)]
    image_params = [files_argument(required=False), *image_flags(), *inputs()]
    serve_params = [files_argument(required=False), *flags(Serving), *flags(Ingredients, SITE)]
    for each in (
        command("serve", commands.serve, serve_params, "Look at FILES here, exactly as they will look when published."),
        command("check", checking.check, check_params, "Look for what strangers should not see in FILES."),
        command("bake", commands.bake, bake_params, "Freeze FILES: databases and Manifest in a folder."),
        command("image", imaging.image, image_params, "Build an image of FILES, without Docker; or look at one."),
        cache_commands(),
        command("init", projecting.init, init_params, "Write publish.yaml, the file that a project keeps in git."),
        command(
            "config", projecting.config, flags(Configuring), "Tell what publish.yaml comes to, and whether it is right."
        ),
        Targets(
            "doctor", make=doctor_command, help="Tell what TARGET needs before a publish, and whether it is there."
        ),
        verb("status", commands.status, "Tell what is live as NAME, and whether it answers."),
        verb("history", commands.history, "List what is and was live as NAME, newest first."),
        verb("rollback", commands.rollback, "Bring back what was live before, or REVISION.", *changing()),
        verb("promote", commands.promote, "Send the visitors to the newest preview, or REVISION.", *changing()),
        verb("logs", commands.logs, "Show the log of what is live as NAME.", *flags(Following)),
        verb("unpublish", commands.unpublish, "Remove NAME and its history.", *flags(Consent)),
        command("plugins", commands.list_plugins, [], "List the installed targets, with version and origin."),
    ):
        program.add_command(each)
    return program


def image_flags() -> list[click.Parameter]:
    """Return the flags of ``publish image``."""
    built = [*flags(ImageOptions, "Image"), *flags(PlatformOptions, "Image")]
    return [*flags(Imaging, "Output of the image"), *flags(Naming, "Output of the image"), *built]


def cache_commands() -> click.Group:
    """Make ``publish cache show|clear``."""
    group = click.Group("cache", help="Look at the cache of image layers, or empty it.")
    group.add_command(command("show", imaging.show_cache, [], "Tell where the cache is and what it holds."))
    group.add_command(command("clear", imaging.clear_cache, [], "Remove all that the cache holds."))
    return group


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
        project = None if words and words[0] in WITHOUT else Project.find(Path())
        if project and (not words or words[0].startswith("-")):
            words = [project.target, *words]
        defaults = project.defaults() if project else None
        make_program().main(words, "publish", standalone_mode=False, default_map=defaults, obj=project)
    except errors.PublishError as exc:
        speech = Speech(json="--json" in words, verbose=bool({"-v", "--verbose"} & {*words}))
        fail(speech, str(exc), type(exc).__name__, exc.exit_code, exc.details)
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
