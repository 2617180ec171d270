"""Names of templates and CSS classes: made of the names of databases, tables and queries, whatever these hold."""

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import md5
from typing import Final

from baked_core.page import (
    ApiPage,
    DatabasePage,
    DocumentPage,
    ErrorPage,
    IndexPage,
    Page,
    QueriesPage,
    QueryPage,
    RowPage,
    TablePage,
)
from baked_core.urls import tilde_encode

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*").fullmatch
_OTHER: Final = re.compile(r"[^A-Za-z0-9_-]")

_KINDS: Final[Mapping[type[Page], str]] = {
    IndexPage: "index",
    DatabasePage: "database",
    TablePage: "table",
    RowPage: "row",
    QueryPage: "query",
    DocumentPage: "document",
    ApiPage: "api",
    QueriesPage: "queries",
    ErrorPage: "error",
}


def template_names(page: Page) -> Iterator[str]:
    """Yield the names of templates for ``page``, the most special first: ``table-DB-TABLE.html``, ``table.html``."""
    kind = _KINDS[type(page)]
    names = _names(page)
    if names:
        yield from _files(kind, names)
    if isinstance(page, QueryPage) and page.canned:
        yield from _files(kind, names[:1])
    yield f"{kind}.html"


def rows_templates(page: TablePage) -> Iterator[str]:
    """Yield the names of templates for the rows of a table page: ``_table-DB-TABLE.html``, ``_table.html``."""
    yield from _files("_table", _names(page))
    yield "_table.html"


def css_class(name: str) -> str:
    """Return ``name`` as a CSS class, as Datasette forms it: plain as it is, else its plain part and six hex digits."""
    if _PLAIN(name):
        return name
    digest = md5(name.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()[:6]
    plain = _OTHER.sub("", "-".join(name.lstrip("_").lstrip("-").split()))
    return f"{plain}-{digest}" if plain else digest


def _files(kind: str, names: Sequence[str]) -> Iterator[str]:
    for encode in (tilde_encode, css_class):
        yield "-".join([kind, *map(encode, names)]) + ".html"


def _names(page: Page) -> list[str]:
    match page:
        case TablePage():
            return [page.database.name, page.relation.name]
        case RowPage():
            return [page.database.name, page.table.name]
        case QueryPage() if page.canned:
            return [page.database.name, page.canned.name]
        case DatabasePage() | QueryPage():
            return [page.database.name]
        case ErrorPage():
            return [str(page.status)]
        case _:
            return []
