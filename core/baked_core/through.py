"""Rows found through another table that refers to them: ``_through`` of a URL, turned into SQL."""

from typing import Any

import orjson
from msgspec import Struct

from baked_core.args import Args
from baked_core.errors import BadRequest, nearest
from baked_core.filters import OPERATORS
from baked_core.manifest import Column, Database, ForeignKey, Table, View
from baked_core.sql import Clause, quote

_SHAPE = '_through needs a JSON object: {{"table": ..., "column": ..., "value": ...}}, not {text!r}'


class Through(Struct, frozen=True):
    """Rows that a row of another table refers to, where ``column`` of that one has a value."""

    key: ForeignKey
    """Seen from the table that is shown."""
    column: Column
    value: str

    @property
    def clause(self) -> Clause:
        """The condition as SQL."""
        condition = OPERATORS["exact"].clause(self.column, self.value)
        ours, theirs = (", ".join(map(quote, names)) for names in (self.key.columns, self.key.other_columns))
        found = f"select {theirs} from {quote(self.key.other_table)} where {condition.sql}"  # noqa: S608 - quoted
        return Clause(f"({ours}) in ({found})", condition.params)


def parse(args: Args, database: Database, relation: Table | View) -> tuple[Through, ...]:
    """Read every ``_through``; raise BadRequest for a table, column or value that leads nowhere."""
    return tuple(_through(text, database, relation) for text in args.all("_through") if text)


def _through(text: str, database: Database, relation: Table | View) -> Through:
    asked = _read(text)
    incoming = relation.incoming if isinstance(relation, Table) else ()
    name, column = asked["table"], asked["column"]
    key = next((each for each in incoming if each.other_table == name), None)
    if key is None:
        near = nearest(name, [each.other_table for each in incoming])
        raise BadRequest("no table {name!r} refers to {table!r}", name=name, table=relation.name, near=near)
    columns = {each.name: each for each in database.tables[name].columns}
    if column not in columns:
        raise BadRequest(
            "there is no column {column!r} in table {name!r}", column=column, name=name, near=nearest(column, columns)
        )
    return Through(key, columns[column], asked["value"])


def _read(text: str) -> dict[str, str]:
    try:
        asked: dict[str, Any] = orjson.loads(text)
        return {name: _text(asked[name]) for name in ("table", "column", "value")}
    except (orjson.JSONDecodeError, KeyError, TypeError) as exc:
        raise BadRequest(_SHAPE, text=text) from exc


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    raise TypeError(value)
