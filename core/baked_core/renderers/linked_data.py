"""Linked data: what a page is about, as schema.org says it, so that search engines for data sets find it."""

from collections.abc import Iterable
from typing import Any, Final

import orjson
from markupsafe import Markup

from baked_core.crawlers import public
from baked_core.download import is_allowed
from baked_core.manifest import Table, View
from baked_core.metadata import About, Metadata, of_database, texts
from baked_core.page import DatabasePage, ErrorPage, IndexPage, Page, QueryPage, TablePage
from baked_core.request import Request

Thing = dict[str, Any]

SHORTEST: Final = 50
"""Characters that a description has at least, by the rules of the search engine that reads it most."""


def canonical(page: Page, request: Request) -> str:
    """Return the one address of ``page``, whatever its arguments; empty for what no search should find."""
    if isinstance(page, ErrorPage) or (isinstance(page, QueryPage) and page.canned is None):
        return ""
    path = request.urls.path("") if isinstance(page, IndexPage) else request.path
    return public(request.serving, request.urls, path)


def linked_data(page: Page, request: Request) -> Markup:
    """Return the JSON-LD of ``page`` for its head, or nothing: only plain pages of data have any."""
    thing = None if request.args.pairs or request.serving.settings.crawlers == "none" else _thing(page, request)
    if thing is None:
        return Markup("")
    text = orjson.dumps({"@context": "https://schema.org", **thing}).decode()
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - JSON, in which nothing can end the element now


def _thing(page: Page, request: Request) -> Thing | None:
    match page:
        case IndexPage():
            metadata = request.serving.baked.manifest.metadata
            parts = [
                _dataset(request, [each.name], of_database(metadata, each.name), each.tables.values())
                for each in page.databases
            ]
            return {"@type": "DataCatalog", **_common(request, [], page), "dataset": parts}
        case DatabasePage():
            names, shown = [page.database.name], [each for each in page.tables if each.name not in page.hidden]
            return {**_dataset(request, names, page.metadata, shown), **_common(request, names, page)} | {
                "distribution": _whole(request, page.database.name)
            }
        case TablePage():
            names = [page.database.name, page.relation.name]
            own = _dataset(request, names, page.metadata, [page.relation])
            return {**own, **_common(request, names, page), **_columns(page), **_rows(request, names, page)}
        case _:
            return None


def _common(request: Request, names: list[str], page: Page) -> Thing:
    return {"name": page.title, "url": _url(request, names), **_attribution(page.about)}


def _attribution(about: About) -> Thing:
    source = {"@type": "Organization", "name": about.source, "url": about.source_url}
    found = {
        "license": about.license_url or about.license,
        "isBasedOn": about.source_url,
        "dateModified": about.date,
        "creator": {key: value for key, value in source.items() if value} if about.source else "",
    }
    return {key: value for key, value in found.items() if value}


def _dataset(request: Request, names: list[str], said: Metadata, relations: Iterable[Table | View]) -> Thing:
    title = str(said.get("title") or names[-1])
    return {
        "@type": "Dataset",
        "name": title,
        "description": _description(said, title, list(relations)),
        "url": _url(request, names),
        "isAccessibleForFree": True,
    }


def _description(said: Metadata, title: str, relations: list[Table | View]) -> str:
    """Return what the publisher says, and what is there where that is short."""
    told = str(said.get("description") or "")
    if len(told) >= SHORTEST:
        return told
    parts = [_sized(each) for each in relations[:20] if not each.hidden]
    return f"{told or title}. {'; '.join(parts)}".strip()


def _sized(relation: Table | View) -> str:
    columns = ", ".join(column.name for column in relation.columns[:30])
    rows = f"{relation.count:,} rows of " if isinstance(relation, Table) else ""
    return f"{relation.name}: {rows}{columns}"


def _columns(page: TablePage) -> Thing:
    descriptions, units = texts(page.metadata, "columns"), texts(page.metadata, "units")
    return {
        "variableMeasured": [
            {
                key: value
                for key, value in {
                    "@type": "PropertyValue",
                    "name": column.name,
                    "description": descriptions.get(column.name),
                    "unitText": units.get(column.name),
                }.items()
                if value
            }
            for column in page.relation.columns
        ]
    }


def _rows(request: Request, names: list[str], page: TablePage) -> Thing:
    urls = request.urls
    everything = (("_stream", "on"),) if request.serving.settings.allow_csv_stream else ()
    return {
        "distribution": [
            _download(request, "text/csv", urls.path(*names, format="csv", query=everything)),
            _download(request, "application/json", urls.path(*names, format="json")),
        ],
        "includedInDataCatalog": {"@type": "DataCatalog", "url": _url(request, [])},
        "isPartOf": {"@type": "Dataset", "name": page.crumbs[-1].text, "url": _url(request, names[:1])},
    }


def _whole(request: Request, name: str) -> list[Thing]:
    if not is_allowed(request.serving, name):
        return []
    return [_download(request, "application/vnd.sqlite3", request.urls.path(name, format="db"))]


def _download(request: Request, kind: str, path: str) -> Thing:
    address = public(request.serving, request.urls, path)
    return {"@type": "DataDownload", "encodingFormat": kind, "contentUrl": address}


def _url(request: Request, names: list[str]) -> str:
    return public(request.serving, request.urls, request.urls.path(*(names or [""])))
