"""Authorization: tokens by scope, fetched when a registry asks for them, fetched anew when it no longer takes them.

After the distribution project's token and OAuth2 specifications. A secret goes to the registry itself or to the token
server that the registry names, which must speak https unless the registry is on this machine or may be spoken to
plainly; and never to anybody else.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from baked_publish.errors import PreflightError
from baked_publish.redaction import keep_secret
from baked_publish.registry.challenge import Challenge
from baked_publish.registry.credentials import Credential
from baked_publish.registry.reference import is_loopback

if TYPE_CHECKING:
    import httpx

CLIENT: Final = "baked-data"
LIFETIME: Final = 60.0
"""Seconds that a token is good for if nobody says; the specification's number."""
EARLY: Final = 10.0
"""Seconds before its end from which on a token is not used any more."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token server gave, or another header that a registry takes."""

    header: str = field(repr=False)
    until: float = inf
    """When it is not used any more, on the monotonic clock."""

    def __post_init__(self) -> None:
        """See that nobody is told of it."""
        keep_secret(self.header.partition(" ")[2])

    @property
    def good(self) -> bool:
        """Whether it may still be used."""
        return self.until > time.monotonic()


class Authority:
    """Answers the challenges of one registry; used by threads side by side."""

    def __init__(
        self,
        host: str,
        send: "Callable[..., httpx.Response]",
        find: Callable[[], Credential | None],
        *,
        plain: bool,
        lasting: bool = True,
    ) -> None:
        self._host, self._send, self._find, self._plain, self._lasting = host, send, find, plain, lasting
        self._guard = threading.Lock()
        self._tokens: dict[tuple[str, ...], Token] = {}
        self._credentials: Credential | None = None
        self._looked = False

    def header(self, scopes: Sequence[str]) -> str | None:
        """Return the Authorization header for a request that needs ``scopes``, if one is known."""
        token = self._tokens.get(tuple(scopes))
        return token.header if token and token.good else None

    def answer(self, asked: Challenge | None, scopes: Sequence[str], refused: str | None) -> str | None:
        """Return a new header after a 401; None if there is nothing more to offer.

        ``refused`` is the header that was sent. Raises PreflightError when the token server refuses.
        """
        with self._guard:
            known = self._tokens.get(tuple(scopes))
            if known and known.good and known.header != refused:  # another thread was faster
                return known.header
            token = self._token(asked, scopes)
            if token is None or token.header == refused:
                return None
            self._tokens[tuple(scopes)] = token
            return token.header

    def _token(self, asked: Challenge | None, scopes: Sequence[str]) -> Token | None:
        credential = self.credentials()
        if asked and asked.scheme == "bearer":
            known = credential.bearer if credential else ""
            return Token(f"Bearer {known}") if known else self._fetch(asked, scopes, credential)
        if asked and credential and credential.secret:
            return Token(f"Basic {credential.basic()}")
        return None

    def credentials(self) -> Credential | None:
        """Return what is stored for the registry; looked up once if it lasts."""
        if not (self._looked and self._lasting):
            self._credentials, self._looked = self._find(), True
        return self._credentials

    def _fetch(self, asked: Challenge, scopes: Sequence[str], credentials: Credential | None) -> Token:
        realm = asked.said.get("realm", "")
        self._require_safe(realm)
        wanted = list(dict.fromkeys([*asked.said.get("scope", "").split(" "), *scopes]))
        wanted = [scope for scope in wanted if scope]
        response = self._ask(realm, asked.said.get("service", ""), wanted, credentials)
        if response.status_code != HTTPStatus.OK:
            raise self._refused(realm, response.status_code, credentials)
        try:
            raw = cast("Mapping[str, Any]", response.json())
            value = str(raw.get("token") or raw["access_token"])
            lifetime = float(raw.get("expires_in") or LIFETIME)
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise PreflightError(f"{_host(realm)} gave no token for {self._host}: {exc!r}") from exc
        return Token(f"Bearer {value}", time.monotonic() + lifetime - min(EARLY, lifetime / 2))

    def _ask(self, realm: str, service: str, scopes: list[str], credentials: Credential | None) -> "httpx.Response":
        if credentials and credentials.identity:
            form = {"grant_type": "refresh_token", "client_id": CLIENT, "service": service, "scope": " ".join(scopes)}
            response = self._send("POST", realm, data={**form, "refresh_token": credentials.identity})
            if response.status_code not in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
                return response
        headers = {"Authorization": f"Basic {credentials.basic()}"} if credentials and credentials.username else {}
        said = [("service", service)] if service else []
        return self._send("GET", realm, params=[*said, *(("scope", scope) for scope in scopes)], headers=headers)

    def _require_safe(self, realm: str) -> None:
        with suppress(ValueError):  # what is no address is not safe
            parts = urlsplit(realm)
            plain = self._plain or (is_loopback(self._host) and is_loopback(parts.netloc))
            if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and plain)):
                return
        raise PreflightError(
            f"{self._host} sends us to {_host(realm)!r} for a token, which does not speak https: no secret goes there"
        )

    def _refused(self, realm: str, status: int, credentials: Credential | None) -> PreflightError:
        who = "who is not logged in"
        if credentials:
            who = f"{credentials.username or 'the holder'!r} of {credentials.source!r}"
        return PreflightError(
            f"{_host(realm)} gave no token for {self._host} to {who} ({status}): {advice(self._host)}"
        )


def advice(host: str) -> str:
    """Say how to log in."""
    return f"run `docker login {host}` or `podman login {host}`"


def _host(url: str) -> str:
    with suppress(ValueError):
        return urlsplit(url).netloc or url
    return url
