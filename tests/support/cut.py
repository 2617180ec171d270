"""Faults on the way to a platform: one answer of it is an error, lost, cut off or late.

Every target whose requests go through httpx is reached by it, without a word of its own, and so is Google's client,
which asks by requests; what is asked of a Docker engine or a keeper goes wrong by ``DOORS``.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from io import BytesIO
from typing import Any, Final

import httpx
import pytest
import requests
from requests.adapters import HTTPAdapter

from baked_publish.engine.engine import Engine
from baked_publish.errors import TargetError
from baked_publish.keeper.contact import Contact

DELAY: Final = 0.3
FAULTS: Final = {"error": 0.2, "refused": 0.75, "lost": 0.9, "cut off": 0.4, "late": 0.6}
"""How an answer goes wrong, and at which part of all answers of a publish."""
DOORS: Final = (
    (Engine, ("create", "start", "stop", "rename", "rest", "remove", "load", "containers")),
    (Contact, ("ask",)),
)


class Half(httpx.SyncByteStream):
    """The first half of a body, and then a broken connection."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body[: len(self._body) // 2]
        raise httpx.RemoteProtocolError("the connection was cut off")


@dataclass
class Line:
    """What goes to the platform and back, counted; the answer with the number ``at`` goes wrong."""

    kind: str = ""
    at: int = 0
    count: int = 0

    def arm(self, kind: str, at: int) -> None:
        """Let the answer ``at``, from 1, go wrong."""
        self.kind, self.at, self.count = kind, at, 0

    def _meets(self) -> bool:
        self.count += 1
        return self.count == self.at

    def asked(
        self, transport: httpx.HTTPTransport, request: httpx.Request, send: Callable[..., httpx.Response]
    ) -> httpx.Response:
        """Answer one request, or let it go wrong."""
        if not self._meets():
            return send(transport, request)
        if self.kind in {"error", "refused"}:
            return httpx.Response(500 if self.kind == "error" else 403, request=request)
        if self.kind == "late":
            time.sleep(DELAY)
            return send(transport, request)
        answer = send(transport, request)
        body = answer.read()
        if self.kind == "lost":
            raise httpx.ReadError("the answer was lost", request=request)
        return httpx.Response(answer.status_code, headers=answer.headers, stream=Half(body), request=request)

    def called(
        self, adapter: HTTPAdapter, request: requests.PreparedRequest, send: Callable[..., requests.Response], how: Any
    ) -> requests.Response:
        """Answer one request of Google's client, or let it go wrong; a stand-in asks its engine by another adapter."""
        if type(adapter) is not HTTPAdapter or not self._meets():
            return send(adapter, request, **how)
        if self.kind in {"error", "refused"}:
            return _made(request, 500 if self.kind == "error" else 403)
        if self.kind == "late":
            time.sleep(DELAY)
            return send(adapter, request, **how)
        answer = send(adapter, request, **how)
        body = answer.content
        if self.kind == "lost":
            raise requests.ConnectionError("the answer was lost")
        return _made(request, answer.status_code, body[: len(body) // 2])

    def did(self, act: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap something that an engine or a keeper is asked."""

        @wraps(act)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            wrong = self._meets()
            if wrong and self.kind in {"error", "refused"}:
                raise TargetError("the engine or keeper says no")
            if wrong and self.kind == "late":
                time.sleep(DELAY)
            done = act(*args, **kwargs)
            if wrong and self.kind in {"lost", "cut off"}:
                raise TargetError("the answer of the engine or keeper was lost")
            return done

        return wrapped


def _made(request: requests.PreparedRequest, status: int, body: bytes = b"") -> requests.Response:
    made = requests.Response()
    made.status_code, made.request, made.url, made.raw = status, request, str(request.url), BytesIO(body)
    return made


@contextmanager
def tapped() -> Iterator[Line]:
    """Watch everything that goes to a platform."""
    line = Line()
    with pytest.MonkeyPatch.context() as patch:
        send = httpx.HTTPTransport.handle_request
        patch.setattr(
            httpx.HTTPTransport, "handle_request", lambda transport, request: line.asked(transport, request, send)
        )
        call = HTTPAdapter.send
        patch.setattr(HTTPAdapter, "send", lambda adapter, request, **how: line.called(adapter, request, call, how))
        for door, acts in DOORS:
            for act in acts:
                patch.setattr(door, act, line.did(getattr(door, act)))
        yield line
