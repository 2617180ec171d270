"""Checking: what ``publish check`` does; like ``commands``, it talks to a person."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baked_publish import results
from baked_publish.bake import BakeOptions
from baked_publish.commands import ingredients_of, project
from baked_publish.errors import ExposedError
from baked_publish.exposure.consent import ACCEPT, Verdict, flag, judge
from baked_publish.exposure.exposure import ADVICE
from baked_publish.flags import collect
from baked_publish.ingredients import baking
from baked_publish.options import option
from baked_publish.report import Report
from baked_publish.speech import Speech


@dataclass(frozen=True, slots=True)
class Checking:
    """What is looked at, and what may be there."""

    accept: tuple[str, ...] = option((), ACCEPT)
    every_row: bool = option(False, "Look at every row; by default at 100,000 of a table, spread over it.")


def check(speech: Speech, report: Report, files: tuple[Path, ...], **values: Any) -> None:
    """Tell what strangers would see that may not be meant for them; fail if it was not accepted."""
    wish, said = collect(Checking, values), project()
    accepted = (*(said.accept if said else ()), *wish.accept)
    with baking(files, ingredients_of(values), collect(BakeOptions, values), report) as bundle:
        verdict = judge(bundle, accepted, report, every_row=wish.every_row)
    value, lines = {"exposures": verdict.told, "looked": verdict.coverage}, list(_lines(verdict))
    if verdict.stopping:
        if not speech.json:
            speech.answer({}, lines)
        count = len(verdict.stopping)
        raise ExposedError(f"{count} of these {'is' if count == 1 else 'are'} not accepted", details=value)
    speech.answer(results.envelope("check", **value), lines)


def _lines(verdict: Verdict) -> Iterator[str]:
    for each in verdict.found:
        if verdict.accepts(each):
            yield f"accepted  {each}"
        elif each.stops:
            yield f"found     {each}"
            yield f"          {ADVICE[each.kind]}; or accept it: {flag(each)}"
        else:
            yield f"noted     {each}"
    for name, one in verdict.surveys.items():
        rows, looked = sum(each.rows for each in one.tables.values()), sum(each.looked for each in one.tables.values())
        yield f"{name}: looked at {looked:,} of {rows:,} rows in {len(one.tables)} tables"
