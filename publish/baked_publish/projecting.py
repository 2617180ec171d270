"""Projecting: what ``publish init`` and ``publish config`` do; like ``commands``, they talk to a person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import orjson

from baked_publish import plugins, results
from baked_publish.commands import at_terminal, default_name
from baked_publish.config import PROJECT
from baked_publish.errors import ConfigError, UsageError
from baked_publish.flags import collect
from baked_publish.keeper.files import told
from baked_publish.options import option
from baked_publish.project import Project
from baked_publish.report import Report
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
        speech.answer(results.envelope("config", path=str(project.path), databases=files), [f"{project.path} is right"])
        return
    targets = {name: list(_resolved(name, project)) for name in project.said.get("targets", {}) or [project.target]}
    lines = [
        f"{name}  {each['name']} = {each['value']}  ({each['source']})" for name in targets for each in targets[name]
    ]
    own = {str(path): dict(said) for path, said in project.own().items()}
    lines[:0] = [f"{path}  {key} = {value}  ({PROJECT})" for path, said in own.items() for key, value in said.items()]
    value = results.envelope("config", path=str(project.path), databases=files, own=own, targets=targets)
    speech.answer(value, [*(f"databases  {each}" for each in files), *lines])


def _resolved(target: str, project: Project) -> Iterator[dict[str, Any]]:
    """Yield each option of a target that is not at its default, and where its value comes from."""
    root = click.get_current_context().find_root()
    defaults = project.defaults()[target]
    group = root.command
    command = group.get_command(root, target) if isinstance(group, click.Group) else None
    if command is None:
        return
    with command.make_context(target, [], parent=root, default_map=defaults, resilient_parsing=True) as context:
        for param in command.params:
            name = str(param.name)
            value, source = param.consume_value(context, {})
            if source.name in {"DEFAULT", "COMMANDLINE"} or name == "files":
                continue
            said = "[secret]" if any(word in name for word in SECRET) else param.type_cast_value(context, value)
            where = PROJECT if source.name == "DEFAULT_MAP" else f"environment, {_names(param.envvar)}"
            yield {"name": name, "value": said, "source": where}


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
    name = values["name"] or default_name([Path(each) for each in named])
    text = _text(named, target, name)
    with told(f"{PROJECT!r} cannot be written"):
        path.write_text(text, "utf-8")
    Project.read(path)
    speech.answer(results.envelope("init", path=str(path), target=target, name=name, databases=named), [str(path)])


def _databases() -> list[str]:
    found = sorted(str(each) for suffix in ("db", "sqlite", "sqlite3") for each in Path().glob(f"*.{suffix}"))
    if not found:
        raise UsageError("there is no database in this folder: name FILES")
    return found


def _text(databases: list[str], target: str, name: str) -> str:
    import yaml  # noqa: PLC0415 - only here and for reading

    said = {"databases": databases, "target": target, "targets": {target: {"name": name}}}
    return HEAD + yaml.safe_dump(said, sort_keys=False, allow_unicode=True) + EXAMPLE
