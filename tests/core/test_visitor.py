"""Clients are told apart by what they cannot write themselves."""

import pytest

from baked_core.http import HttpRequest
from baked_core.settings import Settings
from baked_core.strangers.plan import Plan
from baked_core.visitor import Visitor, network


async def nothing() -> dict[str, object]:
    return {"type": "http.disconnect"}


def visitor(client: tuple[str, int] | None, *forwarded: str) -> Visitor:
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    return Visitor(HttpRequest({"type": "http", "client": client, "headers": headers}, nothing), person=False)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, (), "10.0.0.1"),
        (0, ("6.6.6.6",), "10.0.0.1"),
        (1, ("6.6.6.6, 203.0.113.7",), "203.0.113.7"),
        (1, ("6.6.6.6", "203.0.113.7"), "203.0.113.7"),
        (2, ("6.6.6.6, 203.0.113.7, 10.0.0.9",), "203.0.113.7"),
        (2, ("203.0.113.7",), "10.0.0.1"),
        (1, (), "10.0.0.1"),
        (1, ("2001:db8:1:2:3:4:5:6",), "2001:db8:1:2::/64"),
    ],
)
def test_only_what_a_trusted_proxy_wrote_counts(proxies: int, forwarded: tuple[str, ...], address: str) -> None:
    assert visitor(("10.0.0.1", 5), *forwarded).address(proxies) == address


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("[2001:db8::1]:80", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("unknown", "unknown"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_an_address_stands_for_whoever_has_it_to_himself(address: str, found: str) -> None:
    assert network(address) == found


def test_a_client_on_a_unix_socket_has_no_address() -> None:
    assert visitor(None).address(0) == ""


@pytest.mark.parametrize(
    ("setting", "told", "proxies"), [(0, "", 0), (0, "2", 2), (1, "2", 1), (0, "many", 0), (0, "-1", 0)]
)
def test_a_target_tells_of_its_platforms_proxies(
    monkeypatch: pytest.MonkeyPatch, setting: int, told: str, proxies: int
) -> None:
    monkeypatch.setenv("BAKED_TRUSTED_PROXIES", told)
    assert Plan.of(Settings(trusted_proxies=setting), ()).proxies == proxies
