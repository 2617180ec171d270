"""What a table page shows, said in English, as ``human_description_en`` has it in Datasette."""

import json
import re
from collections.abc import Iterator
from typing import Final

from baked_core.filters import Filter
from baked_core.table_query import TableQuery

_WORDS: Final = {
    "not": "!=",
    "arraycontains": "contains",
    "arraynotcontains": "does not contain",
    "date": "is on date",
}
"""The words of operators that are not those of the pages."""
_COMPARE: Final = frozenset(("exact", "not", "gt", "gte", "lt", "lte"))
_NUMBER: Final = re.compile(r"\d+(\.\d+)?").fullmatch


def description(query: TableQuery) -> str:
    """Say which rows and in which order; nothing for all rows as they are stored."""
    *some, last = [*_conditions(query)] or [""]
    where = " and ".join(filter(None, (", ".join(some), last)))
    sort = query.sort
    order = "" if sort is None else f"sorted by {sort.column}{' descending' if sort.descending else ''}"
    return " ".join(part for part in (f"where {where}" if where else "", order) if part)


def _conditions(query: TableQuery) -> Iterator[str]:
    for search in query.searches:
        yield f'{search.column or "search"} matches "{search.text}"'
    for through in query.through:
        yield f'{through.key.other_table}.{through.column.name} = "{through.value}"'
    for each in sorted(query.filters, key=lambda one: one.argument):
        yield _said(each)
    yield from query.wheres


def _said(found: Filter) -> str:
    name, value = found.operator.name, found.value
    words = f"{found.column.name} {_WORDS.get(name, found.operator.label)}"
    if not found.operator.takes_value:
        return words
    if name in {"in", "notin"}:
        parts = json.loads(value) if value.startswith("[") else [part.strip() for part in value.split(",")]
        return f"{words} {json.dumps(parts, ensure_ascii=False)}"
    plain = name == "date" or (name in _COMPARE and _NUMBER(value))
    return f"{words} {value}" if plain else f'{words} "{value}"'
