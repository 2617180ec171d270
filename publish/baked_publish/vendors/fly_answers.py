"""Answers: what Fly says of a failure, as an error of ours, with the id by which Fly finds the request."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from baked_publish.errors import LockedError, NotFoundError, PreflightError, PublishError, StageError, TargetError
from baked_publish.redaction import hidden
from baked_publish.shapes import is_object
from baked_publish.vendors.fly_login import FIX, Login
from baked_publish.vendors.shaped import line

if TYPE_CHECKING:
    import httpx

REQUEST_ID: Final = "fly-request-id"
NO_ROOM: Final = "insufficient_capacity"
NO_ROOM_WORDS: Final = ("insufficient", "no capacity")
TAKEN: Final = "name_taken"


class LateError(TargetError):
    """A machine did not reach a state while Fly waited for it; it may still."""


class RefusedError(TargetError):
    """Fly did not do what it was asked, and says why."""


def error_of(response: "httpx.Response", login: Login) -> PublishError:
    """Return the error of a response that is no success."""
    status, told = response.status_code, _told(response)
    words = line(hidden(str(told.get("error") or told.get("message") or response.text))) or "no word of why"
    found = line(hidden(response.headers.get(REQUEST_ID, "")))
    asked = f"{response.request.method} {response.request.url.path}"
    what = f"Fly answered {status} to {asked}: {words}" + (f" (request {found})" if found else "")
    return _kinds(status, what, str(told.get("status", "")), words, login)


def _kinds(status: int, what: str, code: str, words: str, login: Login) -> PublishError:
    if status == HTTPStatus.UNAUTHORIZED:
        return PreflightError(f"{what}; the token of {login.source} is not taken, it may have expired: {FIX}")
    if status == HTTPStatus.FORBIDDEN:
        return PreflightError(f"{what}; the token of {login.source} has no right to that: {FIX}")
    if status == HTTPStatus.CONFLICT and "lease" in words.lower():
        return LockedError(f"{what}; another publish is under way: wait until it is done")
    if code == NO_ROOM or (status == HTTPStatus.CONFLICT and any(each in words for each in NO_ROOM_WORDS)):
        return StageError(f"{what}; there is no room for it there: choose another --region, or try again later")
    if code == TAKEN or "already been taken" in words:
        what += "; names are unique among all of Fly's apps: choose another one with --app"
    plain: dict[int, type[PublishError]] = {404: NotFoundError, 408: LateError}
    return plain.get(status, RefusedError)(what)


def _told(response: "httpx.Response") -> dict[str, Any]:
    try:
        raw: Any = response.json()
    except (ValueError, RecursionError):
        return {}
    return raw if is_object(raw) else {}
