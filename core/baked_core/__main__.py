"""``python -m baked_core [FOLDER]``: serve a Bundle.

FOLDER is what ``publish bake -o`` wrote; by default ``BAKED_BUNDLE``, or the Bundle that this very file lies in. It
listens on ``HOST`` (127.0.0.1) and ``PORT`` (8001) until SIGTERM. ``BAKED_VERIFY_TOKEN`` opens ``/-/verify``.
"""

import asyncio
import os
import socket
import sys
from pathlib import Path

from baked_core.app import create_app
from baked_core.bundle import Baked
from baked_core.control import CONTROL, Led
from baked_core.errors import CoreError
from baked_core.server import BACKLOG, run


def main() -> int:
    """Serve until told to stop; return the exit code."""
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("BAKED_BUNDLE")
    root = Path(given) if given else Path(__file__).parents[2]
    try:
        app = create_app(Baked.open(root), verify_token=os.environ.pop("BAKED_VERIFY_TOKEN", None))
        if CONTROL in os.environ:
            asyncio.run(Led(app).run())
        else:
            address = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8001"))
            run(app, socket.create_server(address, backlog=BACKLOG))
    except (CoreError, OSError) as exc:
        print(f"Error: {exc}", file=sys.stderr)  # noqa: T201 - the log of a server is standard error
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
