"""A File on its way to a client, whole or by Range."""

from typing import Any, Final

from starlette.responses import FileResponse

from baked_core.headers import SAFE
from baked_core.http import Message, Receive, Scope, Send

PIECE: Final = 1 << 17
"""Bytes that are read and sent at a time: each time costs the event loop the same, whatever it moves."""
REFUSED: Final = 400
"""The least status of an answer that is no part of the file."""


class File(FileResponse):
    """Starlette's, in larger pieces, whose refusals of a Range are as safe as all others."""

    chunk_size = PIECE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""

        async def safe(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= REFUSED:
                added: dict[str, Any] = {**SAFE, "cache-control": "no-store"}
                message["headers"] += [(name.encode(), value.encode()) for name, value in added.items()]
            await send(message)

        await super().__call__(scope, receive, safe)
