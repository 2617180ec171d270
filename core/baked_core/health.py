"""``python -m baked_core.health``: ask the server in this container whether it answers; exit code 0 or 1."""

import os
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Final

TIMEOUT: Final = 4.0
"""Seconds."""


def healthy(port: int) -> bool:
    """Tell whether the server at ``port`` of this host answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/-/healthz")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    raise SystemExit(0 if healthy(int(os.environ.get("PORT", "8001"))) else 1)
