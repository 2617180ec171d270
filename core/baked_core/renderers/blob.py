"""Pages as a BLOB: one cell's bytes as a file to download."""

from hashlib import sha256
from urllib.parse import quote

from baked_core.blob import sniff
from baked_core.errors import BadRequest, NotFound, nearest
from baked_core.http import Response
from baked_core.page import DataPage, Page, QueryPage, RowPage, TablePage
from baked_core.renderers import json
from baked_core.request import Request
from baked_core.values import Value


def render(page: Page, request: Request) -> Response:
    """Answer with the BLOB in the column that the URL names; raise BadRequest for what is no BLOB."""
    if isinstance(page, QueryPage) and page.error:
        return json.render(page, request)
    if not isinstance(page, DataPage):
        raise TypeError(page)
    column = request.args.get("_blob_column")
    values = _values(page, column)
    data = _chosen(values, column, request.args.get("_blob_hash").lower())
    media_type, suffix = sniff(data)
    name = quote("-".join([*_names(page), column]) + f".{suffix}", safe="")
    headers = {"content-disposition": f"attachment; filename*=utf-8''{name}"}
    return Response(data, headers=headers, media_type=media_type)


def _values(page: DataPage, column: str) -> list[Value]:
    if column not in page.columns:
        names = ", ".join(page.columns)
        if not column:
            raise BadRequest("which column? Add _blob_column=, one of {names}", names=names)
        near = nearest(column, page.columns)
        raise BadRequest("there is no column {column!r}; there are: {names}", column=column, names=names, near=near)
    place = page.columns.index(column)
    return [row[place] for row in page.rows]


def _chosen(values: list[Value], column: str, digest: str) -> bytes:
    if not values:
        raise NotFound("there are no rows here, and so no BLOB")
    if digest:
        for value in values:
            if isinstance(value, bytes) and sha256(value).hexdigest() == digest:
                return value
        raise NotFound("no BLOB in column {column!r} has the sha256 {digest!r}", column=column, digest=digest)
    if len(values) > 1:
        raise BadRequest("there are several rows here: say which BLOB with _blob_hash=, the sha256 of its bytes")
    value = values[0]
    if not isinstance(value, bytes):
        raise BadRequest(
            "column {column!r} of this row holds {what}, no BLOB: read it as .json", column=column, what=_kind(value)
        )
    return value


def _kind(value: Value) -> str:
    return "nothing" if value is None else "text" if isinstance(value, str) else "a number"


def _names(page: DataPage) -> list[str]:
    match page:
        case RowPage():
            return [page.table.name, *map(str, page.path_values)]
        case TablePage():
            return [page.relation.name]
        case _:
            return [page.database.name]
