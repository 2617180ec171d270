"""Pages as CSV: complete, or the connection is broken; never cut short with a good end."""

from collections.abc import AsyncGenerator
from typing import Final

from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from baked_core.connection import Rows
from baked_core.errors import BrokenOff, CoreError
from baked_core.http import Response, Sendable
from baked_core.page import DataPage, Page, QueryPage
from baked_core.renderers import json
from baked_core.request import Request
from baked_core.written import lines

CSV: Final = "text/csv; charset=utf-8"


def render(page: Page, request: Request) -> Sendable:
    """Answer with the rows of ``page`` as CSV, a header row first unless ``_header=off``."""
    if isinstance(page, QueryPage) and page.error:
        return json.render(page, request)
    if not isinstance(page, DataPage):
        raise TypeError(page)
    headers = _headers(page, request)
    begin = lines([page.columns] if request.args.flag("_header", default=True) else [])
    if page.stream is None:
        return Response(begin + lines(page.rows), headers=headers, media_type=CSV)
    body = _streamed(page, begin, page.stream, request.serving.settings.max_csv_mb * 1_000_000)
    return StreamingResponse(body, headers=headers, media_type=CSV, background=BackgroundTask(page.stream.aclose))


def _headers(page: DataPage, request: Request) -> dict[str, str]:
    headers = {"link": f'<{page.next_url}>; rel="next"'} if page.next_url else {}
    if request.args.flag("_dl"):
        headers["content-disposition"] = f'attachment; filename="{_file_name(page)}.csv"'
    return headers


def _file_name(page: DataPage) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in page.title) or "rows"


async def _streamed(
    page: DataPage, begin: bytes, batches: AsyncGenerator[Rows, None], most: int
) -> AsyncGenerator[bytes, None]:
    sent = 0
    try:
        async for block in _blocks(page, begin, batches):
            sent += len(block)
            if most and sent > most:
                raise BrokenOff(f"more than {most:,} bytes of CSV: the setting max_csv_mb allows no more")
            yield block
    except CoreError as exc:
        raise BrokenOff(str(exc)) from exc


async def _blocks(page: DataPage, begin: bytes, batches: AsyncGenerator[Rows, None]) -> AsyncGenerator[bytes, None]:
    yield begin + (lines(page.rows) if page.written is None else page.written)
    async for batch in batches:
        yield lines(batch.rows) if batch.written is None else batch.written
