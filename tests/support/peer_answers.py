"""Run by the reference's own Python: answers each line ``{"file", "paths"}`` with status and body of every path."""

import asyncio
import json
import sys
from typing import Any


async def answers(file: str, paths: list[str]) -> list[tuple[int, str]]:
    """Serve ``file``, immutable, and ask for each of ``paths``."""
    from datasette.app import Datasette  # type: ignore[import-not-found] # noqa: PLC0415 - in its own environment only

    datasette: Any = Datasette([], immutables=[file])
    await datasette.invoke_startup()
    found = [await datasette.client.get(path) for path in paths]
    return [(each.status_code, each.text) for each in found]


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(asyncio.run(answers(asked["file"], asked["paths"]))), flush=True)
