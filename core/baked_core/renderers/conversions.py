"""Conversions that the URL of JSON may ask for: cells that hold JSON, integers as text, infinities, labels."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import orjson
from msgspec import Struct

from baked_core.args import Args
from baked_core.errors import BadRequest, nearest
from baked_core.page import DataPage, TablePage
from baked_core.values import Row, Value

EXACT: Final = 2**53 - 1
"""The largest integer that JavaScript holds exactly."""


Cell = Callable[[Any], Any]


class Conversions(Struct, frozen=True):
    """What is done to the cells of one answer."""

    parsed: frozenset[str]
    """Columns whose text is JSON, to be answered as such."""
    text: bool
    """Whether integers beyond ``EXACT`` are answered as text."""
    infinity: bool
    """Whether infinities are answered as ``Infinity``, which no standard knows, instead of null."""

    def rows(self, page: DataPage) -> Sequence[Row]:
        """Return the rows of ``page``, converted, labels joined to their values."""
        rows = page.rows
        if self.text or self.parsed:
            cells = [self._cell(name) for name in page.columns]
            rows = [[cell(value) for cell, value in zip(cells, row, strict=True)] for row in rows]
        return _labelled(page, rows, self._exact) if isinstance(page, TablePage) and page.label_rows else rows

    def value(self, value: Value) -> Any:
        """Convert one value that belongs to no column."""
        return self._exact(value)

    def _cell(self, column: str) -> Cell:
        return self._parsed if column in self.parsed else self._exact

    def _exact(self, value: Value) -> Any:
        return str(value) if self.text and type(value) is int and abs(value) > EXACT else value

    def _parsed(self, value: Value) -> Any:
        if not isinstance(value, str):
            return self._exact(value)
        try:
            parsed = orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
        if self.infinity or self.text:
            return parsed
        return orjson.Fragment(value.replace("\n", " ").replace("\r", " "))  # as it is, on one line


_NOTHING: Final = Conversions(frozenset(), text=False, infinity=False)


def parse(args: Args, columns: Iterable[str]) -> Conversions:
    """Read what the URL asks for; raise BadRequest for an unknown column or word."""
    if not args.has("_json", "_bigint", "_json_infinity"):
        return _NOTHING
    known = list(columns)
    for name in args.all("_json"):
        if name not in known:
            raise BadRequest("there is no column {name!r} to read as JSON", name=name, near=nearest(name, known))
    bigint = args.get("_bigint", "number")
    return Conversions(frozenset(args.all("_json")), text=bigint == "string", infinity=args.flag("_json_infinity"))


def dumps(body: object, default: Callable[[object], Any], *, infinity: bool) -> bytes:
    """Serialise ``body``."""
    if not infinity:
        return orjson.dumps(body, default=default)
    return json.dumps(body, default=default, ensure_ascii=False, separators=(",", ":")).encode()


def _labelled(page: TablePage, rows: Sequence[Row], convert: Cell) -> list[Any]:
    places = {page.columns.index(name): number for number, name in enumerate(page.labels)}
    return [
        [
            value if (number := places.get(place)) is None else _pair(value, words[number], convert)
            for place, value in enumerate(row)
        ]
        for row, words in zip(rows, page.label_rows, strict=True)
    ]


def _pair(value: Any, label: Value, convert: Cell) -> Any:
    """Join a value to its label; one that names no row stays as it is."""
    return value if label is None else {"value": value, "label": convert(label)}
