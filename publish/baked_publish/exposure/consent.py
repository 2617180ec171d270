"""Consent: what was found and accepted by name, and what stops a publish because it was not."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from baked_publish.bundle import Bundle
from baked_publish.errors import ExposedError
from baked_publish.exposure.exposure import ADVICE, FREE_PAGES, Exposure, Survey
from baked_publish.exposure.looked import survey
from baked_publish.report import Report
from baked_publish.suggest import nearest

ACCEPT: Final = "TABLE.COLUMN that strangers may see, whatever is found in it; repeatable."


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that was found in a Bundle, sorted by what a publisher said of it beforehand."""

    surveys: Mapping[str, Survey]
    """By database."""
    accepted: frozenset[str]
    """The names that were accepted."""

    @property
    def found(self) -> Sequence[Exposure]:
        """Everything."""
        return [each for one in self.surveys.values() for each in one.exposures]

    @property
    def stopping(self) -> Sequence[Exposure]:
        """What stops a publish."""
        return [each for each in self.found if each.stops and not self.accepts(each)]

    def accepts(self, exposure: Exposure) -> bool:
        """Tell whether ``exposure`` was accepted by one of its names."""
        return not exposure.names.isdisjoint(self.accepted)

    def strangers(self, names: Iterable[str]) -> Iterator[str]:
        """Yield a warning for each accepted name of what is not there at all, such as one with a typo."""
        known = list(names)
        for name in sorted(self.accepted):
            if name.removesuffix(":secret") not in known:
                yield f"accepted is {name!r}, but there is no such table or column{nearest(name, known)}"

    @property
    def told(self) -> list[Mapping[str, Any]]:
        """Everything that was found, as JSON; values are never told."""
        return [
            {**asdict(each), "name": each.name, "accepted": self.accepts(each), "advice": ADVICE[each.kind]}
            for each in self.found
        ]

    @property
    def coverage(self) -> Mapping[str, Any]:
        """How much was looked at, as JSON, by database."""
        return {
            name: {"tables": {table: asdict(each) for table, each in one.tables.items()}, "unread": one.unread}
            for name, one in self.surveys.items()
        }

    @property
    def refusal(self) -> str:
        """The message that a publish stops with."""
        lines = [f"  {each}\n    {ADVICE[each.kind]}; or accept it: {flag(each)}" for each in self.stopping]
        return "strangers would see what may not be meant for them. Nothing was changed.\n" + "\n".join(lines)


def flag(exposure: Exposure) -> str:
    """Return the flag that accepts ``exposure``, as a shell reads it."""
    import shlex  # noqa: PLC0415 - for messages only

    return f"--accept {shlex.quote(exposure.name)}"


def judge(bundle: Bundle, accepted: Iterable[str], report: Report, *, every_row: bool = False) -> Verdict:
    """Look at every database of ``bundle``."""
    paths = {file.path: file.source for file in bundle.files}
    databases = bundle.manifest.databases
    report.step("check", ", ".join(databases))
    surveys = {
        name: survey(database, paths[database.file], report, every_row=every_row)
        for name, database in databases.items()
    }
    verdict = Verdict(surveys, frozenset(accepted))
    for warning in verdict.strangers(_names(bundle)):
        report.warning(warning)
    for one in surveys.values():
        for reason in one.unread:
            report.warning(f"not looked at: {reason}")
    return verdict


def require_consent(bundle: Bundle, accepted: Iterable[str], report: Report) -> None:
    """Raise ExposedError for what was found and not accepted."""
    verdict = judge(bundle, accepted, report)
    stopping = verdict.stopping
    for each in verdict.found:
        if each not in stopping:
            report.info(f"{each}{', accepted' if verdict.accepts(each) else ''}")
    if stopping:
        names = tuple(dict.fromkeys(each.name for each in stopping))
        raise ExposedError(verdict.refusal, names, {"exposures": verdict.told})


def _names(bundle: Bundle) -> Iterator[str]:
    """Yield every name that can be accepted."""
    for name, database in bundle.manifest.databases.items():
        for prefix in ("", f"{name}."):
            yield f"{prefix}{FREE_PAGES}"
            for table in database.tables.values():
                yield f"{prefix}{table.name}"
                yield from (f"{prefix}{table.name}.{column.name}" for column in table.columns)
