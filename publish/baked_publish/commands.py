"""Commands: what each word of the program does, once its flags are parsed; with ``cli`` all that talks to a person."""

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from baked_publish import errors, pipeline, planning, plugins, results
from baked_publish.bake import BakeOptions
from baked_publish.builders.directory import Directory
from baked_publish.deadline import within
from baked_publish.deployment import Candidate, Deployment, Finding
from baked_publish.flags import collect, ways
from baked_publish.ingredients import Ingredients, baking
from baked_publish.options import missing, option
from baked_publish.plugin_secrets import PluginSecrets
from baked_publish.project import Project
from baked_publish.publisher import Can, Publisher
from baked_publish.redaction import hidden, without_ids
from baked_publish.report import Report, Silent
from baked_publish.serve import Serving, preview
from baked_publish.speech import Speech
from baked_publish.wish import Wish

NOBODY = "doctor"
"""The name that a target is asked about where none was said."""
VERIFYING = 1800.0
"""Seconds a deployment may take to count and hash all it holds."""


@dataclass(frozen=True, slots=True)
class Naming:
    """What a published thing is called."""

    name: str | None = option(None, "Name on the target; by default the file's or the folder's.", flag="-n --name")


@dataclass(frozen=True, slots=True)
class Baking:
    """Where a bake goes."""

    output: Path = option(Path("baked"), "Where to write; a folder that is new or empty.", flag="-o --output")


@dataclass(frozen=True, slots=True)
class Following:
    """How a log is shown."""

    follow: bool = option(False, "Go on as lines come.", flag="-f --follow")


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agrees to beforehand."""

    yes: bool = option(False, "Answer every question with yes.", flag="-y --yes")


def publish(target: type[Publisher], speech: Speech, report: Report, files: tuple[Path, ...], **values: Any) -> None:
    """Publish files."""
    name = values["name"] or default_name(files)
    secret = collect(PluginSecrets, values)
    ingredients = replace(ingredients_of(values), secrets=tuple(secret.references()))
    baked = partial(baking, files, ingredients, collect(BakeOptions, values), report)
    wish = wish_of(values)
    with connected(target, name, report, values) as publisher:
        publisher.secrets = secret.values()
        ask_for_the_rest(publisher)
        with within(values["within"]):
            outcome = consenting(partial(pipeline.publish, publisher, baked), wish, report, yes=values["yes"])
    answer_outcome(speech, target.target, outcome)


def project() -> Project | None:
    """Return what ``publish.yaml`` of this folder says, if there is one."""
    found = click.get_current_context().find_root().obj
    return found if isinstance(found, Project) else None


def wish_of(values: Mapping[str, Any]) -> Wish:
    """Return the wish of flags, environment and file; what the file accepts is accepted besides what flags accept."""
    wish, said = collect(Wish, values), project()
    return wish if said is None else replace(wish, accept=(*said.accept, *wish.accept), checks=said.checks)


def ingredients_of(values: Mapping[str, Any]) -> Ingredients:
    """Return the ingredients of flags, environment and file; a file of metadata takes the place of inline metadata.

    What the file says of a single database holds whoever names that database.
    """
    ingredients, said = collect(Ingredients, values), project()
    if said is None:
        return ingredients
    named = ingredients.metadata is not None
    inline = {key: each for key, each in said.inline.items() if not named or key == "settings"}
    return replace(ingredients, inline=inline, own=said.own())


def consenting(
    run: Callable[[Wish, Report], pipeline.Outcome], wish: Wish, report: Report, *, yes: bool
) -> pipeline.Outcome:
    """Publish; what is refused is asked at a terminal, and done if the person agrees. --yes accepts no exposure."""
    try:
        return run(wish, report)
    except errors.ExposedError as exc:
        if not (at_terminal() and click.confirm(f"{exc}\nAccept it all, and publish?", err=True)):
            raise
        return consenting(run, replace(wish, accept=(*wish.accept, *exc.names)), report, yes=yes)
    except errors.PlanRefused as exc:
        if not (at_terminal() and (yes or click.confirm(f"{exc}. Do it now?", err=True))):
            raise
        return run(replace(wish, force=True), report)


def at_terminal() -> bool:
    """Tell whether there is a person who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def default_name(files: Sequence[Path]) -> str:
    """Return the only file's or folder's name without its suffix; ask, or raise UsageError, if there are several."""
    if len(files) == 1:
        return files[0].resolve().stem
    if at_terminal():
        return str(click.prompt("Name", err=True))
    raise errors.UsageError("several files have no common name: give one with --name")


@contextmanager
def connected(
    target: type[Publisher], name: str, report: Report, values: dict[str, Any]
) -> Generator[Publisher, None, None]:
    """Make the Publisher of ``target`` with its options and a network."""
    with with_options(target, completed(target, collect(target.options, values), name), name, report) as publisher:
        yield publisher


@contextmanager
def with_options(target: type[Publisher], options: Any, name: str, report: Report) -> Generator[Publisher, None, None]:
    """Make the Publisher of ``target`` with a network."""
    import httpx  # noqa: PLC0415 - 60 ms that `publish --help` does without

    with httpx.Client(timeout=httpx.Timeout(30.0, read=VERIFYING)) as http:
        yield target(options, name, http, report)


def completed(target: type[Publisher], options: Any, name: str) -> Any:
    """Fill in what the surroundings tell, then ask for what is still missing, or raise UsageError with all of it."""
    options = target.complete(options)
    lacking = missing(options)
    if lacking and not at_terminal():
        told = [f"{each.metadata['needed']}: {' or '.join(ways(target.target, each))}" for each in lacking]
        told += _amiss(target, options, name)
        raise errors.UsageError(f"{target.target} needs {len(told)} more:\n" + "\n".join(f"  {each}" for each in told))
    answers = {each.name: click.prompt(each.metadata["needed"], err=True) for each in lacking}
    return replace(options, **answers) if answers else options


def _amiss(target: type[Publisher], options: Any, name: str) -> list[str]:
    """Return what a preflight finds amiss though options are missing, such as credentials: one list tells it all."""
    try:
        with with_options(target, options, name, Silent()) as publisher:
            return [f"{each.what}: {each.fix}" for each in publisher.preflight() if not each.ok]
    except errors.PublishError:  # it needs what is missing
        return []


def ask_for_the_rest(publisher: Publisher) -> None:
    """Ask a person for options that this very name needs; anybody else is told of them by the preflight."""
    if not at_terminal():
        return
    for field, words in publisher.lacking().items():
        told = str(click.prompt(words, err=True))
        several = isinstance(getattr(publisher.given, field), tuple)
        publisher.given = replace(
            publisher.given, **{field: tuple(told.replace(",", " ").split()) if several else told}
        )


def answer_outcome(speech: Speech, name: str, outcome: pipeline.Outcome) -> None:
    """Answer with the URL, the plan of a dry run, or all that is known of the outcome; quiet, without a digest."""
    lines = [planning.describe(change) for change in outcome.changes]
    if outcome.action != "planned":
        lines = [_url(outcome.at, speech)] if outcome.at else []
    speech.answer(results.of_outcome(name, outcome), lines)


def _url(at: Candidate | Deployment, speech: Speech) -> str:
    """Return where it is; when quiet, an image by its tag: a digest is an id."""
    return at.url.partition("@sha256:")[0] if speech.quiet else at.url


def doctor(target: type[Publisher], speech: Speech, report: Report, name: str, **values: Any) -> None:
    """Tell for each thing that a publish needs whether it is there, or what to do; fail if one is not."""
    options = target.complete(collect(target.options, values))
    findings = [
        Finding(ok=False, what=each.metadata["needed"], fix=f"give {' or '.join(ways(target.target, each))}")
        for each in missing(options)
    ]
    with with_options(target, options, name, report) as publisher:
        try:
            findings += publisher.doctor()
        except errors.PublishError as exc:  # nothing more can be looked at
            findings.append(Finding(ok=False, what=target.target, fix=str(exc)))
    amiss = [each for each in findings if not each.ok]
    value = {"findings": [asdict(each) for each in findings]}
    lines = [f"ok    {each.what}" if each.ok else f"FIX   {each.what}: {each.fix}" for each in findings]
    if not amiss:
        speech.answer(results.envelope("doctor", target=target.target, **value), lines or ["ok    nothing is needed"])
        return
    if not speech.json:
        speech.answer({}, lines)
    told = "1 thing is" if len(amiss) == 1 else f"{len(amiss)} things are"
    raise errors.PreflightError(f"{told} not as needed, of {len(findings)} looked at", value)


def status(publisher: Publisher, speech: Speech, report: Report) -> None:
    """Tell what is live, whether it answers, and which previews there are."""
    live, previews = publisher.live(), [each for each in publisher.candidates() if each.kept]
    if live is None and not previews:
        raise errors.NotFoundError(f"nothing is published on {publisher.target} as {publisher.name!r}")
    answers = live is not None and planning.answers(publisher, live)
    value = {
        "live": results.of_deployment(live) if live else None,
        "answers": answers,
        "previews": [results.of_deployment(each) for each in previews],
    }
    about = f"  revision {live.revision}  since {results.moment(live.created)}" if live and not speech.quiet else ""
    lines = [f"{_url(live, speech)}{about}"] if live else ["nothing is live"]
    if live and not answers:
        report.warning(f"{live.url} does not answer: publish again to bring it up")
    lines += [f"preview {each.url}  revision {each.revision}{_share(each)}" for each in previews if not speech.quiet]
    speech.answer(results.envelope("status", **value), lines)


def _share(preview: Candidate) -> str:
    return f"  {preview.percent} % of the visitors" if preview.percent else ""


def history(publisher: Publisher, speech: Speech, _report: Report) -> None:
    """List what is and was live."""
    past = publisher.history()
    if not past:
        raise errors.NotFoundError(f"nothing was ever published on {publisher.target} as {publisher.name!r}")
    value = results.envelope("history", deployments=[results.of_deployment(each) for each in past])
    speech.answer(value, results.listing(past))


def rollback(publisher: Publisher, speech: Speech, report: Report, revision: str | None, **values: Any) -> None:
    """Bring an older deployment back."""
    with within(values["within"]):
        outcome = pipeline.rollback(publisher, revision, Wish(keep=_kept()), report)
    answer_outcome(speech, "rollback", outcome)


def promote(publisher: Publisher, speech: Speech, report: Report, revision: str | None, **values: Any) -> None:
    """Send the visitors to a preview."""
    with within(values["within"]):
        outcome = pipeline.promote(publisher, revision, Wish(keep=_kept()), report)
    answer_outcome(speech, "promote", outcome)


def _kept() -> int | None:
    """Return how many old deployments the project keeps; where nobody says it, the next publish removes some."""
    said = project()
    return None if said is None else said.said.get("keep")


def logs(publisher: Publisher, speech: Speech, report: Report, *, follow: bool) -> None:
    """Show the log of what is live."""
    if Can.LOGS not in publisher.can:
        raise errors.TargetError(f"{publisher.target} shows no logs")
    if speech.json and follow:
        raise errors.UsageError("--follow never ends, so there is no one object to answer with: leave out --json")
    if speech.json:
        speech.answer(results.envelope("logs", lines=list(publisher.logs(follow=False))), [])
        return
    line = None
    with suppress(KeyboardInterrupt) if follow else nullcontext():  # which is how following ends
        for line in publisher.logs(follow):
            said = hidden(line)
            click.echo(without_ids(said) if speech.quiet else said)
    if line is None:
        report.info(f"{publisher.name!r} has written nothing yet")


def unpublish(publisher: Publisher, speech: Speech, report: Report, *, yes: bool) -> None:
    """Remove a name from its target, once the person agrees."""
    if not yes:
        if not at_terminal():
            raise errors.UsageError(f"unpublishing {publisher.name!r} cannot be undone: add --yes to do it unasked")
        if not click.confirm(f"Remove {publisher.name!r} and its history from {publisher.target}?", err=True):
            raise errors.PlanRefused(f"{publisher.name!r} stays on {publisher.target}: nobody agreed to remove it")
    pipeline.unpublish(publisher, report)
    speech.answer(results.envelope("unpublish", target=publisher.target, name=publisher.name), [])


def bake(speech: Speech, report: Report, files: tuple[Path, ...], output: Path, **values: Any) -> None:
    """Freeze files into a folder that did not exist."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise errors.UsageError(f"{str(output)!r} is there already: name a folder that does not exist or is empty")
    with baking(files, ingredients_of(values), collect(BakeOptions, values), report) as bundle:
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

    preview(files, ingredients_of(values), collect(Serving, values), report, ready)
