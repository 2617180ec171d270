"""Public names: each is said once, has a sentence, and the program and its documentation name the same things."""

import inspect
from collections.abc import Iterator
from importlib import import_module

import click
import pytest
from house import modules

from baked_core.settings import SETTINGS
from baked_publish import errors
from baked_publish.cli import Targets, exit_codes, make_program
from baked_publish.plugins import installed

RUNS_AT_IMPORT = {"baked_core.__main__", "baked_publish.__main__"}


@pytest.mark.parametrize("name", sorted(set(modules()) - RUNS_AT_IMPORT))
def test_every_public_name_has_a_sentence(name: str) -> None:
    module = import_module(name)
    assert (module.__doc__ or "").strip(), f"{name} has no docstring"
    bare = [
        member
        for member, value in vars(module).items()
        if not member.startswith("_") and getattr(value, "__module__", None) == name and speaks(value)
        if not inspect.getdoc(value)
    ]
    assert not bare, f"{name}: {', '.join(bare)} have no docstring"


def speaks(value: object) -> bool:
    return inspect.isclass(value) or inspect.isfunction(value)


@pytest.mark.parametrize("name", sorted(name for name in modules() if hasattr(import_module(name), "__all__")))
def test_all_is_sorted_and_complete(name: str) -> None:
    module = import_module(name)
    listed = list(module.__all__)
    assert listed == sorted(set(listed))
    own = {
        member
        for member, value in vars(module).items()
        if not member.startswith("_") and speaks(value) and value.__module__ == name
    }
    assert own <= set(listed), f"{name}.__all__ lacks {sorted(own - set(listed))}"
    assert all(hasattr(module, member) for member in listed)


def kinds(kind: type[errors.PublishError]) -> Iterator[type[errors.PublishError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


def test_every_error_has_an_exit_code_of_its_own() -> None:
    ours = [kind for kind in kinds(errors.PublishError) if kind.__module__ == errors.__name__]
    codes = [code for code, _ in exit_codes()]
    assert len(codes) == len(set(codes))
    assert {kind.exit_code for kind in ours} <= set(codes)
    assert len({kind.exit_code for kind in ours}) == len(ours)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = str(errors.__doc__)
    for kind in kinds(errors.PublishError):
        if kind.__module__ == errors.__name__:
            line = next((line for line in drawn.splitlines() if kind.__name__ in line.split()), "")
            assert str(kind.exit_code) in line.split(), f"{kind.__name__} is drawn as {line!r}"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command of the program, those made for each target included."""
    program = make_program()
    context = click.Context(program, info_name="publish")
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            targets = [plugin.target for plugin in installed()]
            for word in targets if isinstance(command, Targets) else command.list_commands(context):
                below = command.get_command(context, word)
                assert below is not None
                yield f"{name} {word}", below
        else:
            yield name, command


def test_every_option_of_every_command_is_explained() -> None:
    for name, command in commands():
        assert command.help, name
        for option in command.params:
            if isinstance(option, click.Option):
                said = option.help or ""
                assert said[:1].isupper() or said[:1].isdigit(), f"{name} {option.opts}: {said!r}"
                assert said.endswith("."), f"{name} {option.opts}: {said!r}"


def test_an_option_means_the_same_in_every_command() -> None:
    seen: dict[str, tuple[str, str]] = {}
    for name, command in commands():
        for option in command.params:
            for spelling in option.opts if isinstance(option, click.Option) else ():
                meaning = str(getattr(option, "help", "")).partition(";")[0]
                first, said = seen.setdefault(spelling, (name, meaning)) if spelling.startswith("--") else ("", meaning)
                assert meaning == said, f"{spelling} of {name} is not what it is of {first}"


def test_every_setting_is_explained() -> None:
    for name, setting in SETTINGS.items():
        assert setting.help, name
        assert not setting.help.endswith("."), f"{name}: the table of settings has no full stops"
