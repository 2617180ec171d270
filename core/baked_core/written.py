"""Rows as they are written: in JSON and in CSV, by whichever process has them at hand."""

import csv
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import StringIO
from typing import Any, Final

import orjson

from baked_core.values import Row, Value


def distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``names`` with a suffix on those that occurred before, so that no value of a row is lost."""
    if len(set(names)) == len(names):
        return names
    taken, used, following = set(names), set[str](), dict[str, int]()
    result = list[str]()
    for name in names:
        found, number = name, following.get(name, 2)
        while found in used or (found != name and found in taken):
            found, number = f"{name}_{number}", number + 1
        following[name] = number
        used.add(found)
        result.append(found)
    return tuple(result)


def as_json(value: object) -> Mapping[str, object]:
    """Return what stands in JSON for a value that it does not know: a BLOB as base64."""
    if isinstance(value, bytes):
        return {"$base64": True, "encoded": b64encode(value).decode()}
    raise TypeError(value)


def lines(rows: Iterable[Row]) -> bytes:
    """Write ``rows`` as lines of CSV, BLOBs as base64."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


def _cell(value: Value) -> Value:
    return b64encode(value).decode() if isinstance(value, bytes) else value


def _objects(columns: Sequence[str], rows: Sequence[Row]) -> list[Any]:
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _arrays(_columns: Sequence[str], rows: Sequence[Row]) -> list[Any]:
    return list(rows)


def _firsts(_columns: Sequence[str], rows: Sequence[Row]) -> list[Any]:
    return [row[0] for row in rows]


SHAPES: Final[Mapping[str, Callable[[Sequence[str], Sequence[Row]], list[Any]]]] = {
    "objects": _objects,
    "array": _objects,
    "arrays": _arrays,
    "arrayfirst": _firsts,
}
"""The shapes of ``_shape`` for which no more than columns and rows is needed."""


def elements(shape: str, columns: Sequence[str], rows: Sequence[Row]) -> bytes:
    """Write ``rows`` as the elements of a JSON array in one of ``SHAPES``, without its brackets."""
    return orjson.dumps(SHAPES[shape](columns, rows), default=as_json)[1:-1]
