"""Pages as Markdown, where they have such a form: schemas."""

from baked_core.http import Response
from baked_core.page import DocumentPage, Page
from baked_core.request import Request


def render(page: Page, _request: Request) -> Response:
    """Answer with the Markdown of ``page``."""
    if not isinstance(page, DocumentPage):
        raise TypeError(page)
    return Response(page.text, media_type="text/plain")
