"""Options: which are needed, and how a person or a script is told."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from baked_publish.commands import completed
from baked_publish.deployment import Finding
from baked_publish.errors import UsageError
from baked_publish.options import missing, option
from baked_publish.publisher import BasePublisher


@dataclass(frozen=True, slots=True)
class Somewhere:
    project: str | None = option(None, "Whose it is.", envvar=("BAKED_THERE_PROJECT", "PROJECT"), needed="project")
    region: str | None = option(None, "Where it is.", needed="region")
    size: int = option(1, "How large.")


class There(BasePublisher):
    target: ClassVar[str] = "there"
    options: ClassVar[type] = Somewhere

    @classmethod
    def complete(cls, options: Any) -> Any:
        return replace(options, region=options.region or "told") if options.size > 1 else options


def test_what_is_needed_and_not_given_is_missing() -> None:
    assert [each.name for each in missing(Somewhere())] == ["project", "region"]
    assert [each.name for each in missing(Somewhere(project="mine"))] == ["region"]


def test_all_that_is_missing_is_told_at_once_where_nobody_can_be_asked() -> None:
    with pytest.raises(UsageError) as raised:
        completed(There, Somewhere(), "x")
    assert str(raised.value) == (
        "there needs 2 more:\n  project: --project or BAKED_THERE_PROJECT or PROJECT\n"
        "  region: --region or BAKED_THERE_REGION"
    )


def test_what_the_preflight_finds_amiss_is_in_the_same_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(There, "preflight", lambda _: [Finding(ok=False, what="credentials", fix="log in")])
    with pytest.raises(UsageError, match=r"^there needs 2 more:\n  project: .*\n  credentials: log in$"):
        completed(There, Somewhere(region="here"), "x")


def test_what_the_surroundings_tell_is_not_missing() -> None:
    with pytest.raises(UsageError, match=r"needs 1 more:\n  project"):
        completed(There, Somewhere(size=2), "x")
    assert completed(There, Somewhere(project="mine", size=2), "x") == Somewhere("mine", "told", 2)
