"""A token server: who may do what in a registry, after the distribution project's token specification.

It stands beside a :class:`FaultyRegistry`, which asks it at its gate whether a request may pass.
"""

import base64
import json
import re
import secrets
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from faulty_registry import Fault, FaultyRegistry, Seen, listening, says

ACTIONS = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}
REPOSITORY = re.compile(r"/v2/(.+?)/(?:manifests|blobs|tags|referrers)/")


@dataclass(frozen=True)
class Given:
    """A token, and what it is good for."""

    scopes: frozenset[str]
    """``REPOSITORY:ACTION``."""
    until: float


@dataclass
class TokenServer:
    """Gives tokens to one user, and checks them."""

    username: str = "publisher"
    password: str = "correct horse"  # noqa: S105 - of this test
    refresh: str = ""
    """The only identity token it exchanges."""
    lifetime: int = 300
    """Seconds, as it says of each token."""
    realm: str = ""
    service: str = "registry.test"
    asked: list[tuple[str, list[str]]] = field(default_factory=list)
    """Method and scopes of each request for a token."""
    tokens: dict[str, Given] = field(default_factory=dict)
    uses: list[int] = field(default_factory=list)
    """After as many more requests each, all tokens so far end, whatever was said of them."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def gate(self, seen: Seen) -> Fault | None:
        """Let a request pass, or ask for a token."""
        needed = self.needed(seen)
        with self.lock:
            if self.uses:
                self.uses[0] -= 1
                if self.uses[0] < 0:
                    self.uses.pop(0)
                    self.tokens.clear()
            given = self.tokens.get(seen.headers.get("authorization", "").removeprefix("Bearer "))
        if given and given.until > time.monotonic() and needed <= given.scopes:
            return None
        scope = " ".join(f"repository:{name}:{action}" for name, _, action in (each.partition(":") for each in needed))
        said = f'Bearer realm="{self.realm}",service="{self.service}"' + (f',scope="{scope}"' if scope else "")
        return says(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=said)

    def needed(self, seen: Seen) -> set[str]:
        """Return what a request needs."""
        found = REPOSITORY.match(seen.path)
        if found is None:
            return set()
        needed = {f"{found[1]}:{ACTIONS.get(seen.method, 'push')}"}
        source = parse_qs(urlsplit(seen.path).query).get("from")
        return needed | {f"{unquote(source[0])}:pull"} if source else needed

    def give(self, method: str, scopes: list[str]) -> dict[str, object]:
        """Make a token."""
        parts = [scope.split(":") for scope in scopes]
        granted = frozenset(f"{name}:{action}" for _, name, actions in parts for action in actions.split(","))
        token = secrets.token_hex(16)
        with self.lock:
            self.asked.append((method, scopes))
            self.tokens[token] = Given(granted, time.monotonic() + self.lifetime)
        return {"token" if method == "GET" else "access_token": token, "expires_in": self.lifetime}


class Desk(BaseHTTPRequestHandler):
    """One request for a token."""

    protocol_version = "HTTP/1.1"
    server_of_tokens: ClassVar[TokenServer]

    def do_GET(self) -> None:
        """Give a token to the user with a password."""
        here = self.server_of_tokens
        known = base64.b64encode(f"{here.username}:{here.password}".encode()).decode()
        if self.headers.get("authorization") != f"Basic {known}":
            self._say(401, {"details": "incorrect username or password"})
        else:
            self._say(200, here.give("GET", parse_qs(urlsplit(self.path).query).get("scope", [])))

    def do_POST(self) -> None:
        """Exchange an identity token."""
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        here = self.server_of_tokens
        if not here.refresh:
            self._say(404, {})
        elif form["grant_type"] != ["refresh_token"] or form["refresh_token"] != [here.refresh]:
            self._say(401, {"error": "invalid_grant"})
        else:
            self._say(200, here.give("POST", form.get("scope", [""])[0].split()))

    def _say(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def guarding(faulty: FaultyRegistry, **more: object) -> Generator[TokenServer, None, None]:
    """Let nobody pass ``faulty`` without a token of a server that runs beside it."""
    server = TokenServer(**more)  # type: ignore[arg-type] # the fields above, by name
    with listening(type("TokenDesk", (Desk,), {"server_of_tokens": server})) as host:
        server.realm = f"http://{host}/token"
        faulty.gate = server.gate
        yield server
