"""A Visitor: who asks, as far as anybody can know, and whether they are still there."""

from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from baked_core.http import HttpRequest

_NETWORK: Final = 64
"""Bits of an IPv6 address that one household or machine has to itself."""


class Visitor(Struct, frozen=True):
    """Who sent the request that is being answered."""

    http: HttpRequest
    person: bool
    """Whether a page was asked for, and not data."""

    def address(self, proxies: int) -> str:
        """Return what tells clients apart: an IPv4 address, or the network of an IPv6 address.

        ``proxies`` stand before the app, and each adds who spoke to it to ``X-Forwarded-For``; what a client wrote
        there itself stands further to the left and is not looked at.
        """
        client = self.http.scope.get("client")
        found = str(client[0]) if client else ""
        if proxies:
            told = self.http.headers.getlist("x-forwarded-for")
            passed = [each.strip() for line in told for each in line.split(",")]
            found = passed[-proxies] if len(passed) >= proxies else found
        return network(found)

    @property
    def left(self) -> bool:
        """Whether the server knows already that the client has closed its connection; a look that costs nothing."""
        return bool(getattr(getattr(self.http.receive, "__self__", None), "disconnected", False))

    async def gone(self) -> None:
        """Return once the client has closed its connection."""
        message: Mapping[str, Any] = {"type": ""}
        while message["type"] != "http.disconnect":
            message = await self.http.receive()


@lru_cache(1024)
def network(address: str) -> str:
    """Return an IPv4 address as it is, of an IPv6 address its network, of anything else its first characters."""
    import ipaddress  # noqa: PLC0415 - not before somebody writes SQL

    bare = address.removeprefix("[").partition("]")[0].partition("%")[0]
    try:
        found = ipaddress.ip_address(bare if bare.count(":") != 1 else bare.partition(":")[0])
    except ValueError:
        return address[:_NETWORK]
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        if mapped is None:
            return str(ipaddress.ip_network((int(found), _NETWORK), strict=False))
        found = mapped
    return str(found)


CURRENT: Final[ContextVar[Visitor | None]] = ContextVar("visitor", default=None)
"""Who asks the request that is being answered."""
