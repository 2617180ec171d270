"""Compressed: answers of text go out as gzip to whoever takes it, as RFC 9110 has it negotiated.

An answer that went out plain may be kept for everybody, so that only compressed ones say what they vary by.
"""

import asyncio
import re
from http import HTTPStatus
from typing import Any, Final

from baked_core.http import ASGIApp, Receive, Scope, Send

LEAST: Final = 1000
"""Bytes below which compressing saves no packet."""
LEVEL: Final = 4
"""Half a millisecond for a page of 50 KB, which leaves 12; level 6 takes twice as long for a tenth less."""
INLINE: Final = 1 << 16
"""Bytes above which a thread compresses, so that nobody else waits."""
GZIP: Final = 31
"""The window of zlib, and that it writes gzip."""
MARK: Final = b"-gz"
"""Ends the tag of a compressed answer: other bytes, another tag."""

_TEXT: Final = re.compile(rb"text/|application/(?:json|xml|atom\+xml|javascript)|image/svg\+xml").match
_ACCEPTED: Final = re.compile(rb"(?:^|,)\s*(?:gzip|x-gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)").search
_TAG: Final = re.compile(rb'-gz"')


class Compressed:
    """Compresses what an application answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; a client that takes no gzip costs a look at its headers."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"accept-encoding" and _ACCEPTED(value.lower()):
                    await self._app(_asked(scope), receive, Squeeze(send).send)
                    return
        await self._app(scope, receive, send)


class Squeeze:
    """One answer on its way."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Any = None
        """The head, kept until the first bytes tell whether they are worth it."""
        self._packer: Any = None

    async def send(self, message: Any) -> None:
        """Take a message of the application's."""
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] != "http.response.body":
            await self._send(message)
        elif self._start is not None:
            await self._begin(message)
        else:
            await self._send(message if self._packer is None else await self._packed(message))

    async def _begin(self, message: Any) -> None:
        start, self._start = self._start, None
        body, more = message.get("body", b""), message.get("more_body", False)
        headers = dict(start["headers"])
        text = _TEXT(headers.get(b"content-type", b"")) is not None
        if start["status"] == HTTPStatus.NOT_MODIFIED and b"etag" in headers:  # the tag as it went out before
            start = {**start, "headers": _marked(start["headers"])}
        elif text and start["status"] == HTTPStatus.OK and (more or len(body) >= LEAST):
            import zlib  # noqa: PLC0415 - not before somebody takes it

            self._packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
            message = await self._packed(message)
            size = None if more else len(message["body"])
            start = {**start, "headers": _encoded(start["headers"], size)}
        await self._send(start)
        await self._send(message)

    async def _packed(self, message: Any) -> Any:
        if len(message.get("body", b"")) <= INLINE:
            return self._squeezed(message)
        return await asyncio.get_running_loop().run_in_executor(None, self._squeezed, message)

    def _squeezed(self, message: Any) -> Any:
        body = self._packer.compress(message.get("body", b""))
        if not message.get("more_body", False):
            body += self._packer.flush()
        return {**message, "body": body}


def _asked(scope: Scope) -> Scope:
    """Return the request with the tags that the application knows."""
    if not any(name == b"if-none-match" and _TAG.search(value) for name, value in scope["headers"]):
        return scope
    headers = [(name, _TAG.sub(b'"', value) if name == b"if-none-match" else value) for name, value in scope["headers"]]
    return {**scope, "headers": headers}


def _encoded(headers: Any, size: int | None) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in _marked(headers) if name != b"content-length"]
    kept.append((b"content-encoding", b"gzip"))
    if size is not None:
        kept.append((b"content-length", b"%d" % size))
    return kept


def _marked(headers: Any) -> list[tuple[bytes, bytes]]:
    """Return headers whose tag is that of the compressed answer, which depends on what the client takes."""
    return [
        *((name, value[:-1] + MARK + b'"' if name == b"etag" else value) for name, value in headers),
        (b"vary", b"accept-encoding"),
    ]
