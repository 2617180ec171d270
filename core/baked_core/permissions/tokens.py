"""Tokens: secrets that the publisher gave to readers, and who comes with each."""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final, Self

from msgspec import Struct

from baked_core.configured import resolved
from baked_core.errors import ManifestError
from baked_core.metadata import Metadata
from baked_core.permissions.allow import Actor
from baked_core.shapes import is_list, is_object

SHORTEST: Final = 16
"""Characters below which a token can be guessed."""
HOW_TO: Final = 'make one with: python -c "import secrets; print(secrets.token_urlsafe(32))"'

_DIGEST: Final = re.compile("[0-9a-f]{64}").fullmatch


class Tokens(Struct, frozen=True):
    """The digest of every token, and its actor."""

    known: tuple[tuple[bytes, Actor], ...] = ()

    @classmethod
    def of(cls, metadata: Metadata) -> Self:
        """Read the tokens that metadata tells of; raise ManifestError for one that is not there or is too short."""
        told: Mapping[str, Any] = metadata.get("tokens") or {}
        return cls(tuple(_known(told)))

    def actor(self, token: str) -> Actor | None:
        """Return who has this token, in a time that tells nothing of the others."""
        given = sha256(token.encode("utf-8", "surrogateescape")).digest()
        found: Actor | None = None
        for digest, actor in self.known:
            if compare_digest(digest, given):
                found = actor
        return found


def bearer(header: str) -> str:
    """Return the token in an ``Authorization`` header; nothing if there is none."""
    kind, _, token = header.strip().partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _known(told: Mapping[str, Any]) -> Iterator[tuple[bytes, Actor]]:
    for name, said in told.items():
        whole: Mapping[str, Any] = said if is_object(said) and "token" in said else {"token": said}
        more: Mapping[str, Any] = whole.get("actor") or {}
        secret = whole["token"]
        for each in secret if is_list(secret) else [secret]:
            yield _digest(name, each), {"id": name, **more}


def _digest(name: str, secret: Any) -> bytes:
    if is_object(secret) and set(secret) == {"sha256"}:
        text = str(secret["sha256"]).lower()
        if not _DIGEST(text):
            raise ManifestError(f"the sha256 of the token of {name!r} is not 64 hex digits: {HOW_TO}")
        return bytes.fromhex(text)
    token = resolved(secret, f"the token of {name!r}")
    if not isinstance(token, str) or isinstance(secret, str):
        raise ManifestError(f"the token of {name!r} is not {{$env: NAME}}, {{$file: PATH}} or {{sha256: DIGEST}}")
    if len(token.strip()) < SHORTEST:
        raise ManifestError(f"the token of {name!r} has fewer than {SHORTEST} characters: {HOW_TO}")
    return sha256(token.strip().encode("utf-8", "surrogateescape")).digest()
