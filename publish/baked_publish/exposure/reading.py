"""Reading: the rows of a table that are looked at, in stretches spread evenly over it, as text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import apsw

from baked_core.manifest import Table
from baked_core.sql import quote

STRETCH: Final = 1000
"""Rows that are read one after the other."""
STRETCHES: Final = 100
"""Stretches of one table; where it has no more rows than fit in them, all are read."""
LONGEST: Final = 1 << 14
"""Characters of one value that are looked at."""
BLOCK: Final = 4 << 20
"""Characters of values held at once."""
MOST: Final = 256 << 20
"""Characters of one table that are looked at."""
SMALLEST: Final = 1_000_000
"""A whole number below it is none of a person."""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that were read: their number, and the values that are worth a look by column."""

    rows: int
    values: Mapping[str, Sequence[str]]


def read(connection: apsw.Connection, table: Table, *, every_row: bool) -> Iterator[Block]:
    """Yield the rows of ``table``, block by block; raise apsw.Error if it cannot be read."""
    columns = [column.name for column in table.columns]
    if not columns or not table.count:
        return
    chosen = ", ".join(_as_text(quote(column)) for column in columns)
    ((encoding,),) = connection.execute("pragma encoding")
    total = 0
    for where, bindings in _stretches(connection, table, every_row=every_row):
        rows = connection.execute(f"select {chosen} from {quote(table.name)} {where}", bindings)  # noqa: S608 - quoted
        for block in _blocks(columns, rows, encoding):
            yield block
            total += sum(len(value) for values in block.values.values() for value in values)
            if total > MOST and not every_row:
                return


def _as_text(column: str) -> str:
    """Return the expression of what is looked at: text, cut off if long, and large whole numbers."""
    whole = f"case when abs({column}) between {SMALLEST} and 1e18 then cast({column} as text) end"
    is_whole = f"abs({column}) between {SMALLEST} and 9e15 and {column} = cast({column} as integer)"
    real = f"case when {is_whole} then cast(cast({column} as integer) as text) end"
    text = f"cast(substr({column}, 1, {LONGEST}) as blob)"
    return f"case typeof({column}) when 'text' then {text} when 'integer' then {whole} when 'real' then {real} end"


def _stretches(
    connection: apsw.Connection, table: Table, *, every_row: bool
) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Yield what follows ``from TABLE`` for each stretch."""
    if every_row or table.count <= STRETCH * STRETCHES:
        yield "", {}
        return
    if table.rowid is None or table.virtual is not None:
        yield "limit :most", {"most": STRETCH * STRETCHES}
        return
    rowid = quote(table.rowid)
    ((first, last),) = connection.execute(f"select min({rowid}), max({rowid}) from {quote(table.name)}")  # noqa: S608
    step = max(1, (last - first) // STRETCHES)
    for number in range(STRETCHES):
        begin = first + number * step
        end = begin + step - 1 if number < STRETCHES - 1 else last
        yield (
            f"where {rowid} between :begin and :end order by {rowid} limit :most",
            {"begin": begin, "end": end, "most": STRETCH},
        )


def _blocks(columns: Sequence[str], rows: Iterable[Sequence[Any]], encoding: str) -> Iterator[Block]:
    values: dict[str, list[str]] = {column: [] for column in columns}
    count = size = 0
    for row in rows:
        count += 1
        for column, value in zip(columns, row, strict=True):
            if value is None:
                continue
            text = value.decode(encoding, errors="replace") if isinstance(value, bytes) else str(value)
            values[column].append(text)
            size += len(text)
        if count >= STRETCH or size >= BLOCK:
            yield Block(count, values)
            values = {column: [] for column in columns}
            count = size = 0
    if count:
        yield Block(count, values)
