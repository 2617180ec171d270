"""Answers written as bytes that a fuzzer can change: statuses, headers and bodies, one after the other."""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import httpx
import requests
from requests.adapters import HTTPAdapter

END = b"\x1e"
"""Stands between two answers."""
MOST = 8
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


def answers(data: bytes) -> Iterator[Answer]:
    """Read answers: a status, header lines, an empty line, a body; the next one after a record separator."""
    for part in data.split(END)[:MOST]:
        head, _, body = part.partition(b"\n\n")
        status, *lines = head.split(b"\n")
        pairs = [line.partition(b": ")[::2] for line in lines[:10]]
        headers = [(name, value) for name, value in pairs if name.isalnum() or name.replace(b"-", b"").isalnum()]
        yield int(status) if len(status) == 3 and status.isdigit() and status >= b"200" else 200, headers, body


def over_httpx(said: Iterator[Answer]) -> httpx.MockTransport:
    """Give those answers to whoever asks by httpx, and 404 when there are no more."""

    def answer(request: httpx.Request) -> httpx.Response:
        status, headers, body = next(said, (404, [], b""))
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body), request=request)

    return httpx.MockTransport(answer)


def over_requests(said: Iterator[Answer]) -> Callable[..., requests.Response]:
    """Give those answers to whoever asks by requests, in place of ``HTTPAdapter.send``."""

    def send(_adapter: HTTPAdapter, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        made = requests.Response()
        made.status_code, headers, body = next(said, (404, [], b""))
        made.headers.update({name.decode(): value.decode("latin-1") for name, value in headers})
        made.request, made.url, made.raw = request, str(request.url), BytesIO(body)
        return made

    return send
