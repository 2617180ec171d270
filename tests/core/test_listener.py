"""The listening socket: had at once, waited for, or refused with a sentence."""

import logging
import socket
import threading

import pytest

from baked_core.errors import CoreError
from baked_core.listener import WAITING, listen


def test_a_port_that_another_process_has_is_had_as_soon_as_it_is_free(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)):  # a visit that goes on does not hold the port
        kept, _ = taken.accept()
        threading.Timer(0.2, taken.close).start()
        with listen("127.0.0.1", str(port), "60") as had, kept:
            assert had.getsockname() == ("127.0.0.1", port)
            socket.create_connection(("127.0.0.1", port)).close()
    assert [record.getMessage() for record in caplog.records] == [f"{WAITING}: 127.0.0.1:{port}"]


@pytest.mark.parametrize("patience", ["0", "1"])
def test_a_port_that_stays_taken_is_refused(patience: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CoreError, match=rf"127.0.0.1:{port} cannot be listened on \(Address already in use"):
            listen("127.0.0.1", str(port), patience)


def test_a_patience_that_is_no_number_is_refused() -> None:
    with pytest.raises(CoreError, match=r"BAKED_PORT_PATIENCE is 'long': a number up to 65535 is needed"):
        listen("127.0.0.1", "0", "long")
