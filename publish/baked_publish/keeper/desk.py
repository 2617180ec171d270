"""The Desk: where commands ask the keeper, one JSON line for one JSON line, on a Unix socket for its owner only."""

import asyncio
import contextlib
import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import baked_core.channel
from baked_publish.errors import PublishError
from baked_publish.keeper.keeper import Keeper
from baked_publish.keeper.ledger import Address

LIMIT: Final = 8 << 20
"""Bytes of a question; the environment of a command is in it."""


class Desk:
    """Answers for one Keeper."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def open(self) -> asyncio.AbstractServer:
        """Begin to answer."""
        path = self._keeper.folder.control
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve, str(path), limit=LIMIT)
        path.chmod(0o600)
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ValueError):  # a command that was killed
            question = json.loads(await reader.readline())
            answer = await self._answer(**question)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _answer(self, ask: str, **arguments: Any) -> dict[str, Any]:
        try:
            return {"answer": await self._do(ask, arguments)}
        except PublishError as exc:
            return {"error": type(exc).__name__, "message": str(exc)}

    async def _do(self, ask: str, arguments: dict[str, Any]) -> Any:
        keeper = self._keeper
        match ask:
            case "hello":
                return identity()
            case "status":
                return keeper.status()
            case "promote":
                return await keeper.promote(arguments["revision"], Address(**arguments["asked"]))
            case "start" | "keep" | "rest" | "forget" | "tidy" | "stop" | "retire":
                return await getattr(keeper, ask)(**arguments)
            case _:
                raise PublishError(f"the keeper does not know {ask!r}: another version of baked-data started it")


def identity() -> list[str]:
    """Name the interpreter and the code of this keeper: a command that runs others replaces it."""
    code = sha256()
    for path in sorted([*Path(__file__).parent.glob("*.py"), Path(baked_core.channel.__file__)]):
        code.update(path.read_bytes())
    return [sys.executable, code.hexdigest()]
