"""The sockets that visitors reach."""

import socket
from contextlib import ExitStack

import pytest

from baked_publish.errors import TargetError
from baked_publish.keeper.ledger import Address
from baked_publish.keeper.listener import FIRST, NUMBER, listen, private


def test_a_name_points_to_its_port_and_the_next_one_if_that_is_taken() -> None:
    with ExitStack() as stack:
        one, two = (stack.enter_context(listen(Address(), "a name")) for _ in range(2))
        ports = one.getsockname()[1], two.getsockname()[1]
    assert ports[0] != ports[1]
    assert all(FIRST <= port < FIRST + NUMBER for port in ports)


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TargetError, match=f"port {port} on 127.0.0.1 is in use by another program"):
            listen(Address("127.0.0.1", port), "x")
        with private(port) as other:
            assert other.getsockname()[1] != port


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host.invalid"])
def test_an_address_that_is_not_ours_is_named(host: str) -> None:
    with pytest.raises(TargetError, match=f"{host}:20000 cannot be listened on"):
        listen(Address(host, 20000), "x")


def test_a_port_that_cannot_be_is_named() -> None:
    with pytest.raises(TargetError, match=r"127\.0\.0\.1:70000 cannot be listened on"):
        listen(Address("127.0.0.1", 70000), "x")
