"""Projecting: what ``publish init`` and ``publish config`` do; like ``commands``, they talk to a person."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import click
import orjson

from baked_publish import plugins, results
from baked_publish.commands import NOBODY, ask_for_the_rest, at_terminal, completed, default_name, with_options
from baked_publish.config import PROJECT
from baked_publish.document import Document
from baked_publish.errors import ConfigError, UsageError
from baked_publish.flags import collect
from baked_publish.inspection import inspect
from baked_publish.keeper.files import told
from baked_publish.options import missing, option
from baked_publish.project import Project
from baked_publish.report import Report, Silent
from baked_publish.sources import look
from baked_publish.speech import Speech
from baked_publish.suggest import nearest

HEAD: Final = (
    "# yaml-language-server: $schema=publish.schema.json\n# The schema: publish config --schema > publish.schema.json\n"
)
EXAMPLE: Final = """
# What must hold before visitors come, asked of the bake and of the candidate:
# checks:
#   - sql: select count(*) from votes
#     at_least: 1000
#   - name: no vote without a voter
#     sql: select 1 from votes where voter is null
#     no_rows: true
"""
JSON = dict[str, Any]
SECRET: Final = ("token", "secret", "password")


@dataclass(frozen=True, slots=True)
class Configuring:
    """What is told of the project's file."""

    check: bool = option(False, "Only tell whether the file is right.")
    schema: bool = option(False, "Write the JSON Schema of the file, for editors.")


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the project's file is to say."""

    target: str | None = option(None, "Where `publish` alone publishes to.", flag="--to")
    own: tuple[tuple[str, str], ...] = option((), "NAME VALUE, an option of that target.", flag="-o --option")
    overwrite: bool = option(False, "Write over a file that is there.")


def config(speech: Speech, _report: Report, **values: Any) -> None:
    """Tell what the project's file makes of each target's options, and where each value comes from."""
    asked = collect(Configuring, values)
    if asked.schema:
        from baked_publish.schema import schema  # noqa: PLC0415 - it imports every target

        click.echo(orjson.dumps(schema(), option=orjson.OPT_INDENT_2))
        return
    project = Project.find(Path())
    if project is None:
        raise ConfigError(f"there is no {PROJECT!r} here: `publish init` writes one")
    files = [str(each) for each in project.files()]
    if asked.check:
        _require_right(project)
        speech.answer(results.envelope("config", path=str(project.path), databases=files), [f"{project.path} is right"])
        return
    targets = {name: list(_resolved(name, project)) for name in project.said.get("targets", {}) or [project.target]}
    lines = [
        f"{name}  {each['name']} = {_told(each['value'])}  ({each['source']})"
        for name in targets
        for each in targets[name]
    ]
    own = {str(path): dict(said) for path, said in project.own().items()}
    lines[:0] = [f"{path}  {key} = {value}  ({PROJECT})" for path, said in own.items() for key, value in said.items()]
    value = results.envelope("config", path=str(project.path), databases=files, own=own, targets=targets)
    speech.answer(value, [*(f"databases  {each}" for each in files), *lines])


def _require_right(project: Project) -> None:
    """Raise ConfigError, with file and line, for all that a publish would stumble over."""
    wrong = [*inspect(project)]
    for target in project.said.get("targets", {}):
        named = [str(path) for _, path in project.named()]
        values = {name: value for name, value, _ in _values(target, project.defaults()[target])}
        name = values.get("name") or (Path(named[0]).resolve().stem if len(named) == 1 else None)
        if amiss := _refused(target, name, values):
            wrong.append((("targets", target), f"targets.{target}: {amiss}"))
    if wrong:
        told = sorted((project.line(at), words) for at, words in wrong)
        raise ConfigError("\n".join(f"{project.path}:{line}: {words}" for line, words in told))


def _refused(target: str, name: str | None, values: dict[str, Any]) -> str | None:
    """Return why a target does not take a name or its options; where it is not named, the options alone are asked."""
    kind = plugins.load(target)
    named = name or (NOBODY if kind.called.startswith("--") else None)
    if named is None:
        return None
    try:
        with with_options(kind, collect(kind.options, values), named, Silent()):
            return None
    except UsageError as exc:
        return str(exc)


def _values(target: str, defaults: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """Yield for each option of a target its name, its value without any flag, and where that comes from."""
    root = click.get_current_context().find_root()
    group = root.command
    command = group.get_command(root, target) if isinstance(group, click.Group) else None
    if command is None:
        return
    with command.make_context(target, [], parent=root, default_map=dict(defaults), resilient_parsing=True) as context:
        for param in command.params:
            if param.name == "files":
                continue
            value, source = param.consume_value(context, {})
            where = {"DEFAULT_MAP": PROJECT, "ENVIRONMENT": f"environment, {_names(param.envvar)}"}.get(source.name, "")
            try:
                told = param.type_cast_value(context, value)
            except click.BadParameter as exc:
                raise UsageError(f"{param.name} of {target} ({where}): {exc.message}") from exc
            yield str(param.name), told, where


def _resolved(target: str, project: Project) -> Iterator[dict[str, Any]]:
    """Yield each option of a target that is not at its default, and where its value comes from."""
    for name, value, where in _values(target, project.defaults()[target]):
        if where:
            said = "[secret]" if any(word in name for word in SECRET) else value
            yield {"name": name, "value": said, "source": where}


def _told(value: object) -> str:
    """Return a value as a person reads it: the parts of a list one after the other."""
    if not isinstance(value, tuple):
        return str(value)
    return ", ".join(map(_told, cast("tuple[object, ...]", value)))


def _names(envvar: str | Sequence[str] | None) -> str:
    return envvar if isinstance(envvar, str) else " or ".join(envvar or ())


def init(speech: Speech, _report: Report, files: tuple[Path, ...], **values: Any) -> None:
    """Write the project's file, asking at a terminal for what flags leave open."""
    asked, path = collect(Beginning, values), Path(PROJECT)
    if path.exists() and not asked.overwrite:
        raise UsageError(f"there is a {PROJECT!r} already: --overwrite replaces it")
    known = [each.target for each in plugins.installed()]
    target = asked.target or (click.prompt("Target", type=click.Choice(known), err=True) if at_terminal() else "local")
    if target not in known:
        raise UsageError(f"there is no target {target!r}{nearest(target, known)}; there are: {', '.join(known)}")
    named = [str(each) for each in files] or _databases()
    look([Path(each) for each in named])
    name = values["name"] or _name([Path(each) for each in named])
    own: JSON = {"name": name, **_options(target, asked.own)}
    said: JSON = {"databases": named, "target": target, "targets": {target: own}}
    _require_right(Project.of(Document(path, said)))
    own |= _answers(target, name, own)
    with told(f"{PROJECT!r} cannot be written"):
        path.write_text(_text(said), "utf-8")
    speech.answer(results.envelope("init", path=str(path), target=target, name=name, databases=named), [str(path)])


def _name(files: Sequence[Path]) -> str:
    """Return the only file's name; of several ask for one, or take the folder's."""
    folder = Path.cwd().name
    if len(files) == 1 or not folder:
        return default_name(files)
    return str(click.prompt("Name", default=folder, err=True)) if at_terminal() else folder


def _options(target: str, said: Sequence[tuple[str, str]]) -> JSON:
    """Return options of ``target`` as the file says them; what is not one of them is found when it is validated."""
    import yaml  # noqa: PLC0415 - only here and for reading

    from baked_publish.schema import schema  # noqa: PLC0415 - it imports the target

    known = schema([target])["properties"]["targets"]["properties"][target]["properties"]
    found: JSON = {}
    for flag, text in said:
        name = flag.removeprefix("--").replace("-", "_")
        kind = known.get(name, {}).get("type")
        if kind == "array":
            found.setdefault(name, []).append(text)
        else:
            found[name] = text if kind == "string" else yaml.safe_load(text)
    return found


def _answers(target: str, name: str, said: JSON) -> JSON:
    """Return what a person at a terminal answers for options of ``target`` that are needed and that nobody gave."""
    if not at_terminal():
        return {}
    kind = plugins.load(target)
    options = kind.complete(collect(kind.options, {name: value for name, value, _ in _values(target, said)}))
    open_ones = [each.name for each in missing(options)]
    with with_options(kind, completed(kind, options, name), name, Silent()) as publisher:
        open_ones += publisher.lacking()
        ask_for_the_rest(publisher)
        answers: JSON = orjson.loads(orjson.dumps({each: getattr(publisher.given, each) for each in open_ones}))
    return answers


def _databases() -> list[str]:
    found = sorted(str(each) for suffix in ("db", "sqlite", "sqlite3") for each in Path().glob(f"*.{suffix}"))
    if not found:
        raise UsageError("there is no database in this folder: name FILES")
    return found


def _text(said: JSON) -> str:
    import yaml  # noqa: PLC0415 - only here and for reading

    return HEAD + yaml.safe_dump(said, sort_keys=False, allow_unicode=True) + EXAMPLE
