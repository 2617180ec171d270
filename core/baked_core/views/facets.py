"""The facets of a table page, counted, and those that may be worth a look."""

import time
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from baked_core import facets
from baked_core.errors import QueryTimeout
from baked_core.facets import Facet
from baked_core.labels import Expandable
from baked_core.manifest import Column
from baked_core.page import FacetResult, FacetValue, Suggestion
from baked_core.sql import Clause, Select, quote
from baked_core.table_query import columns_of, key_of
from baked_core.urls import argument
from baked_core.values import BrokenText, Row, Value
from baked_core.views.reading import Reading

Pair = tuple[str, str]


async def counted(reading: Reading) -> tuple[tuple[FacetResult, ...], tuple[str, ...]]:
    """Count the values of each facet that is asked for; name those that took too long, by themselves or all together.

    Together they may take as long as one query.
    """
    found: list[FacetResult] = []
    late: list[str] = []
    settings = reading.request.serving.settings
    most, began = settings.facet_time_limit_ms, time.perf_counter()
    for facet in reading.query.facets:
        left = settings.sql_time_limit_ms - int((time.perf_counter() - began) * 1000)
        if left <= 0:
            late.append(facet.column.name)
            continue
        statement = facet.counts(reading.query.select, reading.query.facet_size)
        try:
            rows = (await reading.fetch(statement, min(most, left))).rows
            found.append(await _result(reading, facet, rows))
        except QueryTimeout:
            late.append(facet.column.name)
    return tuple(found), tuple(late)


async def suggested(reading: Reading) -> tuple[Suggestion, ...]:
    """Return the facets that the first rows recommend; none if looking took too long.

    A reader counts what is in the lists of a column, not lists that are alike.
    """
    request, size = reading.request, reading.query.facet_size
    if request.args.flag("_nosuggest") or not request.serving.settings.suggest_facets:
        return ()
    there = {each.argument for each in reading.query.facets}
    found = facets.suggestions(await _figured(reading), size)
    lists = {each.column.name for each in found if each.kind == "array"} if request.format == "html" else ()
    return tuple(
        Suggestion(facet=each, url=_absolute(reading, (*_pairs(reading), each.argument)))
        for each in found
        if each.argument not in there and not (each.kind == facets.COLUMN and each.column.name in lists)
    )


async def _figured(reading: Reading) -> Sequence[Column]:
    """Return the columns worth a look with their figures: those of the bake, or of the rows that are asked for."""
    columns = facets.candidates(columns_of(reading.relation), key_of(reading.relation))
    if reading.query.narrowed:
        return await _look(reading, columns)
    if all(column.figures is not None for column in columns):
        return columns
    known, place = reading.request.serving.figured, (reading.database.name, reading.relation.name)
    found = known.get(place) or await _look(reading, columns)
    if found and reading.request.serving.baked.immutable:
        known[place] = found
    return found


async def _look(reading: Reading, columns: Sequence[Column]) -> Sequence[Column]:
    """Return ``columns`` with the figures of the rows that are asked for; none if that took too long."""
    if not columns:
        return ()
    limit = reading.request.serving.settings.facet_suggest_time_limit_ms
    select = Select(reading.relation.name, (), reading.query.select.where)
    try:
        found = await reading.fetch(facets.sample(select, columns), limit)
    except QueryTimeout:
        return ()
    return facets.read(found.rows[0], columns)


async def _result(reading: Reading, facet: Facet, rows: Sequence[Row]) -> FacetResult:
    size = reading.query.facet_size
    shown = [(row[0], int(str(row[1]))) for row in rows[:size]]
    words = await _labels(reading, facet, [value for value, _ in shown])
    here = _Here.of(reading, len(shown))
    values = tuple(_value(here, facet, value, words.get(value, value), count) for value, count in shown)
    without = [pair for pair in here.pairs if pair != facet.argument]
    return FacetResult(facet=facet, values=values, truncated=len(rows) > size, url=_path(reading, without))


class _Here(Struct, frozen=True):
    """The page that is read, as its facets lead on from it: most add one argument to its address."""

    reading: Reading
    pairs: tuple[Pair, ...]
    begin: str
    """Its address, ready for one argument more."""

    @classmethod
    def of(cls, reading: Reading, links: int) -> "_Here":
        """Take what is read; raise BadRequest if it has too long an address for so many links."""
        pairs = _pairs(reading)
        here = _absolute(reading, pairs)
        reading.request.urls.ink.spend(len(here) * links)
        return cls(reading, pairs, f"{here}{'&' if '?' in here else '?'}")

    def toggled(self, pair: Pair, *, selected: bool) -> str:
        """Return the address with one argument more, or with this one left out."""
        if selected:
            return _absolute(self.reading, [each for each in self.pairs if each != pair])
        return f"{self.begin}{argument(pair[0])}={argument(pair[1])}"


def _value(here: _Here, facet: Facet, value: Value, label: Value, count: int) -> FacetValue:
    if isinstance(value, bytes):
        return FacetValue(value=value, label=label, count=count, url="", selected=False)
    name, text = facet.filter(value).argument
    pair = (name, value if isinstance(value, BrokenText) else text)
    selected = pair in here.pairs
    return FacetValue(
        value=value, label=label, count=count, url=here.toggled(pair, selected=selected), selected=selected
    )


async def _labels(reading: Reading, facet: Facet, values: list[Value]) -> Mapping[Value, Value]:
    """Read the labels of the values of a foreign key."""
    known = {each.column: each for each in reading.query.expandable}
    if facet.kind != facets.COLUMN or facet.column.name not in known or not values:
        return {}
    statement = _words(known[facet.column.name], values)
    found = await reading.database.query(
        statement.sql, statement.params, limit_ms=reading.request.limit_ms, max_bytes=reading.max_bytes
    )
    return {row[0]: row[1] for row in found.rows if row[1] is not None}


def _words(expandable: Expandable, values: list[Value]) -> Clause:
    key, words = quote(expandable.key.other_columns[0]), quote(expandable.label)
    marks = ", ".join("?" * len(values))
    return Clause(
        f"select {key}, {words} from {quote(expandable.key.other_table)} where {key} in ({marks})",  # noqa: S608 - quoted
        tuple(value.raw if isinstance(value, BrokenText) else value for value in values),
    )


def _pairs(reading: Reading) -> tuple[Pair, ...]:
    """Return the arguments of this page but for its place: another choice begins at the first page."""
    return reading.request.args.without("_next")


def _path(reading: Reading, pairs: Iterable[Pair]) -> str:
    request = reading.request
    suffix = "" if request.format == "html" else request.format
    return request.urls.path(reading.database.name, reading.relation.name, format=suffix, query=pairs)


def _absolute(reading: Reading, pairs: Iterable[Pair]) -> str:
    return reading.request.urls.absolute(_path(reading, pairs))
