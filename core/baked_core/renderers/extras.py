"""Extras: what ``_extra`` asks of a page, as JSON, from what its view found out."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from baked_core import extras
from baked_core.facets import KINDS
from baked_core.manifest import Column, Table, View
from baked_core.metadata import Metadata, texts
from baked_core.page import DataPage, FacetResult, QueryPage, RowPage, Suggestion, TablePage
from baked_core.request import Request
from baked_core.sentence import description
from baked_core.sql import affinity, named
from baked_core.table_query import columns_of
from baked_core.urls import tilde_encode

Body = dict[str, Any]
Extra = Callable[[Any, Request], Any]


def bodies(page: DataPage, request: Request) -> Body:
    """Return each extra that ``page`` was asked for."""
    return {name: _EXTRAS[name](page, request) for name in page.extras}


def _relation(page: DataPage) -> Table | View | None:
    if isinstance(page, TablePage):
        return page.relation
    return page.table if isinstance(page, RowPage) else None


def _known(page: DataPage) -> Mapping[str, Column]:
    relation = _relation(page)
    return {} if relation is None else columns_of(relation)


def _own_columns(page: DataPage) -> Mapping[str, Column]:
    """Return the columns that the table declares: without a rowid that stands in for a key."""
    relation = _relation(page)
    return {} if relation is None else {column.name: column for column in relation.columns}


def _query(page: DataPage, _request: Request) -> Body:
    if isinstance(page, QueryPage):
        return {"sql": page.sql, "params": dict(page.parameters)}
    sql, values = named(page.statement)
    return {"sql": sql, "params": values}


def _request(_page: DataPage, request: Request) -> Body:
    args: dict[str, list[str]] = {}
    for name, value in request.args.pairs:
        args.setdefault(name, []).append(value)
    query = request.query.decode("latin-1")
    full = request.path + (f"?{query}" if query else "")
    return {
        "url": request.urls.absolute(full),
        "path": request.path,
        "full_path": full,
        "host": request.urls.origin.partition("://")[2],
        "args": args,
    }


def _metadata(page: DataPage, _request: Request) -> Body:
    said = {name: value for name, value in page.metadata.items() if name not in {"databases", "tables", "plugins"}}
    return said if isinstance(page, QueryPage) else {**said, "columns": said.get("columns") or {}}


def _names(page: DataPage, request: Request) -> list[Body]:
    known = extras.TABLE if isinstance(page, TablePage) else extras.ROW if isinstance(page, RowPage) else extras.QUERY
    chosen = [name for value in request.args.all("_extra") for name in value.split(",") if name]
    rest = request.args.without("_extra")

    def toggled(name: str) -> str:
        names = [each for each in chosen if each != name] if name in chosen else [*chosen, name]
        pairs = (*rest, ("_extra", ",".join(names))) if names else rest
        return request.urls.absolute(request.urls.same(request.path, pairs))

    return [
        {"name": name, "description": text, "toggle_url": toggled(name), "selected": name in page.extras}
        for name, text in known.items()
    ]


def _column_details(page: DataPage, _request: Request) -> Body:
    return {name: _details(column) for name, column in _own_columns(page).items()}


def _details(column: Column) -> Body:
    return {
        "type": column.type.upper(),
        "sqlite_type": affinity(column.type),
        "notnull": column.notnull,
        "default": column.default,
        "is_pk": column.primary_key > 0,
        "pk_position": column.primary_key,
        "hidden": 2 if column.generated else 0,
    }


def _display_columns(page: TablePage, _request: Request) -> list[Body]:
    said, known = texts(page.metadata, "columns"), _known(page)
    return [
        {
            "name": name,
            "sortable": True,
            "is_pk": name in page.key,
            "type": known[name].type.upper(),
            "notnull": int(known[name].notnull),
            "description": said.get(name),
            "column_type": None,
            "column_type_config": None,
        }
        for name in page.columns
    ]


def _primary_keys(page: DataPage, _request: Request) -> tuple[str, ...]:
    relation = _relation(page)
    return relation.primary_keys if isinstance(relation, Table) else ()


def _incoming(page: RowPage, _request: Request) -> list[Body]:
    return [
        {
            "other_table": each.foreign_key.other_table,
            "column": ours,
            "other_column": theirs,
            "count": each.count,
            "link": each.url,
        }
        for each in page.incoming
        for ours, theirs in zip(each.foreign_key.columns, each.foreign_key.other_columns, strict=True)
    ]


def _facet_results(page: TablePage, _request: Request) -> Body:
    results: Body = {}
    for each in page.facets:
        name, number = each.facet.column.name, 2
        while name in results:
            name, number = f"{each.facet.column.name}_{number}", number + 1
        results[name] = _facet(each)
    return {"results": results, "timed_out": page.facets_timed_out}


def _sorted_facets(page: TablePage, _request: Request) -> list[Body]:
    found = sorted(page.facets, key=lambda each: (len(each.values), each.facet.column.name), reverse=True)
    return [_facet(each) for each in found]


def _facet(found: FacetResult) -> Body:
    return {
        "name": found.facet.column.name,
        "type": found.facet.kind,
        "hideable": not found.facet.told,
        "toggle_url": found.url,
        "results": [
            {
                "value": each.value,
                "label": each.label,
                "count": each.count,
                "toggle_url": each.url or None,
                "selected": each.selected,
            }
            for each in found.values
        ],
        "truncated": found.truncated,
    }


def _suggested(page: TablePage, _request: Request) -> list[Body]:
    return [_suggestion(each) for each in page.suggestions]


def _suggestion(found: Suggestion) -> Body:
    kind, name = found.facet.kind, found.facet.column.name
    typed = {} if kind == next(iter(KINDS)) else {"type": kind}
    return {"name": name, **typed, "toggle_url": found.url}


def _expandable(page: TablePage, _request: Request) -> list[Any]:
    return [
        [
            {"column": each.column, "other_table": each.key.other_table, "other_column": each.key.other_columns[0]},
            each.label,
        ]
        for each in page.query.expandable
    ]


def _renderers(page: TablePage, request: Request) -> Body:
    names, pairs = (page.database.name, page.relation.name), request.args.pairs
    return {kind: request.urls.path(*names, format=kind, query=pairs) for kind in ("json", "csv")}


def _hidden_arguments(_page: TablePage, request: Request) -> list[tuple[str, str]]:
    left = ("_sort", "_sort_desc", "_search", "_searchmode", "_next", "_col", "_nocol")
    return [(name, value) for name, value in request.args.pairs if name.startswith("_") and name not in left]


def _templates(page: TablePage, _request: Request) -> list[str]:
    names = f"{tilde_encode(page.database.name)}-{tilde_encode(page.relation.name)}"
    return [f"_table-{names}.html", f"_table-table-{names}.html", "_table.html"]


def _column_types(page: DataPage, _request: Request) -> Metadata:
    told: Metadata = page.metadata.get("column_types") or {}
    return told


def _definition(page: TablePage, *, view: bool) -> str | None:
    return f"{page.relation.sql};" if isinstance(page.relation, View) is view else None


def _table_name(page: DataPage, _request: Request) -> str:
    relation = _relation(page)
    return "" if relation is None else relation.name


def _debug(page: DataPage, request: Request) -> Body:
    names = dict(zip(("database", "table", "pks"), request.names, strict=False))
    return {"url_vars": {**names, "format": request.format}, "resolved": {"sql": _query(page, request)["sql"]}}


def _count_sql(page: TablePage, _request: Request) -> str:
    return named(page.query.select.count())[0]


def _private(page: DataPage, request: Request) -> bool:
    relation = _relation(page)
    name = (
        relation.name
        if relation is not None
        else page.canned.name
        if isinstance(page, QueryPage) and page.canned
        else ""
    )
    return request.serving.is_private(page.database.name, name)


_EXTRAS: Final[Mapping[str, Extra]] = {
    "columns": lambda page, _: page.columns,
    "render_cell": lambda page, _: [{} for _ in page.rows],
    "debug": _debug,
    "request": _request,
    "query": _query,
    "metadata": _metadata,
    "extras": _names,
    "database": lambda page, _: page.database.name,
    "database_color": lambda page, _: page.database.sha256[:6],
    "private": _private,
    "primary_keys": _primary_keys,
    "column_details": _column_details,
    "column_types": _column_types,
    "table": _table_name,
    "foreign_key_tables": _incoming,
    "count": lambda page, _: page.count,
    "count_truncated": lambda _page, _: False,
    "count_sql": _count_sql,
    "facet_results": _facet_results,
    "facets_timed_out": lambda page, _: page.facets_timed_out,
    "suggested_facets": _suggested,
    "human_description_en": lambda page, _: description(page.query),
    "all_columns": lambda page, _: list(_own_columns(page)),
    "display_columns": _display_columns,
    "set_column_type_ui": lambda _page, _: None,
    "renderers": _renderers,
    "custom_table_templates": _templates,
    "sorted_facet_results": _sorted_facets,
    "table_definition": lambda page, _: _definition(page, view=False),
    "view_definition": lambda page, _: _definition(page, view=True),
    "is_view": lambda page, _: isinstance(page.relation, View),
    "expandable_columns": _expandable,
    "form_hidden_args": _hidden_arguments,
}
