"""Figures: what the first rows of a table or view say of its columns, so that the app need not look for facets.

The rows are those with the lowest rowids: another order, such as that of an index which holds all that is read, would
show few values of a column. Their number bounds the work, and so does leaving out columns with a long value among
them: no facet by text of pages is worth a look. No clock decides anything: the same file gives the same figures.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import apsw
from msgspec.structs import replace

from baked_core.facets import MOST, SAMPLE, read, sample
from baked_core.manifest import Column, Figures, Table, View
from baked_core.sql import Select, Term, quote

LONG: Final = 4096
"""Bytes beyond which a value is long."""


def figured(connection: apsw.Connection, relation: Table | View) -> tuple[Column, ...]:
    """Return the columns of ``relation`` with their figures.

    Without figures are the one column of a key, for each of its values is there once; and a table of which SQLite can
    read no row, as one with a collation of its own: a page says why.
    """
    table = relation if isinstance(relation, Table) else None
    wanted = [column for column in relation.columns if table is None or (column.name,) != table.primary_keys]
    try:
        found = {column.name: column for column in _read(connection, relation, wanted)}
    except apsw.SQLError:
        return relation.columns
    return tuple(found.get(column.name, column) for column in relation.columns)


def _read(connection: apsw.Connection, relation: Table | View, columns: Sequence[Column]) -> Iterator[Column]:
    rowid = relation.rowid if isinstance(relation, Table) else None
    order = (Term(rowid),) if rowid else ()
    for first in range(0, len(columns), MOST):
        part = columns[first : first + MOST]
        select = Select(relation.name, tuple(column.name for column in part), order=order, limit=SAMPLE)
        longest = _longest(connection, select)
        short = [column for column, most in zip(part, longest, strict=True) if most <= LONG]
        if short:
            yield from read(_numbers(connection, sample(select, short).sql), short)
        yield from (replace(column, figures=Figures()) for column in part if column not in short)


def _longest(connection: apsw.Connection, select: Select) -> Sequence[int]:
    """Return the bytes of the longest value of each column, told by the headers of the rows."""
    lengths = ", ".join(f"octet_length({quote(name)}) as l{number}" for number, name in enumerate(select.columns))
    rows = f"select {lengths} from {quote(select.table)}"  # noqa: S608 - quoted
    rows += "".join(f" order by {term.expression}" for term in select.order) + f" limit {select.limit}"
    most = ", ".join(f"max(l{number})" for number in range(len(select.columns)))
    return _numbers(connection, f"select {most} from ({rows})")  # noqa: S608 - quoted


def _numbers(connection: apsw.Connection, sql: str) -> list[int]:
    """Return the one row of numbers that ``sql`` asks for, 0 for NULL: of no rows there is no sum."""
    return [value if isinstance(value, int) else 0 for value in connection.execute(sql).fetchall()[0]]
