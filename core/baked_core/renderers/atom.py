"""Pages as an Atom feed (RFC 4287), where their columns are named as its elements are: ``atom_title``..."""

from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

from baked_core import atom
from baked_core.atom import NEEDED
from baked_core.errors import BadRequest
from baked_core.http import Response
from baked_core.metadata import web
from baked_core.page import DataPage, Page, QueryPage
from baked_core.request import Request
from baked_core.values import Value

MEDIA_TYPE = "application/atom+xml"


def render(page: Page, request: Request) -> Response:
    """Answer with ``page`` as a feed; raise BadRequest if its rows are no entries."""
    if not isinstance(page, DataPage):
        raise BadRequest("this page has no rows, so it is no feed")
    if isinstance(page, QueryPage) and page.error:
        raise BadRequest(page.error)
    missing = [name for name in NEEDED if name not in page.columns]
    if missing:
        raise BadRequest(
            "a feed needs columns named {names}; there is no {name}", names=", ".join(NEEDED), name=missing[0]
        )
    return Response("".join(_feed(page, request)), media_type=MEDIA_TYPE)


def _feed(page: DataPage, request: Request) -> Iterator[str]:
    itself = request.urls.absolute(request.path)
    arguments = "" if not request.query else "?" + request.query.decode("latin-1")
    alternate = itself.removesuffix(".atom") + arguments
    rows = [dict(zip(page.columns, row, strict=True)) for row in page.rows]
    times = [atom.moment(row["atom_updated"], number) for number, row in enumerate(rows, 1)]
    author = page.about.source or str(request.serving.baked.manifest.metadata.get("title") or page.database.name)
    yield '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
    yield _element("title", page.title) + _element("id", itself + arguments)
    yield _element("updated", max(times, default="1970-01-01T00:00:00Z"))
    yield f'<link rel="self" type="{MEDIA_TYPE}" href={quoteattr(itself + arguments)}/>\n'
    yield f'<link rel="alternate" type="text/html" href={quoteattr(alternate)}/>\n'
    yield f"<author>{_element('name', author)}</author>\n"
    if page.about.license:
        yield _element("rights", page.about.license)
    yield "<generator>baked-data</generator>\n"
    for row, time in zip(rows, times, strict=True):
        yield from _entry(row, time, alternate, request)
    yield "</feed>\n"


def _entry(row: Mapping[str, Value], time: str, page: str, request: Request) -> Iterator[str]:
    yield "<entry>\n" + _element("title", row["atom_title"]) + _element("id", atom.iri(row["atom_id"], page))
    yield _element("updated", time)
    link = web(atom.text(row.get("atom_link")))
    link = request.urls.absolute(link) if link.startswith("/") else link
    yield f'<link rel="alternate" href={quoteattr(link or page)}/>\n'
    if (name := row.get("atom_author_name")) is not None:
        uri = web(atom.text(row.get("atom_author_uri")))
        yield f"<author>{_element('name', name)}{_element('uri', uri) if uri else ''}</author>\n"
    for column, kind in (("atom_content_html", "html"), ("atom_content", "text")):
        if row.get(column) is not None:
            yield f'<content type="{kind}">{escape(atom.text(row[column]))}</content>\n'
            break
    yield "</entry>\n"


def _element(name: str, value: Value) -> str:
    return f"<{name}>{escape(atom.text(value))}</{name}>\n"
