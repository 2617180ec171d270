"""Keyset pagination: in which order rows are visited, and the token that says where the next page begins.

A table's rows have a total order: the sort column, if any, then the primary key, then the rowid (a primary key of a
rowid table may hold NULLs, many of them). A table WITHOUT ROWID gets its primary key a second time, compared byte by
byte, because the column's collation may hold equal what the key's collation tells apart. What has no key at all, a
view above all, is paged by offset: over a frozen database the same statement gives the same rows in the same order.
"""

from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

import orjson
from msgspec import Struct

from baked_core.errors import BadRequest
from baked_core.manifest import Table, View
from baked_core.sql import Term
from baked_core.values import BrokenText, Value

_CHECK: Final = 6
"""Bytes of checksum in a token: it tells a mistake from a token, it keeps nothing secret."""

LONG: Final = 1500
"""Characters of values in a token beyond which a row is found again by its key instead."""
_LEAST, _MOST = -(2**63), 2**63 - 1
"""SQLite's integers; what is beyond is in no row, and cannot be bound."""


class After(Struct, frozen=True):
    """The next page begins after the row with these values of the order's columns."""

    values: tuple[Value, ...]


class AfterKey(Struct, frozen=True):
    """The next page begins after the row with this key; the order's other values are too long for a URL."""

    key: tuple[Value, ...]


class Offset(Struct, frozen=True):
    """The next page begins after so many rows."""

    rows: int


Place = After | AfterKey | Offset


def key(relation: Table | View) -> tuple[Term, ...]:
    """Return the terms that tell every row of ``relation`` from every other; empty if nothing does."""
    if isinstance(relation, View):
        return ()
    primary = tuple(Term(name) for name in relation.primary_keys)
    if relation.rowid is None:
        never_null = all(column.notnull for column in relation.columns if column.primary_key)
        return primary + tuple(Term(name, binary=True) for name in relation.primary_keys) if never_null else ()
    if is_rowid_alias(relation):
        return primary
    return (*primary, Term(relation.rowid))


def finding(relation: Table | View) -> tuple[str, ...]:
    """Return the columns of a row's order by which it is found again, alone; empty if nothing does."""
    terms = key(relation)
    if isinstance(relation, Table) and relation.rowid is not None:
        return (terms[-1].column,)
    return tuple(term.column for term in terms if not term.binary)


def is_rowid_alias(table: Table) -> bool:
    """Tell whether the primary key is the rowid itself."""
    if table.rowid is None or len(table.primary_keys) != 1:
        return False
    name = table.primary_keys[0]
    return any(c.name == name and c.type.upper() == "INTEGER" for c in table.columns) and not any(
        index.origin == "pk" for index in table.indexes
    )


def order(relation: Table | View, sort: Term | None) -> tuple[Term, ...]:
    """Return a total order that begins with ``sort``; for what has no key, as much of one as its columns give."""
    terms = key(relation)
    if sort is None:
        return terms
    rest = terms or tuple(Term(column.name) for column in relation.columns)
    return (sort, *(t for t in rest if t.column != sort.column or t.binary))


def encode(place: Place, scope: str) -> str:
    """Return the token for ``place``; ``scope`` names what it is good for, and must be the same when it is read."""
    match place:
        case After(values):
            body: list[Any] = ["k", *map(_pack, values)]
        case AfterKey(values):
            body = ["r", *map(_pack, values)]
        case Offset(rows):
            body = ["o", rows]
    payload = orjson.dumps(body)
    return urlsafe_b64encode(_checksum(payload, scope) + payload).rstrip(b"=").decode()


def decode(token: str, scope: str, terms: Sequence[Term], key: Sequence[str] = ()) -> Place:
    """Read a token; raise BadRequest if it was tampered with or belongs to another table, order or filter.

    ``terms`` are the order, ``key`` the columns that find a row again.
    """
    try:
        data = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        kind, *values = orjson.loads(_checked(data, scope))
        return _place(kind, values, terms, key)
    except (ValueError, TypeError, KeyError, OverflowError) as exc:
        raise BadRequest(
            "_next is not a token of this table in this order: follow next_url as it is, or begin again without _next"
        ) from exc


def _place(kind: str, values: list[Any], terms: Sequence[Term], key: Sequence[str]) -> Place:
    if kind == "k" and len(values) == len(terms):
        return After(tuple(map(_unpack, values)))
    if kind == "r" and key and len(values) == len(key):
        return AfterKey(tuple(map(_unpack, values)))
    if kind == "o" and len(values) == 1 and isinstance(rows := _unpack(values[0]), int) and rows >= 0:
        return Offset(rows)
    raise ValueError(kind)


def _checked(data: bytes, scope: str) -> bytes:
    check, payload = data[:_CHECK], data[_CHECK:]
    if check != _checksum(payload, scope):
        raise ValueError(data)
    return payload


def _checksum(payload: bytes, scope: str) -> bytes:
    return sha256(scope.encode("utf-8", "surrogatepass") + b"\0" + payload).digest()[:_CHECK]


def _pack(value: Value) -> Any:
    if isinstance(value, BrokenText):
        return {"t": b64encode(value.raw).decode()}
    if isinstance(value, bytes):
        return {"b": b64encode(value).decode()}
    if isinstance(value, float):
        return {"f": value.hex()}
    return value


def _unpack(packed: Any) -> Value:
    match packed:
        case None | str():
            return packed
        case int() if not isinstance(packed, bool) and _LEAST <= packed <= _MOST:
            return packed
        case {"t": raw}:
            return BrokenText(b64decode(raw))
        case {"b": raw}:
            return b64decode(raw)
        case {"f": digits}:
            return float.fromhex(digits)
        case _:
            raise ValueError(packed)
