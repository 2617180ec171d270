"""URLs: the tilde-encoding of names, and the one place that makes every URL we print."""

import re
from collections.abc import Iterable, Sequence
from math import isinf
from typing import Final
from urllib.parse import quote_plus, unquote

from msgspec import Struct, field

from baked_core.errors import BadRequest
from baked_core.values import BrokenText, ExactText, Value, is_number

_SAFE: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_ENCODED: Final = [chr(byte) if byte in _SAFE else "+" if byte == ord(" ") else f"~{byte:02X}" for byte in range(256)]
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]*").fullmatch
_ARGUMENT: Final = re.compile(r"[A-Za-z0-9_.~-]*").fullmatch
_SLASH: Final = re.compile("%2F", re.IGNORECASE)
_TILDE: Final = re.compile(rb"~([0-9A-Fa-f]{2})")

_CANONICAL: Final = re.compile(r"[A-Za-z0-9_~+:,-]*").fullmatch

_NOTHING: Final = "~"
"""Stands for the empty name: a segment of a path cannot be empty."""
_ALONE: Final = {"": _NOTHING, "-": "~2D"}
"""Names that would be lost in a path: ``-`` stands before the app's own pages."""

LINKS: Final = 2_000_000
"""Characters of all URLs with arguments in one answer: thousands of values of facets have as many."""

Query = Iterable[tuple[str, str]]


def tilde_encode(name: str) -> str:
    """Encode ``name`` for one segment of a path: safe characters stay, a space is ``+``, other bytes ``~HH``."""
    return _ALONE.get(name) or _encoded(name)


def _encoded(name: str) -> str:
    if _PLAIN(name):
        return name
    raw = name.raw if isinstance(name, BrokenText) else name.encode()
    return "".join([_ENCODED[byte] for byte in raw])


def tilde_decode(segment: str) -> str:
    """Decode one segment of a path; bytes that are not UTF-8 come back as BrokenText."""
    if _PLAIN(segment):
        return segment
    if segment == _NOTHING:
        return ""
    raw = segment.replace("+", " ").encode()
    raw = _TILDE.sub(lambda match: bytes.fromhex(match[1].decode()), raw)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return BrokenText(raw)


def is_canonical(segment: str) -> bool:
    """Tell whether a segment of a path holds only what our own URLs hold."""
    return _CANONICAL(segment) is not None


def with_slashes(path: str, raw: bytes) -> str:
    """Return a decoded ``path`` in which each slash that came as ``%2F`` is ``~2F``: it belongs to a name."""
    plain = raw.decode("latin-1")
    before, end = path.removesuffix(unquote(plain)), unquote(_SLASH.sub("~2F", plain))
    return before + end if before != path else path


def encode_key(values: Sequence[Value]) -> str:
    """Encode a primary key for a path: values joined by commas, with a ``:`` before what is not text or a number."""
    return ",".join(map(_encode_value, values)) or _NOTHING


def exact_key(values: Sequence[Value], untyped: Sequence[bool]) -> Sequence[Value]:
    """Mark the text in ``values`` that would be taken for a number, where the column has no type to tell them apart."""
    if True not in untyped:
        return values
    return [
        ExactText(value) if mixed and isinstance(value, str) and is_number(value) else value
        for value, mixed in zip(values, untyped, strict=True)
    ]


def _encode_value(value: Value) -> str:
    if isinstance(value, bytes):
        return ":x" + value.hex()
    if isinstance(value, float) and isinf(value):
        return "9e999" if value > 0 else "-9e999"
    if isinstance(value, ExactText):
        return ":t" + _encoded(value)
    if value is None:
        return ":n"
    return _encoded(value if isinstance(value, str) else repr(value))


def decode_key(segment: str) -> tuple[Value, ...]:
    """Decode a primary key from a path: text, bytes after ``:x``, NULL as ``:n``, text that is no number after ``:t``.

    The column's affinity does the rest.
    """
    return tuple(map(_decode_value, segment.split(",")))


def _decode_value(part: str) -> Value:
    if part.startswith(":x"):
        try:
            return bytes.fromhex(part[2:])
        except ValueError:
            return part
    if part.startswith(":t"):
        return ExactText(tilde_decode(part[2:]))
    return None if part == ":n" else tilde_decode(part)


class Ink(Struct):
    """What one answer may still spend on URLs that carry its own arguments along."""

    left: int = LINKS

    def write(self, url: str) -> str:
        """Return ``url``; raises the same as ``spend``."""
        self.spend(len(url))
        return url

    def spend(self, characters: int) -> None:
        """Take note of so many characters; raise BadRequest once all together are too many."""
        self.left -= characters
        if self.left < 0:
            raise BadRequest(
                "so many links with so many arguments are too much for one answer: use fewer or shorter filters, "
                "fewer facets, or a smaller _facet_size"
            )


class Urls(Struct, frozen=True):
    """Makes every URL that one request's answer prints."""

    root: str = ""
    """The path under which the app is mounted, without a slash at its end."""
    origin: str = ""
    """Scheme and host as the client sees them: ``https://example.org``."""
    ink: Ink = field(default_factory=Ink)

    def path(self, *names: str, format: str = "", query: Query = ()) -> str:  # noqa: A002 - the path's own word
        """Return the path of a page: ``/DB/TABLE.json?_size=10`` under the root; names are encoded here.

        The index is ``path("")``.
        """
        path = self.root + "/" + ("/".join([tilde_encode(name) for name in names]) if names != ("",) else "")
        return self._finish(path, format, query)

    def own(self, *segments: str, format: str = "", query: Query = ()) -> str:  # noqa: A002
        """Return the path of one of the app's own pages: ``own("-", "healthz")``; segments are taken as they are."""
        return self._finish(self.root + "/" + "/".join(segments), format, query)

    def query(self, database: str, format: str = "", query: Query = ()) -> str:  # noqa: A002
        """Return the path of a database's SQL page."""
        return self._finish(f"{self.root}/{tilde_encode(database)}/-/query", format, query)

    def row(self, database: str, table: str, key: Sequence[Value], format: str = "") -> str:  # noqa: A002
        """Return the path of one row."""
        return f"{self.path(database, table)}/{encode_key(key)}" + (f".{format}" if format else "")

    def same(self, path: str, query: Query) -> str:
        """Return the page at ``path`` with other arguments; the path stays as it came."""
        return self._finish(path, "", query)

    def absolute(self, path: str) -> str:
        """Return ``path`` with scheme and host before it."""
        return self.origin + path

    def _finish(self, path: str, suffix: str, query: Query) -> str:
        if suffix:
            path += "." + suffix
        if not query:
            return path
        pairs = [f"{argument(name)}={argument(value)}" for name, value in query]
        return self.ink.write(f"{path}?{'&'.join(pairs)}") if pairs else path


def argument(text: str) -> str:
    """Encode a name or a value of a query string; most hold nothing that must be encoded."""
    if isinstance(text, BrokenText):
        return quote_plus(text.raw)
    return text if _ARGUMENT(text) else quote_plus(text)
