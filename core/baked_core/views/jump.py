"""Jumping: the databases, tables, views and canned queries whose names hold the words that somebody types."""

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from baked_core.canned import all_of
from baked_core.metadata import of_database, of_table
from baked_core.page import DocumentPage
from baked_core.request import Request

MOST: Final = 100
"""Places in one answer."""
_ORDER: Final = ("database", "table", "view", "query")


class Place(Struct, frozen=True):
    """A page that can be gone to by its name."""

    kind: str
    name: str
    url: str
    description: str | None

    def matches(self, words: list[str]) -> bool:
        """Tell whether the name holds all ``words``, in their order."""
        rest = self.name.casefold()
        for word in words:
            _, found, rest = rest.partition(word)
            if not found:
                return False
        return True

    @property
    def body(self) -> dict[str, Any]:
        """What the JSON says of it."""
        return {"name": self.name, "url": self.url, "type": self.kind, "description": self.description}


async def jump(request: Request) -> DocumentPage:
    """Answer with the places that ``q`` may mean, the shortest names first."""
    request.args.check(("q", "_ttl"))
    words = request.args.get("q").casefold().split()
    found = sorted(
        (place for place in _places(request) if place.matches(words)),
        key=lambda place: (_ORDER.index(place.kind), len(place.name), place.name),
    )
    body = {"ok": True, "matches": [place.body for place in found[:MOST]], "truncated": len(found) > MOST}
    return DocumentPage(title="Places", body=body)


def _places(request: Request) -> Iterator[Place]:
    metadata, urls = request.serving.baked.manifest.metadata, request.urls
    for name, database in request.serving.baked.manifest.databases.items():
        yield Place("database", name, urls.path(name), _text(of_database(metadata, name)))
        for kind, relations in (("table", database.tables.values()), ("view", database.views.values())):
            for each in relations:
                said = of_table(metadata, name, each.name)
                if not (each.hidden or said.get("hidden")):
                    yield Place(kind, f"{name}: {each.name}", urls.path(name, each.name), _text(said))
        for query in all_of(metadata, name):
            url = urls.path(name, query.name) + query.fragment
            yield Place("query", f"{name}: {query.name}", url, _text(query.said))


def _text(said: Any) -> str | None:
    return str(said["description"]) if said.get("description") else None
