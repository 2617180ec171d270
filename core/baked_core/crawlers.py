"""What crawlers are told: ``/robots.txt`` (RFC 9309) and ``/sitemap.xml`` (sitemaps.org, protocol 0.9)."""

from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Final

from baked_core import headers
from baked_core.canned import all_of
from baked_core.http import Handler, HttpRequest, Response
from baked_core.manifest import Table, View
from baked_core.metadata import of_table
from baked_core.request import Serving
from baked_core.urls import Urls

MOST: Final = 50_000
"""Addresses that one sitemap may hold."""
ASSISTANTS: Final = ("ChatGPT-User", "Claude-User", "MistralAI-User", "Perplexity-User")
"""Programs that fetch a page because a person asked for it just now."""
MAZES: Final = ("/*?", "/*/-/", "/*.json", "/*.csv", "/*.blob", "/*.db")
"""Filters, facets, sorting and places of a table, SQL, and the data in bulk: endless, or much at once."""


def pages(serving: Serving, urls_of: Callable[[HttpRequest, Serving], Urls]) -> Mapping[str, Handler]:
    """Return both pages by their paths; nothing in them changes while the app runs but the host that addresses name."""

    async def robots_page(http: HttpRequest) -> Response:
        return _answer(serving, robots(serving, urls_of(http, serving)), "text/plain")

    async def sitemap_page(http: HttpRequest) -> Response:
        return _answer(serving, sitemap(serving, urls_of(http, serving)), "application/xml")

    return {"/robots.txt": robots_page, "/sitemap.xml": sitemap_page}


def robots(serving: Serving, urls: Urls) -> str:
    """Return the rules: by the setting ``crawlers`` plain pages only, everything, or nothing."""
    allowed = serving.settings.crawlers
    if allowed == "none":
        return "User-agent: *\nDisallow: /\n"
    groups = ["User-agent: *\nAllow: /\n"]
    if allowed == "pages":
        rules = [f"Disallow: {urls.root}{path}" for path in MAZES]
        names = "".join(f"User-agent: {name}\n" for name in ASSISTANTS)
        closed = f"Disallow: {urls.root}/-/\nAllow: {urls.root}/-/static/"
        groups = [f"{names}Allow: /\n", "\n".join(["User-agent: *", closed, *rules, ""])]
    return "\n".join([*groups, f"Sitemap: {public(serving, urls, urls.own('sitemap.xml'))}\n"])


def sitemap(serving: Serving, urls: Urls) -> str:
    """Return the addresses of the index, databases, tables, views and canned queries, the first ``MOST`` of them."""
    places = [] if serving.settings.crawlers == "none" else list(_places(serving, urls))[:MOST]
    listed = "".join(f"<url><loc>{escape(public(serving, urls, place))}</loc></url>\n" for place in places)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{listed}</urlset>\n'
    )


def public(serving: Serving, urls: Urls, path: str) -> str:
    """Return the address of ``path`` that is the same wherever it is asked for: by the setting ``public_url``."""
    told = serving.settings.public_url.rstrip("/")
    return told + path if told else urls.absolute(path)


def _places(serving: Serving, urls: Urls) -> Iterator[str]:
    metadata = serving.baked.manifest.metadata
    yield urls.path("")
    for name, database in serving.baked.manifest.databases.items():
        yield urls.path(name)
        relations: list[Table | View] = [*database.tables.values(), *database.views.values()]
        for each in relations:
            if not (each.hidden or of_table(metadata, name, each.name).get("hidden")):
                yield urls.path(name, each.name)
        for query in all_of(metadata, name):
            yield urls.path(name, query.name)


def _answer(serving: Serving, text: str, kind: str) -> Response:
    return Response(text, media_type=kind, headers=headers.of_file(serving))
