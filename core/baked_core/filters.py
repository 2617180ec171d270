"""Column filters: ``COLUMN__operator=value`` of a URL, turned into SQL."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import orjson
from msgspec import Struct

from baked_core.errors import BadRequest, nearest
from baked_core.manifest import Column
from baked_core.sql import Clause, affinity, bound, quote
from baked_core.values import Value, is_number

_INTEGER: Final = re.compile(r"[+-]?\d{1,19}").fullmatch


class Operator(Struct, frozen=True):
    """One operator: its name in URLs, its words in a sentence and its SQL."""

    name: str
    label: str
    """Says it between a column and a value: ``contains``."""
    clause: Callable[[Column, str], Clause]
    takes_value: bool = True


class Filter(Struct, frozen=True):
    """One condition of a table page."""

    column: Column
    operator: Operator
    value: str

    @property
    def clause(self) -> Clause:
        """The condition as SQL."""
        return self.operator.clause(self.column, self.value)

    @property
    def argument(self) -> tuple[str, str]:
        """The name and value that stand for it in a URL."""
        name = self.column.name
        plain = self.operator.name == "exact" and not name.startswith("_") and "__" not in name
        return (name if plain else f"{name}__{self.operator.name}", self.value if self.operator.takes_value else "1")


def parse(name: str, value: str, columns: Mapping[str, Column]) -> Filter:
    """Read one argument of a table page; raise BadRequest for an unknown column or operator."""
    column, operator = columns.get(name), "exact"
    if column is None and "__" in name:
        head, _, operator = name.rpartition("__")
        column = columns.get(head)
        name = head if column is not None or operator in OPERATORS else name
    if column is None:
        raise BadRequest("there is no column {name!r} to filter by", name=name, near=nearest(name, columns))
    if operator not in OPERATORS:
        raise BadRequest(
            "there is no filter operator {operator!r}", operator=operator, near=nearest(operator, OPERATORS)
        )
    return Filter(column, OPERATORS[operator], value)


def _number(value: str) -> Value:
    if _INTEGER(value) and abs(number := int(value)) < 2**63:
        return number
    return float(value) if is_number(value) else None


def _equal(column: Column, value: str) -> Clause:
    """Compare as the column's affinity does; where it has none, ``5`` in a URL means the number or the text.

    Decimals are also compared as Python reads them, for SQLite may read the last digit of seventeen otherwise.
    """
    number = None if affinity(column.type) in {"TEXT", "INTEGER"} else _number(value)
    if number is None:
        mark = bound(value)
        return Clause(f"{quote(column.name)} = {mark.sql}", mark.params)
    return Clause(f"({quote(column.name)} = ? or {quote(column.name)} = ?)", (value, number))


def _different(column: Column, value: str) -> Clause:
    clause = _equal(column, value)
    return Clause(f"not {clause.sql}", clause.params)


def _compared(sign: str) -> Callable[[Column, str], Clause]:
    def clause(column: Column, value: str) -> Clause:
        number = None if affinity(column.type) == "TEXT" else _number(value)
        return Clause(f"{quote(column.name)} {sign} ?", (value if number is None else number,))

    return clause


def _template(sql: str, pattern: str = "{}") -> Callable[[Column, str], Clause]:
    def clause(column: Column, value: str) -> Clause:
        params = (pattern.replace("{}", value),) if "?" in sql else ()
        return Clause(sql.replace("{c}", quote(column.name)), params)

    return clause


def _listed(value: str) -> list[str]:
    if not value.startswith("["):
        return [part.strip() for part in value.split(",")]
    try:
        return [part if isinstance(part, str) else orjson.dumps(part).decode() for part in orjson.loads(value)]
    except (orjson.JSONDecodeError, orjson.JSONEncodeError) as exc:  # what is read may be nested deeper than written
        raise BadRequest("{value!r} is neither values between commas nor a JSON array", value=value) from exc


def _in(column: Column, value: str) -> Clause:
    """Compare as ``_equal`` does, in two lists: as many comparisons would be deeper than SQLite allows."""
    parts = _listed(value)
    if not parts:
        return Clause("0", ())
    marks = [bound(part) for part in parts]
    texts = _among(column, [mark.sql for mark in marks])
    params = tuple(param for mark in marks for param in mark.params)
    typed = affinity(column.type) in {"TEXT", "INTEGER"}
    numbers = [] if typed else [number for part in parts if (number := _number(part)) is not None]
    if not numbers:
        return Clause(f"({texts})", params)
    return Clause(f"({texts} or {_among(column, ['?'] * len(numbers))})", (*params, *numbers))


def _among(column: Column, marks: Sequence[str]) -> str:
    return f"{quote(column.name)} in ({', '.join(marks)})"


def _not_in(column: Column, value: str) -> Clause:
    clause = _in(column, value)
    return Clause(f"not {clause.sql}", clause.params)


_LIST: Final = "case when json_valid({c}) and json_type({c}) = 'array' then {c} end"
_ELEMENTS: Final = f"(select value from json_each({_LIST}) where value is not null)"  # noqa: S608 - a column's name


def _array_contains(column: Column, value: str) -> Clause:
    """Look for an element: ``5`` in a URL means the number or the text."""
    elements, number = _ELEMENTS.replace("{c}", quote(column.name)), _number(value)
    if number is None:
        return Clause(f"? in {elements}", (value,))
    return Clause(f"(? in {elements} or ? in {elements})", (value, number))


def _array_contains_not(column: Column, value: str) -> Clause:
    clause = _array_contains(column, value)
    return Clause(f"not ({clause.sql})", clause.params)


def _table(operators: Iterable[Operator]) -> Mapping[str, Operator]:
    return {operator.name: operator for operator in operators}


OPERATORS: Final = _table(
    (
        Operator("exact", "=", _equal),
        Operator("not", "≠", _different),
        Operator("contains", "contains", _template("{c} like ?", "%{}%")),
        Operator("notcontains", "does not contain", _template("{c} not like ?", "%{}%")),
        Operator("endswith", "ends with", _template("{c} like ?", "%{}")),
        Operator("startswith", "starts with", _template("{c} like ?", "{}%")),
        Operator("gt", ">", _compared(">")),
        Operator("gte", "≥", _compared(">=")),
        Operator("lt", "<", _compared("<")),
        Operator("lte", "≤", _compared("<=")),
        Operator("like", "like", _template("{c} like ?")),
        Operator("notlike", "not like", _template("{c} not like ?")),
        Operator("glob", "glob", _template("{c} glob ?")),
        Operator("in", "in", _in),
        Operator("notin", "not in", _not_in),
        Operator("arraycontains", "array contains", _array_contains),
        Operator("arraynotcontains", "array does not contain", _array_contains_not),
        Operator("date", "on date", _template("date({c}) = ?")),
        Operator("isnull", "is null", _template("{c} is null"), takes_value=False),
        Operator("notnull", "is not null", _template("{c} is not null"), takes_value=False),
        Operator("isblank", "is blank", _template("({c} is null or {c} = '')"), takes_value=False),
        Operator("notblank", "is not blank", _template("({c} is not null and {c} != '')"), takes_value=False),
    )
)
"""Every operator by its name in URLs, in the order in which the form offers them."""
