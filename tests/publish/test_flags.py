"""Options are written once; flags, environment names and help follow."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click
import pytest
from click.testing import CliRunner

from baked_publish import cli
from baked_publish.flags import collect, flags
from baked_publish.options import NoOptions, deployed, option
from baked_publish.publisher import BasePublisher


@dataclass(frozen=True, slots=True)
class Options:
    memory: int = option(512, "Megabytes of memory.")
    region: str | None = option(None, "Where it runs.", flag="-r --region", envvar="REGION")
    public: bool = option(False, "Open to everybody.")
    labels: tuple[str, ...] = option((), "A label; repeatable.", flag="--label")
    setting: tuple[tuple[str, str], ...] = option((), "NAME VALUE.")
    folder: Path | None = option(None, "A folder.", release=False)
    size: Literal["small", "large"] = option("small", "How large.")


def parsed(*args: str, env: dict[str, str] | None = None) -> Options:
    seen: list[Options] = []
    command = click.Command(
        "x", params=flags(Options, target="moon"), callback=lambda **values: seen.append(collect(Options, values))
    )
    done = CliRunner().invoke(command, list(args), env=env, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return seen[0]


def test_defaults_hold_without_flags() -> None:
    assert parsed() == Options()


def test_every_kind_of_flag_is_read() -> None:
    words = ["--memory", "1024", "-r", "eu", "--public", "--label", "a", "--label", "b", "--setting", "x", "1"]
    wanted = Options(1024, "eu", True, ("a", "b"), (("x", "1"),), Path("f"), "large")
    assert parsed(*words, "--folder", "f", "--size", "large") == wanted


def test_one_of_few_words_is_required() -> None:
    with pytest.raises(click.BadParameter, match=r"'huge' is not one of 'small', 'large'"):
        click.Command("x", params=flags(Options)).main(["--size", "huge"], standalone_mode=False)


def test_the_environment_is_weaker_than_a_flag() -> None:
    env = {"BAKED_MOON_MEMORY": "256", "REGION": "us"}
    assert parsed(env=env) == Options(256, "us")
    assert parsed("--memory", "1", env=env) == Options(1, "us")


def test_help_names_default_and_environment() -> None:
    shown = CliRunner().invoke(click.Command("x", params=flags(Options, target="moon")), ["--help"]).output
    assert "BAKED_MOON_MEMORY" in shown
    assert "default: 512" in " ".join(shown.split())


def test_what_only_steers_a_publish_is_no_part_of_the_release() -> None:
    assert "folder" not in deployed(Options())
    assert deployed(Options())["memory"] == 512
    assert deployed(NoOptions()) == {}


def test_a_target_may_call_its_name_otherwise() -> None:
    class App(BasePublisher):
        target = "app"
        called = "--app"

    class Tag(BasePublisher):
        target = "tag"
        called = "HOST/REPO:TAG"

    app, tag = cli.publish_command(App), cli.publish_command(Tag)
    assert app.make_context("app", ["a.db", "--app", "one"]).params["name"] == "one"
    assert app.make_context("app", ["a.db", "--name", "one"]).params["name"] == "one"
    made = tag.make_context("tag", ["a.db", "b.db", "host/repo:tag"])
    assert (made.params["name"], len(made.params["files"])) == ("host/repo:tag", 2)
    assert "HOST/REPO:TAG" in tag.get_usage(made)
