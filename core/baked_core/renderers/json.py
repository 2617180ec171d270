"""Pages as JSON, in the shapes of Datasette 1.0."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import orjson

from baked_core.args import SHAPES
from baked_core.canned import Canned
from baked_core.errors import BadRequest
from baked_core.http import Response
from baked_core.manifest import Database, Table, View
from baked_core.page import (
    ApiPage,
    DatabasePage,
    DataPage,
    DocumentPage,
    ErrorPage,
    IndexPage,
    Page,
    QueriesPage,
    QueryPage,
    RowPage,
    TablePage,
)
from baked_core.renderers import conversions, extras
from baked_core.renderers.conversions import Conversions
from baked_core.request import Request
from baked_core.table_query import untyped_key
from baked_core.trace import CURRENT
from baked_core.urls import encode_key, exact_key
from baked_core.values import Row
from baked_core.written import as_json

JSON: Final = "application/json; charset=utf-8"
LINES: Final = "text/plain; charset=utf-8"

_FEW: Final = 5
"""Tables of a database that the index names."""

Body = dict[str, Any]


def render(page: Page, request: Request) -> Response:
    """Answer with ``page`` as JSON, its rows in the ``_shape`` that the URL asks for."""
    if isinstance(page, QueryPage) and page.error:
        body: Body = {**failure(page.error, page.status), "rows": [], "truncated": False}
        return answer(body, page.status)
    if isinstance(page, DataPage):
        return _shaped(page, request)
    return answer(_BODIES[type(page)](page, request))


def answer(body: object, status: int = 200, *, infinity: bool = False) -> Response:
    """Serialise ``body``: integers exact, BLOBs as base64, infinities as null unless they are asked for."""
    return Response(conversions.dumps(body, as_json, infinity=infinity), status, media_type=JSON)


def failure(message: str, status: int) -> Body:
    """Return the envelope of an error."""
    return {"ok": False, "error": message, "errors": [message], "status": status}


def _shaped(page: DataPage, request: Request) -> Response:
    args = request.args
    shape = args.get("_shape", "objects")
    lines = args.flag("_nl")
    if lines and shape != "array":
        raise BadRequest("_nl=on goes with _shape=array only: add it")
    asked = conversions.parse(args, page.columns)
    rows: Any = _SHAPES[shape](page, asked.rows(page)) if page.written is None else orjson.Fragment(page.written)
    if shape in {"objects", "arrays"}:
        rows = _envelope(page, rows, request)
    response = _newlined(rows, asked) if lines else answer(rows, infinity=asked.infinity)
    if page.next_url:
        response.headers["link"] = f'<{page.next_url}>; rel="next"'
    return response


def _newlined(rows: Any, asked: Conversions) -> Response:
    body = b"\n".join(conversions.dumps(row, as_json, infinity=asked.infinity) for row in rows)
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
    if not key or not isinstance(page, TablePage | RowPage):
        raise BadRequest("_shape=object is for tables, whose rows have a key: use _shape=array")
    places = [page.columns.index(name) for name in key]
    untyped = untyped_key(page.relation if isinstance(page, TablePage) else page.table)
    keys = (encode_key(exact_key([row[place] for place in places], untyped)) for row in page.rows)
    found = dict(zip(keys, _objects(page, rows), strict=True))
    if len(found) < len(rows):
        raise BadRequest("_shape=object would lose rows here, for some have the same NULL key: use _shape=array")
    return found


_SHAPES: Final[Mapping[str, Callable[[DataPage, Sequence[Row]], Any]]] = dict(
    zip(SHAPES, (_objects, _arrays, _objects, _array_first, _object), strict=True)
)


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
    if page.extras:
        body |= extras.bodies(page, request)
    if (trace := CURRENT.get()) is not None:
        body["_trace"] = trace.body()
    return body


def _index(page: IndexPage, request: Request) -> Body:
    databases = [_summary(each, page.tables(each), request) for each in page.databases]
    return {"ok": True, "databases": databases, "metadata": _described(page)}


def _summary(database: Database, shown: Sequence[Table], request: Request) -> Body:
    hidden = [table for table in database.tables.values() if table.hidden]
    return {
        "name": database.name,
        "hash": database.sha256,
        "color": database.sha256[:6],
        "path": request.urls.path(database.name),
        "size": database.size,
        "tables_and_views_truncated": [_brief(table, database.name, request) for table in shown[:_FEW]],
        "tables_and_views_more": len(shown) + len(database.views) > _FEW,
        "tables_count": len(shown),
        "table_rows_sum": sum(table.count for table in shown),
        "show_table_row_counts": True,
        "hidden_table_rows_sum": sum(table.count for table in hidden),
        "hidden_tables_count": len(hidden),
        "views_count": len(database.views),
        "private": request.serving.is_private(database.name),
    }


def _brief(table: Table, database: str, request: Request) -> Body:
    return {
        "name": table.name,
        "columns": [column.name for column in table.columns],
        "primary_keys": table.primary_keys,
        "count": table.count,
        "hidden": table.hidden,
        "fts_table": table.fts_table,
        "num_relationships_for_sorting": len(table.foreign_keys) + len(table.incoming),
        "private": request.serving.is_private(database, table.name),
    }


def _database(page: DatabasePage, request: Request) -> Body:
    everything: list[Table | View] = [*page.tables, *page.views]
    private = partial(request.serving.is_private, page.database.name)
    return {
        "ok": True,
        "database": page.database.name,
        "private": private(),
        "path": request.urls.path(page.database.name),
        "size": page.database.size,
        "tables": [
            _table(table, hidden=table.name in page.hidden, private=private(table.name)) for table in page.tables
        ],
        "hidden_count": sum(table.name in page.hidden for table in page.tables),
        "views": [{"name": view.name, "columns": _columns(view), "private": private(view.name)} for view in page.views],
        "queries": [_query(each, private=private(each.name)) for each in page.queries],
        "queries_more": False,
        "queries_count": len(page.queries),
        "allow_execute_sql": page.allow_sql,
        "table_columns": {each.name: _columns(each) for each in everything} if page.allow_sql else {},
        "metadata": _described(page),
    }


def _query(query: Canned, *, private: bool) -> Body:
    told = {key: value for key, value in query.said.items() if key not in {"plugins", "allow"}}
    return {**told, "name": query.name, "title": query.title, "sql": query.sql, "private": private}


def _columns(relation: Table | View) -> list[str]:
    return [column.name for column in relation.columns]


def _table(table: Table, *, hidden: bool, private: bool) -> Body:
    return {
        "name": table.name,
        "columns": _columns(table),
        "primary_keys": table.primary_keys,
        "count": table.count,
        "count_truncated": False,
        "hidden": hidden,
        "fts_table": table.fts_table,
        "foreign_keys": {"incoming": _keys(table, incoming=True), "outgoing": _keys(table, incoming=False)},
        "private": private,
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


def _document(page: DocumentPage, _request: Request) -> Any:
    return page.body


def _queries(page: QueriesPage, request: Request) -> Body:
    found = request.serving.baked.manifest.databases.get(page.database or "")
    return {
        "ok": True,
        "database": page.database,
        "database_color": found.sha256[:6] if found else None,
        "queries": [
            query.body(name, private=request.serving.is_private(name, query.name)) for name, query in page.queries
        ],
        "next": None,
        "next_url": None,
    }


def _error(page: ErrorPage, _request: Request) -> Body:
    return failure(str(page.words), page.status)


_BODIES: Final[Mapping[type[Page], Callable[[Any, Request], Any]]] = {
    IndexPage: _index,
    DatabasePage: _database,
    ErrorPage: _error,
    DocumentPage: _document,
    ApiPage: _document,
    QueriesPage: _queries,
}
