"""The OpenAPI document of the JSON API: its addresses, arguments and bodies, for this Bundle's databases."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from baked_core import extras
from baked_core.args import BIGINTS, SHAPES
from baked_core.filters import OPERATORS
from baked_core.manifest import Manifest

Body = dict[str, Any]

_FLAG: Final[Body] = {"type": "string", "enum": ["on", "off"]}
_NUMBER: Final[Body] = {"type": "integer", "minimum": 0}
_TEXT: Final[Body] = {"type": "string"}
_MANY: Final[Body] = {"type": "array", "items": _TEXT}

ANY: Final[Mapping[str, tuple[str, Body]]] = {
    "_shape": ("How rows are laid out", {"type": "string", "enum": list(SHAPES)}),
    "_nl": ("With _shape=array an object a line", _FLAG),
    "_json": ("Columns whose text is JSON, answered as such", _MANY),
    "_json_infinity": ("Answer infinities as Infinity, not as null", _FLAG),
    "_bigint": ("Integers beyond 2^53 - 1 as text", {"type": "string", "enum": list(BIGINTS)}),
    "_extra": ("More keys of the body", _MANY),
    "_ttl": ("Seconds that the answer may be kept", _NUMBER),
    "_timelimit": ("Milliseconds after which to give up", _NUMBER),
    "_trace": ("Show the SQL of the answer, where that is allowed", _FLAG),
}
TABLE: Final[Mapping[str, tuple[str, Body]]] = {
    **ANY,
    "_size": ("Rows on a page, or max", {"oneOf": [_NUMBER, {"const": "max"}]}),
    "_next": ("The page that next named", _TEXT),
    "_sort": ("The column to sort by", _TEXT),
    "_sort_desc": ("The column to sort by, the largest first", _TEXT),
    "_col": ("Columns to show", _MANY),
    "_nocol": ("Columns to leave out", _MANY),
    "_search": ("Words to find with the full-text index", _TEXT),
    "_searchmode": ("How _search is read", {"type": "string", "enum": ["escaped", "raw"]}),
    "_fts_table": ("Another full-text table", _TEXT),
    "_fts_pk": ("The column that holds the rowids of the full-text table", _TEXT),
    "_where": ("Conditions in SQL", _MANY),
    "_through": ("JSON with table, column and value: rows that such a row of another table refers to", _MANY),
    "_labels": ("Show foreign keys with the words they stand for", _FLAG),
    "_label": ("Foreign keys to show with the words they stand for", _MANY),
    "_facet": ("Columns whose values are counted", _MANY),
    "_facet_array": ("Columns whose arrays' elements are counted", _MANY),
    "_facet_date": ("Columns whose days are counted", _MANY),
    "_facet_size": ("How many values of a facet, or max", {"oneOf": [_NUMBER, {"const": "max"}]}),
    "_nofacet": ("No facets", _FLAG),
    "_nosuggest": ("No suggested facets", _FLAG),
    "_nocount": ("No count", _FLAG),
}
"""Every argument of the JSON of a table: what it means, and the schema of its value."""
QUERY: Final[Mapping[str, tuple[str, Body]]] = {
    **ANY,
    "sql": ("One SELECT; :name in it is filled from the argument of that name", _TEXT),
    "_size": ("The most rows, or max", {"oneOf": [_NUMBER, {"const": "max"}]}),
}
SQL: Final[Mapping[str, tuple[str, Body]]] = {"sql": ("An SQL query", _TEXT)}
JUMP: Final[Mapping[str, tuple[str, Body]]] = {"q": ("Words that the name holds, in this order", _TEXT)}
AUTOCOMPLETE: Final[Mapping[str, tuple[str, Body]]] = {
    "q": ("Part of a label, or a value of the key", _TEXT),
    "_initial": ("Answer with the last rows where nothing is typed yet", _FLAG),
}

_VALUE: Final[Body] = {
    "description": "null, a number, text, {$base64, encoded} of a BLOB, or {value, label} of a foreign key",
    "type": ["null", "number", "string", "object", "array"],
}
_ROWS: Final[Body] = {
    "description": "Rows in the shape that was asked for",
    "type": "array",
    "items": {"type": ["object", "array"], "additionalProperties": _VALUE, "items": _VALUE},
}
_OK: Final[Body] = {"type": "boolean"}
_SHAPED: Final = frozenset(("Table", "Row", "Query"))
"""Bodies that ``_shape`` may take out of their envelope."""
_BARE: Final[Body] = {
    "description": "Rows alone: a list by _shape=array or arrayfirst, by their keys by _shape=object",
    "type": ["array", "object"],
    "items": {"type": ["object", "array", "null", "number", "string"]},
    "additionalProperties": {"type": "object"},
}


def document(manifest: Manifest, server: str, *, allow_sql: bool) -> Body:
    """Return the document; ``server`` is the address under which the site is mounted."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": str(manifest.metadata.get("title") or "Data"),
            "description": str(manifest.metadata.get("description") or "Read-only data, as JSON"),
            "version": manifest.generator.rpartition(" ")[2],
        },
        "servers": [{"url": server}],
        "paths": _paths(manifest, allow_sql=allow_sql),
        "components": {"schemas": _schemas(), "responses": {"Error": _response("What went wrong", "Error")}},
    }


def _paths(manifest: Manifest, *, allow_sql: bool) -> Body:
    database = _path("database", "A database", manifest.databases)
    table = _path("table", "A table or view, tilde-encoded", ())
    key = _path("key", "The primary key: values joined by commas, each tilde-encoded", ())
    filters = {
        "name": "filters",
        "in": "query",
        "description": f"Filters: COLUMN=value or COLUMN__OPERATOR=value, one of {', '.join(OPERATORS)}",
        "schema": {"type": "object", "additionalProperties": _TEXT},
        "style": "form",
        "explode": True,
    }
    paths = {
        "/.json": _get("All databases", "Index", []),
        "/{database}.json": _get("The tables and views of a database", "Database", [database]),
        "/{database}/{table}.json": _get("Rows of a table", "Table", [database, table, filters, *_arguments(TABLE)]),
        "/{database}/{table}/{key}.json": _get("One row", "Row", [database, table, key, *_arguments(ANY)]),
        "/{database}/{table}/-/autocomplete.json": _get(
            "The rows that a few typed letters may mean", "Rows", [database, table, *_arguments(AUTOCOMPLETE)]
        ),
        "/{database}/-/queries.json": _get("The canned queries of a database", "Queries", [database]),
        "/-/jump.json": _get("Databases, tables, views and queries by name", "Places", _arguments(JUMP)),
        "/-/queries.json": _get("The canned queries of every database", "Queries", []),
        "/{database}/-/schema.json": _get("The SQL that made a database", "Document", [database]),
        "/{database}/{table}/-/schema.json": _get("The SQL that made a table", "Document", [database, table]),
    }
    if allow_sql:
        paths["/{database}/-/query.json"] = _get("SQL of your own", "Query", [database, *_arguments(QUERY)])
        paths["/{database}/-/query/parameters.json"] = _get(
            "The names of the parameters in an SQL query", "Parameters", [database, *_arguments(SQL)]
        )
    for name in ("schema", "versions", "settings", "databases", "actor", "config", "threads", "baked"):
        paths[f"/-/{name}.json"] = _get(f"The page /-/{name}", "Document", [])
    return paths


def _get(summary: str, schema: str, parameters: list[Body]) -> Body:
    responses = {"200": _response(summary, schema), "default": {"$ref": "#/components/responses/Error"}}
    return {"get": {"summary": summary, "parameters": parameters, "responses": responses}}


def _response(description: str, schema: str) -> Body:
    own: Body = {"$ref": f"#/components/schemas/{schema}"}
    whole: Body = {"anyOf": [own, {"$ref": "#/components/schemas/Shaped"}]} if schema in _SHAPED else own
    content: Body = {"application/json": {"schema": whole}}
    if schema in _SHAPED:
        content["text/plain"] = {"schema": {"description": "An object a line, by _nl=on", "type": "string"}}
    return {"description": description, "content": content}


def _path(name: str, description: str, known: Iterable[str]) -> Body:
    names = list(known)
    schema = {**_TEXT, "enum": names} if names else _TEXT
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _arguments(known: Mapping[str, tuple[str, Body]]) -> list[Body]:
    return [
        {"name": name, "in": "query", "description": text, "schema": schema, "required": name == "sql"}
        for name, (text, schema) in known.items()
    ]


def _schemas() -> Body:
    page = {"ok": _OK, "rows": _ROWS, "truncated": {"type": "boolean"}}
    following = {"type": ["string", "null"]}
    row = {
        "database": _TEXT,
        "table": _TEXT,
        "primary_keys": _MANY,
        "primary_key_values": {"type": "array", "items": _VALUE},
        "query_ms": {"type": "number"},
    }
    error = {"ok": {"const": False}, "error": _TEXT, "errors": _MANY, "status": {"type": "integer"}}
    return {
        "Table": _object({**page, "next": following, "next_url": following}, extras.TABLE),
        "Row": _object({**page, **row}, extras.ROW),
        "Query": _object(page, extras.QUERY),
        "Shaped": _BARE,
        "Index": _object({"ok": _OK, "databases": {"type": "array", "items": {"type": "object"}}}),
        "Database": _object({"ok": _OK, "database": _TEXT, "tables": {"type": "array"}, "views": {"type": "array"}}),
        "Document": _object({"ok": _OK}),
        "Rows": _object({"ok": _OK, "rows": _objects()}),
        "Places": _object({"ok": _OK, "matches": _objects(), "truncated": {"type": "boolean"}}),
        "Queries": _object({"ok": _OK, "queries": _objects(), "next": following, "next_url": following}),
        "Parameters": _object({"ok": _OK, "parameters": _MANY}),
        "Error": _object(error),
    }


def _objects() -> Body:
    return {"type": "array", "items": {"type": "object"}}


def _object(required: Mapping[str, Body], more: Mapping[str, str] | None = None) -> Body:
    properties = {name: {"description": f"{text}; by _extra"} for name, text in (more or {}).items()}
    return {"type": "object", "required": list(required), "properties": {**properties, **required}}
