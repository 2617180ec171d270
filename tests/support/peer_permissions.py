"""Run by the peer's own Python: what Datasette lets each actor see under each configuration, as JSON on stdout.

Its arguments are the folder of the databases; stdin has ``{"configs": [...], "actors": [...], "places": [...]}``.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

HEADER = "x-actor"


def actors() -> object:
    """Return a plugin that believes what a header says."""
    from datasette import hookimpl  # type: ignore[import-not-found] # noqa: PLC0415 - in its own environment only

    class Plugin:
        """Knows who asks."""

        __name__ = "believer"

        @hookimpl  # type: ignore[untyped-decorator]
        def actor_from_request(self, request: Any) -> Any:
            """Return what the header says."""
            told = request.headers.get(HEADER)
            return json.loads(told) if told else None

    return Plugin()


async def seen(config: Any, folder: Path, actors: list[Any], places: list[str]) -> list[list[int]]:
    """Return for each actor the status of each place."""
    from datasette.app import Datasette  # type: ignore[import-not-found] # noqa: PLC0415

    site = Datasette([], immutables=[str(folder / f"{name}.db") for name in ("a", "b")], config=config)
    await site.invoke_startup()
    found = []
    for actor in actors:
        headers = {HEADER: json.dumps(actor)} if actor else {}
        found.append([(await site.client.get(place, headers=headers)).status_code for place in places])
    return found


async def main() -> None:
    """Answer."""
    from datasette.plugins import pm  # type: ignore[import-not-found] # noqa: PLC0415

    pm.register(actors(), "believer")
    asked = json.load(sys.stdin)
    folder = Path(sys.argv[1])
    found = [await seen(config, folder, asked["actors"], asked["places"]) for config in asked["configs"]]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
