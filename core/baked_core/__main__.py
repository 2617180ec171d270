"""``python -m baked_core [BUNDLE]``: serve the Bundle beside this code, or the one named, at HOST and PORT."""

import gc
import os
import socket
import sys
from pathlib import Path
from typing import Final

from baked_core.errors import CoreError
from baked_core.manifest import FILE_NAME

YOUNG: Final = 3000
"""New objects between two looks for garbage: one page makes thousands, which all are gone by themselves with it."""
KEEPER: Final = "BAKED_KEEPER"
"""The environment name of the file number that leads to a keeper."""
BUNDLE: Final = "BAKED_BUNDLE"
TOKEN: Final = "BAKED_VERIFY_TOKEN"  # noqa: S105 - the name of it


def main() -> None:
    """Serve until SIGTERM; end with a sentence if that cannot be done."""
    gc.disable()  # until all is loaded, of which nothing is ever garbage
    try:
        _serve(_bundle(sys.argv[1:]))
    except CoreError as exc:
        raise SystemExit(f"baked_core: {exc}") from None


def _serve(bundle: Path) -> None:
    from baked_core.app import create_app  # noqa: PLC0415 - what is wrong with the arguments is said at once
    from baked_core.bundle import Baked  # noqa: PLC0415

    app = create_app(Baked.open(bundle), verify_token=os.environ.pop(TOKEN, None))
    if keeper := os.environ.pop(KEEPER, None):
        from baked_core.worker import Worker  # noqa: PLC0415 - not on Windows

        worker = Worker(app, socket.socket(fileno=int(keeper)), app.proxies)
        _collect()
        worker.run()
    else:
        from baked_core.listener import PATIENCE, listen  # noqa: PLC0415
        from baked_core.server import Server  # noqa: PLC0415

        server, told = Server(app, proxies=app.proxies), os.environ.get
        _collect()
        server.run([listen(told("HOST", "127.0.0.1"), told("PORT", "8001"), told(PATIENCE, "0"))])


def _collect() -> None:
    """Collect garbage from now on, but never look at what is there already."""
    gc.freeze()
    gc.set_threshold(YOUNG)
    gc.enable()


def _bundle(arguments: list[str]) -> Path:
    beside = Path(__file__).resolve().parents[2]
    if arguments:
        return Path(arguments[0])
    if BUNDLE in os.environ:
        return Path(os.environ[BUNDLE])
    if (beside / FILE_NAME).is_file():
        return beside
    raise CoreError(f"there is no Bundle beside {str(beside)!r}: name its folder as argument or in {BUNDLE}")


if __name__ == "__main__":
    main()
