"""HTTP as the app needs it: the request as it came, and the answer, which sends itself.

Starlette's own Request and Response do more and are loaded with fifty modules: they answer where that is needed, in
downloads, streams and static folders.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, quote

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

RawHeaders = list[tuple[bytes, bytes]]

_EMPTY: Final = frozenset((204, 304))
"""Answers that have no body, and say nothing of its length."""
_URL: Final = ":/%#?=@[]!$&'()*+,;"
"""Signs that stay in a ``Location`` as they are."""


class Headers:
    """Headers by name, in whatever case, over the list that is sent or came."""

    __slots__ = ("_raw",)

    def __init__(self, raw: RawHeaders) -> None:
        self._raw = raw

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of ``name``."""
        wanted = name.lower().encode("latin-1")
        for key, value in self._raw:
            if key == wanted:
                return value.decode("latin-1")
        return default

    def getlist(self, name: str) -> list[str]:
        """Return every value of ``name``."""
        wanted = name.lower().encode("latin-1")
        return [value.decode("latin-1") for key, value in self._raw if key == wanted]

    def __getitem__(self, name: str) -> str:
        """Return the first value of ``name``; empty if it is not there."""
        return self.get(name)

    def __setitem__(self, name: str, value: str) -> None:
        """Set ``name``, in place of what it was."""
        key = name.lower().encode("latin-1")
        self._raw[:] = [pair for pair in self._raw if pair[0] != key]
        self._raw.append((key, value.encode("latin-1")))

    def update(self, values: Mapping[str, str]) -> None:
        """Set each of ``values``."""
        for name, value in values.items():
            self[name] = value


class HttpRequest:
    """One request, as its ASGI scope tells it."""

    __slots__ = ("receive", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope, self.receive = scope, receive

    @property
    def method(self) -> str:
        """The method, in upper case."""
        method: str = self.scope["method"]
        return method

    @property
    def headers(self) -> Headers:
        """The headers as they came."""
        return Headers(self.scope["headers"])

    @property
    def path_params(self) -> Mapping[str, str]:
        """The parts of the path by name."""
        params: Mapping[str, str] = self.scope["path_params"]
        return params

    @property
    def query_params(self) -> Mapping[str, str]:
        """The arguments, the last of each name."""
        return dict(parse_qsl(self.scope["query_string"].decode("latin-1"), keep_blank_values=True))


class Sendable(Protocol):
    """What can answer: ours, or Starlette's."""

    status_code: int

    @property
    def raw_headers(self) -> RawHeaders:
        """The headers that are sent, to be added to."""
        ...

    async def __call__(self, scope: Any, receive: Any, send: Any, /) -> None:
        """Send it."""
        ...


Handler = Callable[[HttpRequest], Awaitable[Sendable]]


class Response:
    """An answer whose body is known."""

    __slots__ = ("body", "raw_headers", "status_code")

    def __init__(
        self,
        content: bytes | str = b"",
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str = "",
    ) -> None:
        self.body = content if isinstance(content, bytes) else content.encode()
        self.status_code = status_code
        raw: RawHeaders = []
        if headers:
            raw += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        if status_code not in _EMPTY:
            raw.append((b"content-length", b"%d" % len(self.body)))
        if media_type:
            plain = media_type.startswith("text/") and "charset=" not in media_type
            raw.append((b"content-type", (f"{media_type}; charset=utf-8" if plain else media_type).encode("latin-1")))
        self.raw_headers = raw

    @property
    def headers(self) -> Headers:
        """The headers that are sent."""
        return Headers(self.raw_headers)

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})


def redirect(url: str, status_code: int = 302, headers: Mapping[str, str] | None = None) -> Response:
    """Answer that what is asked for is at ``url``."""
    return Response(b"", status_code, {**(headers or {}), "location": quote(url, safe=_URL)})
