"""Google's JSON APIs that have no library of their own here: requests with a token, repeated while that may help."""

import os
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from baked_publish.errors import NotFoundError, PreflightError, TargetError
from baked_publish.redaction import hidden
from baked_publish.shapes import inner
from baked_publish.vendors.google_login import FIX, Login
from baked_publish.vendors.shaped import line, one, read, text

if TYPE_CHECKING:
    import httpx

TEMPORARY: Final = frozenset({429, 500, 502, 503, 504})
TRIES: Final = 6
FIRST_WAIT, LONGEST_WAIT = 0.3, 20.0
READ: Final = 60.0
"""Seconds without a sign of life."""
LONG: Final = 120.0
"""Seconds that something which goes on after its answer may take."""
JSON = Mapping[str, Any]


class RefusedError(TargetError):
    """Google does not take what it was told: it is not valid, or more than a quota allows."""


class BusyError(TargetError):
    """Google did not answer, or says that it cannot just now; whether it did what it was told, nobody knows."""


class StrangerError(PreflightError):
    """Google does not know whoever asks: the credentials are no good, or not any more."""


def endpoint(service: str, region: str = "") -> str:
    """Return where a service is spoken to, without a last slash; the environment may say otherwise, as for gcloud.

    ``CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN`` and its like, by the service's name in capitals.
    """
    said = os.environ.get(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{service.upper()}")
    return (said or f"https://{region + '-' if region else ''}{service}.googleapis.com").rstrip("/")


class Api:
    """Calls JSON APIs as whoever has logged in."""

    def __init__(self, login: Login, http: "httpx.Client") -> None:
        self.login = login
        self._http = http

    def call(self, method: str, url: str, body: JSON | None = None, **params: str) -> JSON:
        """Return the JSON of an answer.

        Raises PreflightError for what a login or a role would mend, NotFoundError for 404, TargetError for the rest.
        """
        response = self._sent(method, url, body, params)
        if response.is_success:
            return one(read(response), f"{method} {urlsplit(url).path}")
        message = line(hidden(_message(response)))
        raise failed(response.status_code, message, f"{method} {urlsplit(url).path}")

    def settle(self, base: str, operation: JSON) -> JSON:
        """Wait until an operation is done, for two minutes at most; return its response."""
        began, pause = time.monotonic(), FIRST_WAIT
        while not operation.get("done"):
            name = text(operation, "name", "operation")
            if time.monotonic() - began > LONG:
                raise TargetError(f"{name} is not done after {LONG:.0f} s: try again later")
            time.sleep(pause)
            pause = min(pause * 2, 5.0)
            operation = self.call("GET", f"{base}/{quote(name, errors='replace')}")
        if operation.get("error"):
            message = line(hidden(str(inner(operation, "error").get("message") or "no reason given")))
            raise TargetError(f"{line(str(operation.get('name', 'what was begun')))}: {message}")
        return inner(operation, "response")

    def _sent(self, method: str, url: str, body: JSON | None, params: Mapping[str, str]) -> "httpx.Response":
        import httpx  # noqa: PLC0415 - 60 ms that `publish --help` does without

        failures = 0
        while True:
            headers = {"Authorization": f"Bearer {self.login.token()}"}
            if self.login.quota_project:
                headers["X-Goog-User-Project"] = self.login.quota_project
            said = ""
            try:
                response = self._http.request(method, url, json=body, params=params, headers=headers, timeout=READ)
            except (httpx.HTTPError, httpx.InvalidURL) as exc:
                failures += 1
                if failures >= TRIES:
                    raise BusyError(f"{urlsplit(url).netloc} did not answer: {exc}; try again later") from exc
            else:
                failures += 1
                if response.status_code not in TEMPORARY or failures >= TRIES:
                    return response
                said = response.headers.get("retry-after", "")
            asked = float(said) if said.isdecimal() else 0.0
            time.sleep(min(max(FIRST_WAIT * 2**failures, asked), LONGEST_WAIT))


def failed(status: int, message: str, what: str) -> Exception:
    """Return the error for what an API refused."""
    message = message.rstrip(".")
    if status == HTTPStatus.UNAUTHORIZED:
        return StrangerError(f"Google does not accept the credentials for {what}: {message}; {FIX}")
    if status == HTTPStatus.FORBIDDEN:
        return PreflightError(f"{what} is forbidden: {message}; `publish doctor cloudrun` names the missing role")
    if status == HTTPStatus.NOT_FOUND:
        return NotFoundError(f"{what}: {message}")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RefusedError(f"{what}: a quota is used up: {message}; ask for more of it, or try again later")
    kind = BusyError if status in TEMPORARY else TargetError
    return kind(f"{what} failed with {status}: {message}")


def _message(response: "httpx.Response") -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return response.text or "no reason given"


Found = Callable[[], JSON]


def found(look: Found) -> JSON | None:
    """Return what a look finds, None if there is nothing there."""
    try:
        return look()
    except NotFoundError:
        return None
