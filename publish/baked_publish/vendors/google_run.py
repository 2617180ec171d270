"""Cloud Run's Admin API v2 through Google's own client over REST; what goes in and out is JSON that its types know."""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, TypeVar

from baked_publish.errors import NotFoundError, PreflightError, PublishError, TargetError
from baked_publish.redaction import hidden
from baked_publish.shapes import inner
from baked_publish.vendors.google_api import (
    FIRST_WAIT,
    LONGEST_WAIT,
    TEMPORARY,
    TRIES,
    BusyError,
    RefusedError,
    endpoint,
    failed,
)
from baked_publish.vendors.google_login import Login
from baked_publish.vendors.shaped import DAMAGED, line

PATIENCE: Final = 60.0
"""Seconds for one answer."""
PAGE: Final = 100
JSON = Mapping[str, Any]
Result = TypeVar("Result")


class Conflict(PublishError):
    """Somebody else changed it since it was read, or made what was to be made."""


class Run:
    """The services of one project in one region."""

    def __init__(self, login: Login, project: str, region: str, *, within: float) -> None:
        from google.api_core.client_options import ClientOptions  # noqa: PLC0415 - half a second
        from google.cloud import run_v2  # noqa: PLC0415

        self._types: Any = run_v2
        self.region = region
        self.parent = f"projects/{project}/locations/{region}"
        self._within = within
        about: dict[str, Any] = {
            "credentials": _credentials(login),
            "transport": "rest",
            "client_options": ClientOptions(api_endpoint=endpoint("run"), quota_project_id=login.quota_project),
        }
        self._services: Any = run_v2.ServicesClient(**about)
        self._revisions: Any = run_v2.RevisionsClient(**about)

    # Services

    def service(self, name: str) -> JSON | None:
        """Return a service, None if there is none."""
        try:
            got = self._call(f"service {name!r}", self._services.get_service, {"name": self._path(name)})
        except NotFoundError:
            return None
        except PreflightError as exc:
            if "it is disabled" in str(exc):  # a project that never used it has no service
                return None
            raise
        return self._json(self._types.Service, got)

    def services(self) -> list[JSON]:
        """List the services of the region, whoever made them."""
        asked = {"parent": self.parent, "page_size": PAGE}
        found = self._listed("services", self._services.list_services, asked)
        return [self._json(self._types.Service, each) for each in found]

    def create(self, name: str, body: JSON, *, check_only: bool = False) -> None:
        """Make a service, and wait until it is settled; raise Conflict if there is one of that name.

        ``check_only`` makes nothing: Cloud Run tells whether it would. Raises RefusedError for what it does not take.
        """
        service = self._types.Service.from_json(json.dumps(body))
        asked = {"parent": self.parent, "service": service, "service_id": name, "validate_only": check_only}
        self._wait(f"making service {name!r}", self._services.create_service, asked, wait=not check_only)

    def update(self, name: str, body: JSON, mask: Sequence[str], *, check_only: bool = False) -> None:
        """Change the fields ``mask`` of a service and wait until it is settled; raise Conflict if its etag is old."""
        told = {**body, "name": self._path(name)}
        service = self._types.Service.from_json(json.dumps(told))
        asked = {"service": service, "update_mask": {"paths": list(mask)}, "validate_only": check_only}
        self._wait(f"changing service {name!r}", self._services.update_service, asked, wait=not check_only)

    def delete(self, name: str, etag: str) -> None:
        """Remove a service with its revisions; raise NotFoundError if it is gone, Conflict if its etag is old."""
        asked = {"name": self._path(name), "etag": etag}
        self._wait(f"removing service {name!r}", self._services.delete_service, asked)

    # Revisions

    def revisions(self, name: str) -> list[JSON]:
        """List the revisions of a service."""
        asked = {"parent": self._path(name), "page_size": PAGE}
        found = self._listed(f"revisions of {name!r}", self._revisions.list_revisions, asked)
        return [self._json(self._types.Revision, each) for each in found]

    def revision(self, name: str, revision: str) -> JSON:
        """Return one revision; raise NotFoundError if there is none."""
        asked = {"name": f"{self._path(name)}/revisions/{revision}"}
        got = self._call(f"revision {revision!r}", self._revisions.get_revision, asked)
        return self._json(self._types.Revision, got)

    def delete_revision(self, name: str, revision: str) -> None:
        """Remove a revision; raise TargetError if the platform keeps it, as it does the latest one."""
        asked = {"name": f"{self._path(name)}/revisions/{revision}"}
        self._wait(f"removing revision {revision!r}", self._revisions.delete_revision, asked)

    # Who may call

    def policy(self, name: str) -> Any:
        """Return who may do what with a service, to be given back to :meth:`set_policy`."""
        return self._call(f"policy of {name!r}", self._services.get_iam_policy, {"resource": self._path(name)})

    def set_policy(self, name: str, policy: Any) -> None:
        """Store a policy; its etag sees that nobody else's change is lost."""
        asked = {"resource": self._path(name), "policy": policy}
        self._call(f"policy of {name!r}", self._services.set_iam_policy, asked)

    # The parts

    def _path(self, name: str) -> str:
        return f"{self.parent}/services/{name}"

    def _wait(self, what: str, act: Callable[..., Any], asked: JSON, *, wait: bool = True) -> None:
        """Begin something that goes on after its answer, and wait for its end."""
        from google.api_core.future.polling import DEFAULT_POLLING  # noqa: PLC0415

        operation = self._call(what, act, asked, repeat=False)
        if not wait:
            return
        polling = DEFAULT_POLLING.with_delay(initial=0.2, maximum=5.0, multiplier=1.5)
        deadline, failures = time.monotonic() + self._within, 0
        while True:
            left = max(1.0, deadline - time.monotonic())
            try:
                self._once(what, lambda: operation.result(timeout=left, polling=polling))  # noqa: B023 - called at once
            except _Temporary as exc:  # a look at it failed; or it did itself, which it says again and again
                failures += 1
                if operation.operation.done or failures >= TRIES:
                    raise exc.final from exc
                time.sleep(min(FIRST_WAIT * 2**failures, LONGEST_WAIT))
            else:
                return

    def _call(self, what: str, act: Callable[..., Result], asked: JSON, *, repeat: bool = True) -> Result:
        """Ask, again while that may help: what changes something is asked again only if it was not taken at all."""
        failures = 0
        while True:
            try:
                return self._once(what, lambda: act(request=dict(asked), timeout=PATIENCE, retry=None))
            except _Temporary as exc:
                failures += 1
                if failures >= TRIES or not (repeat or exc.status == HTTPStatus.TOO_MANY_REQUESTS):
                    raise exc.final from exc
                time.sleep(min(FIRST_WAIT * 2**failures, LONGEST_WAIT))

    def _listed(self, what: str, act: Callable[..., Any], asked: JSON) -> list[Any]:
        """Ask for all pages of a list, from the first one again where one of them fails."""

        def all_pages(**how: Any) -> list[Any]:
            return list(act(**how))

        return self._call(what, all_pages, asked)

    def _once(self, what: str, act: Callable[[], Result]) -> Result:
        from concurrent.futures import TimeoutError as NotInTime  # noqa: PLC0415

        from google.api_core.exceptions import GoogleAPICallError, RetryError  # noqa: PLC0415
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
        from google.protobuf.json_format import Error as NotItsJson  # noqa: PLC0415
        from requests.exceptions import RequestException  # noqa: PLC0415

        try:
            return act()
        except GoogleAPICallError as exc:
            raise _error(exc, what) from exc
        except (RetryError, NotInTime) as exc:
            raise TargetError(f"{what} is not done after {self._within:.0f} s: look again later") from exc
        except (RequestException, GoogleAuthError) as exc:
            told = f"{what}: Cloud Run did not answer: {_reason(exc)}; look at the network, or try again later"
            raise _Temporary(BusyError(told), 0) from exc
        except (NotItsJson, *DAMAGED) as exc:
            told = f"{what}: Cloud Run's answer cannot be read ({type(exc).__name__}): try again"
            raise _Temporary(BusyError(told), 0) from exc

    @staticmethod
    def _json(kind: Any, value: Any) -> JSON:
        said = kind.to_json(value, use_integers_for_enums=False, always_print_fields_with_no_presence=False)
        made: JSON = json.loads(said)
        return made


class _Temporary(Exception):
    """Something that may go well if it is tried again."""

    def __init__(self, final: Exception, status: int) -> None:
        super().__init__(str(final))
        self.final, self.status = final, status


def _reason(exc: Exception) -> str:
    """Return why there was no answer, without the pools, objects and addresses that libraries put around it."""
    return re.split(r"[\"']\)", str(exc).rpartition("): ")[2])[0]


def _error(exc: Any, what: str) -> Exception:
    said = _said(exc)
    status, message = int(exc.code or 0), line(hidden(str(said.get("message") or exc.message)))
    if status == HTTPStatus.CONFLICT:
        return Conflict(f"{what}: {message}")
    error = failed(status, message, what)
    if status == HTTPStatus.BAD_REQUEST and said.get("status") == "INVALID_ARGUMENT":
        error = RefusedError(str(error))
    return _Temporary(error, status) if status in TEMPORARY else error


def _said(exc: Any) -> JSON:
    """Return Google's own words of an error: its library puts the URL before them, and knows one kind of 400."""
    try:
        return inner(exc.response.json(), "error")
    except (
        AttributeError,
        ValueError,
        TypeError,
        RecursionError,
    ):  # an operation's error has no answer of its own
        return {}


def _credentials(login: Login) -> Any:
    """Return google-auth's kind of credentials that ask ``login`` for each token."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415

    from google.oauth2 import credentials  # noqa: PLC0415

    def fresh(_request: Any, scopes: Any) -> tuple[str, datetime]:  # noqa: ARG001 - google-auth's call
        return login.token(), datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=5)

    made: Any = credentials.Credentials
    return made(token=None, refresh_handler=fresh)
