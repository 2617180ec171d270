"""Pages as Markdown, where they have such a form: schemas."""

from starlette.responses import PlainTextResponse, Response

from baked_core.page import DocumentPage, Page
from baked_core.request import Request


def render(page: Page, _request: Request) -> Response:
    """Answer with the Markdown of ``page``."""
    if not isinstance(page, DocumentPage):
        raise TypeError(page)
    return PlainTextResponse(page.text)
