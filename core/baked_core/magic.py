"""Magic parameters: values that a canned query takes from the request itself, such as ``:_header_host``."""

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from typing import Final

from baked_core.request import Request
from baked_core.values import Value

_RANDOM: Final = re.compile(r"chars_([0-9]{1,4})").fullmatch
MOST: Final = 1000
"""Random characters that one parameter may have."""


def is_magic(name: str) -> bool:
    """Tell whether the parameter ``name`` is filled by the request and not by the visitor."""
    kind, _, rest = name[1:].partition("_")
    return name.startswith("_") and kind in _KINDS and _KINDS[kind].known(rest)


def value(name: str, request: Request) -> Value:
    """Return the value of a magic parameter; a header or cookie that was not sent is an empty text."""
    kind, _, rest = name[1:].partition("_")
    return _KINDS[kind].read(rest, request)


class _Kind:
    """One family of magic parameters."""

    def __init__(self, known: Callable[[str], bool], read: Callable[[str, Request], Value]) -> None:
        self.known = known
        self.read = read


def _header(name: str, request: Request) -> str:
    wanted = name.replace("_", "-").lower().encode()
    return next((found.decode("latin-1") for key, found in request.headers if key == wanted), "")


def _actor(name: str, request: Request) -> Value:
    found = (request.actor or {}).get(name)
    return found if isinstance(found, str | int | float) or found is None else str(found)


def _cookie(name: str, request: Request) -> str:
    try:
        found = SimpleCookie(_header("cookie", request)).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _now(name: str, _request: Request) -> Value:
    now = datetime.now(UTC)
    if name == "epoch":
        return int(now.timestamp())
    return now.date().isoformat() if name == "date_utc" else now.strftime("%Y-%m-%dT%H:%M:%SZ")


def _random(name: str, _request: Request) -> str:
    count = int(name.removeprefix("chars_"))
    return secrets.token_hex((count + 1) // 2)[:count]


def _is_random(name: str) -> bool:
    found = _RANDOM(name)
    return found is not None and int(found[1]) <= MOST


_KINDS: Final[Mapping[str, _Kind]] = {
    "actor": _Kind(bool, _actor),
    "cookie": _Kind(bool, _cookie),
    "header": _Kind(bool, _header),
    "now": _Kind({"epoch", "date_utc", "datetime_utc"}.__contains__, _now),
    "random": _Kind(_is_random, _random),
}
