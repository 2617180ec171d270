"""``python -m baked_publish.keeper FOLDER READY``: keep the name whose state lies in FOLDER.

It leaves the process that started it at once, and says ``up`` on the file number READY when it answers.
"""

import asyncio
import contextlib
import logging
import os
import sys
import time
from pathlib import Path
from typing import Final

from baked_publish.errors import LockedError, PublishError
from baked_publish.keeper.desk import Desk
from baked_publish.keeper.folder import Folder
from baked_publish.keeper.keeper import Keeper
from baked_publish.keeper.lock import locked

PATIENCE: Final = 5.0
"""Seconds to wait for a keeper that is about to end."""


def main(folder: str, ready: str) -> None:
    """Keep, until there is nothing left to keep."""
    if os.fork():
        return  # the command waits for this one; the keeper is nobody's child
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    try:
        _keep(Folder(Path(folder)), int(ready))
    except PublishError as exc:
        logging.error("%s", exc)  # noqa: LOG015, TRY400 - the one logger of this process; a sentence, not a traceback


def _keep(folder: Folder, ready: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(folder.keeper_lock, "a keeper"))
            except LockedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
                continue
            asyncio.run(_run(folder, ready))
            return


async def _run(folder: Folder, ready: int) -> None:
    keeper = Keeper(folder)
    await keeper.begin()
    server = await Desk(keeper).open()
    os.write(ready, b"up")
    os.close(ready)
    await keeper.watch()
    server.close()
    await asyncio.sleep(0)
    folder.control.unlink(missing_ok=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
