"""Pages as JSON, in the shapes of Datasette 1.0."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from starlette.responses import Response

from baked_core.errors import BadRequest, nearest
from baked_core.manifest import Table
from baked_core.page import DatabasePage, DataPage, ErrorPage, IndexPage, Page, QueryPage, RowPage, TablePage
from baked_core.renderers import conversions, extras
from baked_core.renderers.conversions import Conversions
from baked_core.request import Request
from baked_core.urls import encode_key
from baked_core.values import Row

JSON: Final = "application/json; charset=utf-8"
LINES: Final = "text/plain; charset=utf-8"

Body = dict[str, Any]


def render(page: Page, request: Request) -> Response:
    """Answer with ``page`` as JSON, its rows in the ``_shape`` that the URL asks for."""
    if isinstance(page, QueryPage) and page.error:
        body: Body = {**failure(page.error, page.status), "rows": [], "truncated": False}
        return answer(body, page.status)
    if isinstance(page, DataPage):
        return _shaped(page, request)
    return answer(_BODIES[type(page)](page))


def answer(body: object, status: int = 200, *, infinity: bool = False) -> Response:
    """Serialise ``body``: integers exact, BLOBs as base64, infinities as null unless they are asked for."""
    return Response(conversions.dumps(body, _default, infinity=infinity), status, media_type=JSON)


def failure(message: str, status: int) -> Body:
    """Return the envelope of an error."""
    return {"ok": False, "error": message, "errors": [message], "status": status}


def _default(value: object) -> Mapping[str, object]:
    if isinstance(value, bytes):
        return {"$base64": True, "encoded": b64encode(value).decode()}
    raise TypeError(value)


def _shaped(page: DataPage, request: Request) -> Response:
    args = request.args
    shape = args.get("_shape", "objects")
    lines = args.flag("_nl")
    if shape not in _SHAPES:
        raise BadRequest(f"_shape cannot be {shape!r}{nearest(shape, _SHAPES)}; it is one of {', '.join(_SHAPES)}")
    if lines and shape != "array":
        raise BadRequest("_nl=on goes with _shape=array only: add it")
    asked = conversions.parse(args, page.columns)
    rows: Any = _SHAPES[shape](page, asked.rows(page))
    if shape in {"objects", "arrays"}:
        rows = _envelope(page, rows, request)
    response = _newlined(rows, asked) if lines else answer(rows, infinity=asked.infinity)
    if page.next_url:
        response.headers["link"] = f'<{page.next_url}>; rel="next"'
    return response


def _newlined(rows: Any, asked: Conversions) -> Response:
    body = b"\n".join(conversions.dumps(row, _default, infinity=asked.infinity) for row in rows)
    return Response(body, media_type=LINES)


def _objects(page: DataPage, rows: Sequence[Row]) -> list[Body]:
    columns = page.columns
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _arrays(_page: DataPage, rows: Sequence[Row]) -> list[Row]:
    return list(rows)


def _array_first(_page: DataPage, rows: Sequence[Row]) -> list[Any]:
    return [row[0] for row in rows]


def _object(page: DataPage, rows: Sequence[Row]) -> Body:
    key = page.key if isinstance(page, TablePage | RowPage) else ()
    if not key:
        raise BadRequest("_shape=object is for tables, whose rows have a key: use _shape=array")
    places = [page.columns.index(name) for name in key]
    keys = (encode_key([row[place] for place in places]) for row in page.rows)
    return dict(zip(keys, _objects(page, rows), strict=True))


_SHAPES: Final[Mapping[str, Callable[[DataPage, Sequence[Row]], Any]]] = {
    "objects": _objects,
    "arrays": _arrays,
    "array": _objects,
    "arrayfirst": _array_first,
    "object": _object,
}


def _envelope(page: DataPage, rows: object, request: Request) -> Body:
    match page:
        case TablePage():
            body: Body = {"ok": True, "next": page.next, "next_url": page.next_url, "rows": rows, "truncated": False}
        case RowPage():
            body = {
                "ok": True,
                "database": page.database.name,
                "table": page.table.name,
                "rows": rows,
                "primary_keys": page.key,
                "primary_key_values": page.path_values,
                "query_ms": page.milliseconds,
                "truncated": False,
            }
        case _:
            body = {"ok": True, "rows": rows, "truncated": page.truncated}
    return body | extras.bodies(page, request) if page.extras else body


def _index(page: IndexPage) -> Body:
    databases = {
        database.name: {
            "name": database.name,
            "size": database.size,
            "tables_count": sum(not table.hidden for table in database.tables.values()),
            "table_rows_sum": sum(table.count for table in database.tables.values() if not table.hidden),
            "hidden_tables_count": sum(table.hidden for table in database.tables.values()),
            "views_count": len(database.views),
        }
        for database in page.databases
    }
    return {"ok": True, "databases": databases, "metadata": _described(page)}


def _database(page: DatabasePage) -> Body:
    return {
        "ok": True,
        "database": page.database.name,
        "size": page.database.size,
        "tables": [_table(table, hidden=table.name in page.hidden) for table in page.tables],
        "hidden_count": sum(table.name in page.hidden for table in page.tables),
        "views": [{"name": view.name, "columns": [c.name for c in view.columns]} for view in page.views],
        "queries": [],
        "allow_execute_sql": page.allow_sql,
        "metadata": _described(page),
    }


def _table(table: Table, *, hidden: bool) -> Body:
    return {
        "name": table.name,
        "columns": [column.name for column in table.columns],
        "primary_keys": table.primary_keys,
        "count": table.count,
        "hidden": hidden,
        "fts_table": table.fts_table,
        "foreign_keys": {"incoming": _keys(table, incoming=True), "outgoing": _keys(table, incoming=False)},
    }


def _keys(table: Table, *, incoming: bool) -> list[Body]:
    keys = table.incoming if incoming else table.foreign_keys
    return [
        {"other_table": key.other_table, "column": own, "other_column": other}
        for key in keys
        for own, other in zip(key.columns, key.other_columns, strict=True)
    ]


def _described(page: Page) -> Body:
    return {name: value for name, value in page.metadata.items() if name not in {"databases", "tables", "plugins"}}


def _error(page: ErrorPage) -> Body:
    return failure(page.message, page.status)


_BODIES: Final[Mapping[type[Page], Callable[[Any], Body]]] = {
    IndexPage: _index,
    DatabasePage: _database,
    ErrorPage: _error,
}
