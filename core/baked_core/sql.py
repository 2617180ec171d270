"""SQL that the app writes: names quoted, values bound, pages cut by key. Pure functions."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Final

from msgspec import Struct, field

from baked_core.values import BrokenText, Value

_MARK: Final = re.compile(r"""("(?:[^"]|"")*"|'(?:[^']|'')*')|\?""")


class Clause(Struct, frozen=True):
    """A piece of SQL and the values of its question marks."""

    sql: str
    params: tuple[Value, ...] = ()


class Term(Struct, frozen=True):
    """One term of an ORDER BY."""

    column: str
    descending: bool = False
    binary: bool = False
    """Compare byte by byte, whatever the column's own collation."""
    kind: bool = False
    """Compare whether it is text, and nothing else."""

    @property
    def expression(self) -> str:
        """What is compared."""
        if self.kind:
            return f"typeof({quote(self.column)}) = 'text'"
        return quote(self.column) + (" collate binary" if self.binary else "")


class Select(Struct, frozen=True):
    """A page of rows of a table or view."""

    table: str
    columns: tuple[str, ...]
    where: tuple[Clause, ...] = ()
    order: tuple[Term, ...] = ()
    limit: int | None = None
    offset: int = 0
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """SQL that finds the label of a column's value, by column; read after the columns."""
    beside: bool = False
    """Whether each label is read right after its column instead."""

    def page(self) -> Clause:
        """Return the statement that reads the rows."""
        where = _joined(self.where)
        order = ", ".join(t.expression + (" desc" if t.descending else "") for t in self.order)
        sql = f"select {self._read()} from {quote(self.table)}{where.sql}"  # noqa: S608 - quoted
        sql += f" order by {order}" if order else ""
        if self.limit is None:
            return Clause(sql, where.params)
        sql += f" limit {self.limit}"
        return Clause(f"{sql} offset ?", (*where.params, self.offset)) if self.offset else Clause(sql, where.params)

    @property
    def condition(self) -> Clause:
        """The WHERE, a space before it; nothing without conditions."""
        return _joined(self.where)

    def _read(self) -> str:
        if not self.labels:
            return _listed(self.columns)
        if not self.beside:
            return ", ".join([*map(quote, self.columns), *self.labels.values()])
        pairs = ((quote(name), self.labels.get(name)) for name in self.columns)
        return ", ".join(sql for pair in pairs for sql in pair if sql)

    def count(self) -> Clause:
        """Return the statement that counts all rows of all pages."""
        where = _joined(self.where)
        return Clause(f"select count(*) from {quote(self.table)}{where.sql}", where.params)  # noqa: S608 - quoted


def quote(name: str) -> str:
    """Quote ``name`` as an identifier."""
    return '"' + name.replace('"', '""') + '"'


@lru_cache(1000)
def _listed(names: tuple[str, ...]) -> str:
    """Quote the columns of a table, which are asked for again and again."""
    return ", ".join(map(quote, names))


def affinity(declared: str) -> str:
    """Return the affinity that SQLite gives a column of this declared type."""
    upper = declared.upper()
    if "INT" in upper:
        return "INTEGER"
    if any(word in upper for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if not upper or "BLOB" in upper:
        return "BLOB"
    return "REAL" if any(word in upper for word in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


def bound(value: Value) -> Clause:
    """Return a question mark for ``value``; broken text is bound as bytes, for no driver takes it as text."""
    return Clause("cast(? as text)", (value.raw,)) if isinstance(value, BrokenText) else Clause("?", (value,))


def after(order: Sequence[Term], values: Sequence[Value]) -> Clause:
    """Return the condition that a row comes after the one with ``values`` in ``order``.

    Each comparison has the column on its left, so that it uses the same collation as the ORDER BY. NULL comes
    first ascending and last descending, as SQLite sorts it.
    """
    clause = _beyond(order[-1], values[-1])
    for term, value in zip(reversed(order[:-1]), reversed(values[:-1]), strict=True):
        beyond, same = _beyond(term, value), _same(term, value)
        clause = Clause(
            f"({beyond.sql} or ({same.sql} and {clause.sql}))", (*beyond.params, *same.params, *clause.params)
        )
    return _with_bound(clause, order, values)


def _beyond(term: Term, value: Value) -> Clause:
    if value is None:
        return Clause("0" if term.descending else f"{term.expression} is not null")
    mark = bound(value)
    if term.descending:
        return Clause(f"({term.expression} < {mark.sql} or {term.expression} is null)", mark.params)
    return Clause(f"{term.expression} > {mark.sql}", mark.params)


def _same(term: Term, value: Value) -> Clause:
    if value is None:
        return Clause(f"{term.expression} is null")
    mark = bound(value)
    return Clause(f"{term.expression} = {mark.sql}", mark.params)


def _with_bound(clause: Clause, order: Sequence[Term], values: Sequence[Value]) -> Clause:
    """Add what follows from the rest: a plain lower bound, with which SQLite can seek into an index."""
    if len(order) == 1 or order[0].descending or values[0] is None:
        return clause
    mark = bound(values[0])
    return Clause(f"({order[0].expression} >= {mark.sql} and {clause.sql})", (*mark.params, *clause.params))


def _joined(clauses: Iterable[Clause]) -> Clause:
    clauses = list(clauses)
    if not clauses:
        return Clause("")
    return Clause(" where " + " and ".join(c.sql for c in clauses), tuple(p for c in clauses for p in c.params))


def named(clause: Clause) -> tuple[str, Mapping[str, Value]]:
    """Return ``clause`` with ``:p0``, ``:p1`` instead of question marks, and their values by these names."""
    names = count()
    sql = _MARK.sub(lambda found: found[1] or f":p{next(names)}", clause.sql)
    return sql, {f"p{number}": value for number, value in enumerate(clause.params)}
