"""Facets: which values a column has among the rows of a table page, and how often. Pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from math import isinf
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from baked_core.args import Args
from baked_core.errors import BadRequest, nearest
from baked_core.filters import OPERATORS, Filter
from baked_core.manifest import Column, Figures
from baked_core.metadata import Metadata
from baked_core.settings import Settings
from baked_core.sql import Clause, Select, quote
from baked_core.values import Row, Value

COLUMN: Final = "column"
KINDS: Final = {COLUMN: "_facet", "array": "_facet_array", "date": "_facet_date"}
"""The argument of each kind of facet."""
SAMPLE: Final = 1000
"""Rows in which suggestions are looked for, by the bake among all and by a page among those it asks for."""
MOST: Final = 100
"""Columns in which suggestions are looked for."""

_DAY: Final = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_ARRAY: Final = "case when json_valid({c}) and json_type({c}) = 'array' then {c} end"
_OPERATORS: Final = {COLUMN: "exact", "array": "arraycontains", "date": "date"}


class Facet(Struct, frozen=True):
    """A column looked at in one way."""

    kind: str
    column: Column
    told: bool = False
    """Whether the publisher's metadata asks for it, and not the URL."""

    @property
    def argument(self) -> tuple[str, str]:
        """The name and value that ask for it in a URL."""
        return KINDS[self.kind], self.column.name

    def filter(self, value: Value) -> Filter:
        """Return the filter that leaves the rows with ``value``."""
        return Filter(self.column, OPERATORS[_OPERATORS[self.kind]], _written(value))

    def counts(self, select: Select, size: int) -> Clause:
        """Return the statement for the most frequent values and their counts, one more than ``size``."""
        column = quote(self.column.name)
        if self.kind == "array":
            return _elements(select, column, size)
        value = f"date({column})" if self.kind == "date" else column
        where = _where(select, f"{value} is not null")
        sql = f"select {value} as value, count(*) as n from {quote(select.table)}{where.sql}"  # noqa: S608 - quoted
        return Clause(f"{sql} group by 1 order by n desc, value limit {size + 1}", where.params)


def parse(args: Args, known: Mapping[str, Column], said: Metadata, settings: Settings) -> tuple[Facet, ...]:
    """Return the facets of the metadata and of the URL; raise BadRequest for an unknown column."""
    if args.flag("_nofacet"):
        return ()
    told = [Facet(kind, known[name], told=True) for kind, name in _told(said) if name in known]
    kinds = {argument: kind for kind, argument in KINDS.items()}
    asked = [(kinds[name], value) for name, value in args.pairs if name in kinds]
    if asked and not settings.allow_facet:
        raise BadRequest("facets of your own are switched off here: leave out _facet")
    for _, name in asked:
        if name not in known:
            raise BadRequest("there is no column {name!r} to facet by", name=name, near=nearest(name, known))
    taken = {(each.kind, each.column.name) for each in told}
    fresh = dict.fromkeys(pair for pair in asked if pair not in taken)
    return (*told, *(Facet(kind, known[name]) for kind, name in fresh))


def size(args: Args, said: Metadata, settings: Settings) -> int:
    """Return how many values each facet shows."""
    if args.get("_facet_size") == "max":
        return settings.max_returned_rows
    asked = args.number("_facet_size")
    wanted = int(said.get("facet_size") or settings.default_facet_size) if asked is None else asked
    return max(1, min(wanted, settings.max_returned_rows))


def sample(select: Select, columns: Sequence[Column]) -> Clause:
    """Return the statement that looks at the first rows of ``select`` for the figures of ``columns``."""
    names = tuple(column.name for column in columns)
    inner = Select(select.table, names, select.where, select.order, limit=SAMPLE).page()
    figures = ", ".join(figure for name in names for figure in _figures(quote(name)))
    return Clause(f"select {figures} from ({inner.sql})", inner.params)  # noqa: S608 - quoted


def read(row: Row, columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return ``columns`` with their figures from the answer to ``sample``."""
    numbers = [value if isinstance(value, int) else 0 for value in row]
    width = len(Figures.__struct_fields__)
    return tuple(
        replace(column, figures=Figures(*numbers[first : first + width]))
        for first, column in zip(range(0, len(numbers), width), columns, strict=True)
    )


def suggestions(columns: Sequence[Column], size: int) -> list[Facet]:
    """Return what the figures of ``columns`` recommend: columns first, then dates, then arrays."""
    found: dict[str, list[Facet]] = {kind: [] for kind in (COLUMN, "date", "array")}
    for column in columns:
        said = column.figures or Figures()
        if 1 < said.distinct <= size and said.distinct < said.filled:
            found[COLUMN].append(Facet(COLUMN, column))
        if said.filled and said.days == said.filled:
            found["date"].append(Facet("date", column))
        if said.filled and said.arrays == said.filled:
            found["array"].append(Facet("array", column))
    return [facet for kind in found.values() for facet in kind]


def candidates(known: Mapping[str, Column], key: Iterable[str]) -> tuple[Column, ...]:
    """Return the columns worth a look: all but a key of one column, for each of its values is there once."""
    key = tuple(key)
    alone = key if len(key) == 1 else ()
    return tuple(column for column in known.values() if column.name not in alone)[:MOST]


def _written(value: Value) -> str:
    """Write a value as it stands in a URL; infinity as a number that no float holds."""
    if isinstance(value, float) and isinf(value):
        return "9e999" if value > 0 else "-9e999"
    return value if isinstance(value, str) else repr(value)


def _told(said: Metadata) -> list[tuple[str, str]]:
    """Read the facets of the metadata: a column's name, or a kind and a column's name."""
    facets: list[str | Mapping[str, str]] = said.get("facets") or []
    pairs = [each if isinstance(each, Mapping) else {COLUMN: each} for each in facets]
    return [(kind, name) for pair in pairs for kind, name in pair.items() if kind in KINDS]


def _elements(select: Select, column: str, size: int) -> Clause:
    """Count in how many rows each element is; one that a row holds twice counts once."""
    list_ = _ARRAY.replace("{c}", column)
    inner = f"select row_number() over () as n, {list_} as list from {quote(select.table)}"  # noqa: S608 - quoted
    where = _where(select, f"{column} is not null")
    each = f"select distinct n, e.value as value from ({inner}{where.sql}) as r, json_each(r.list) as e"  # noqa: S608
    sql = f"select value, count(*) as n from ({each} where e.value is not null)"  # noqa: S608 - names are quoted
    return Clause(f"{sql} group by 1 order by n desc, value limit {size + 1}", where.params)


def _where(select: Select, condition: str) -> Clause:
    return replace(select, where=(*select.where, Clause(condition))).condition


def _figures(column: str) -> tuple[str, ...]:
    """Return the SQL of each of the ``Figures``."""
    text = f"typeof({column}) = 'text'"
    return (
        f"count({column})",
        f"count(distinct {column})",
        f"sum({text} and {column} glob '{_DAY}*' and date({column}) is not null)",
        f"sum({text} and json_array_length({_ARRAY.replace('{c}', column)}) is not null)",
    )
