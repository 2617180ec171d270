"""Visits: asking a revision at its URL, with a token that tells who asks where not everybody may."""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from baked_publish.errors import StageError, TargetError
from baked_publish.publisher import patience
from baked_publish.vendors.google_login import Login

if TYPE_CHECKING:
    import httpx

IDENTITY: Final = "X-Serverless-Authorization"
"""Read before ``Authorization``, which then is the app's alone.

Of cloud.google.com/run/docs/authenticating/service-to-service.
"""
REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
PASSING: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE})
"""Of an instance that starts: the platform's front answers for it."""
TRIES: Final = 5
PAUSE: Final = 0.3
LONGEST: Final = 2.0


class Visitor:
    """Asks the revisions of one service."""

    def __init__(self, http: "httpx.Client", login: Login) -> None:
        self._http, self._login = http, login
        self._closed: set[str] = set()
        """URLs that want to know who asks."""

    def get(self, url: str, audience: str, path: str, headers: Mapping[str, str]) -> bytes:
        """GET ``path``; an instance that is only starting is asked again. Raises TargetError unless 200 or 206."""
        failures = 0
        while True:
            status, body = self._ask(url, audience, path, headers)
            if status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
                return body
            failures += 1
            if status not in PASSING or failures >= TRIES:
                late = status == HTTPStatus.GATEWAY_TIMEOUT
                more = "; requests get no more time than --timeout says: publish with a greater one" if late else ""
                raise TargetError(f"{url}{path} answered {status}{_words(body)}{more}")
            time.sleep(PAUSE * 2**failures)

    def wait(self, url: str, audience: str, within: float) -> None:
        """Wait until a revision answers, whatever the platform says of it; raise StageError if it never does."""
        deadline, pause, last = time.monotonic() + within, PAUSE, ""
        while True:
            try:
                status, body = self._ask(url, audience, "/-/healthz", {})
                if status == HTTPStatus.OK:
                    return
                last = f"it answers {status}{_words(body)}"
            except TargetError as exc:
                last = str(exc)
            if time.monotonic() > deadline:
                raise StageError(f"{url} is said to be ready, but does not answer after {within:g} s: {last}")
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST)

    def reaches(self, url: str, bundle: str, within: float) -> bool:
        """Tell whether everybody, without a token, gets the Bundle ``bundle`` at ``url`` within so many seconds."""
        import orjson  # noqa: PLC0415 - only after a promotion

        deadline, pause = time.monotonic() + within, PAUSE
        while True:
            try:
                response = self._sent(f"{url}/-/baked.json", {})
                if response.status_code == HTTPStatus.OK and bundle in str(orjson.loads(response.content)):
                    return True
            except (TargetError, ValueError):
                pass
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST)

    def _ask(self, url: str, audience: str, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Ask as anybody, and as ourselves where anybody is refused."""
        known = self._identity(audience) if url in self._closed else {}
        response = self._sent(f"{url}{path}", {**headers, **known})
        if response.status_code in REFUSED and not known:
            response = self._sent(f"{url}{path}", {**headers, **self._identity(audience)})
            if response.is_success:
                self._closed.add(url)
        return response.status_code, response.content

    def _identity(self, audience: str) -> dict[str, str]:
        return {IDENTITY: f"Bearer {self._login.identity(audience)}"}

    def _sent(self, url: str, headers: Mapping[str, str]) -> "httpx.Response":
        import httpx  # noqa: PLC0415 - 60 ms that `publish --help` does without

        try:
            return self._http.get(url, headers=dict(headers), timeout=patience(url, self._http))
        except httpx.HTTPError as exc:
            raise TargetError(f"{url} did not answer: {exc}") from exc


def _words(body: bytes) -> str:
    text = body[:200].decode(errors="replace").strip()
    return f": {text}" if text else ""
