"""The facets of a table page, counted, and those that may be worth a look."""

from collections.abc import Iterable, Mapping, Sequence

from baked_core import facets
from baked_core.errors import QueryTimeout
from baked_core.facets import Facet
from baked_core.labels import Expandable
from baked_core.manifest import Column
from baked_core.page import FacetResult, FacetValue, Suggestion
from baked_core.sql import Clause, Select, quote
from baked_core.table_query import columns_of, key_of
from baked_core.values import BrokenText, Row, Value
from baked_core.views.reading import Reading

Pair = tuple[str, str]


async def counted(reading: Reading) -> tuple[tuple[FacetResult, ...], tuple[str, ...]]:
    """Count the values of each facet that is asked for; name those that took too long."""
    found: list[FacetResult] = []
    late: list[str] = []
    limit = reading.request.serving.settings.facet_time_limit_ms
    for facet in reading.query.facets:
        statement = facet.counts(reading.query.select, reading.query.facet_size)
        try:
            rows = (await reading.fetch(statement, limit)).rows
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
    values = tuple(_value(reading, facet, value, words.get(value, value), count) for value, count in shown)
    without = [pair for pair in _pairs(reading) if pair != facet.argument]
    return FacetResult(facet=facet, values=values, truncated=len(rows) > size, url=_path(reading, without))


def _value(reading: Reading, facet: Facet, value: Value, label: Value, count: int) -> FacetValue:
    if isinstance(value, bytes):
        return FacetValue(value=value, label=label, count=count, url="", selected=False)
    name, text = facet.filter(value).argument
    pair = (name, value if isinstance(value, BrokenText) else text)
    pairs = _pairs(reading)
    selected = pair in pairs
    changed = [each for each in pairs if each != pair] if selected else [*pairs, pair]
    return FacetValue(value=value, label=label, count=count, url=_absolute(reading, changed), selected=selected)


async def _labels(reading: Reading, facet: Facet, values: list[Value]) -> Mapping[Value, Value]:
    """Read the labels of the values of a foreign key."""
    known = {each.column: each for each in reading.query.expandable}
    if facet.kind != facets.COLUMN or facet.column.name not in known or not values:
        return {}
    statement = _words(known[facet.column.name], values)
    found = await reading.database.query(statement.sql, statement.params, limit_ms=reading.request.limit_ms)
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
