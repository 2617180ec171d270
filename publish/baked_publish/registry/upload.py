"""Uploading a blob: not at all if it is there, mounted if it lies near, else sent, and taken up where it broke."""

import re
import time
from collections.abc import Iterator
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from baked_publish.errors import DigestError, NotFoundError, PreflightError, TargetError
from baked_publish.registry.answers import address, whole
from baked_publish.registry.content import Blob
from baked_publish.registry.patience import Temporary
from baked_publish.registry.repository import Repository
from baked_publish.report import Advance

if TYPE_CHECKING:
    import httpx

TRIES: Final = 6
"""Breaks of one upload after which it is given up, if none of them brought it further."""
OCTETS: Final = {"Content-Type": "application/octet-stream"}


class How(Enum):
    """How a blob came to be where it should."""

    THERE = "there"
    MOUNTED = "mounted"
    SENT = "sent"


def upload(repository: Repository, blob: Blob, advance: Advance) -> tuple[How, int]:
    """Bring a blob into a repository; return how, and the bytes that were sent, those that broke off included.

    Raises DigestError if the content is not what its descriptor says, TargetError if the registry does not take it.
    """
    if repository.has(blob.descriptor.digest):
        advance(blob.descriptor.size)
        return How.THERE, 0
    place = _begin(repository, blob)
    if place is None:
        advance(blob.descriptor.size)
        return How.MOUNTED, 0
    return How.SENT, _send(repository, blob, place, advance)


def _begin(repository: Repository, blob: Blob) -> str | None:
    """Return where to upload to; None if the registry mounted the blob from where it lies."""
    path = f"/v2/{repository.path}/blobs/uploads/"
    host, _, source = blob.origin.partition("/")
    if source and host == repository.session.host and source != repository.path:
        asked = urlencode({"mount": blob.descriptor.digest, "from": source})
        scopes = (*repository.pushing, f"repository:{source}:pull")
        try:
            response = repository.session.request("POST", f"{path}?{asked}", scopes=scopes)
        except (TargetError, PreflightError, NotFoundError):  # some registries refuse what they could just not do
            response = repository.session.request("POST", path, scopes=repository.pushing)
        if response.status_code == HTTPStatus.CREATED:
            return None
    else:
        response = repository.session.request("POST", path, scopes=repository.pushing)
    return location(response)


def _send(repository: Repository, blob: Blob, place: str, advance: Advance) -> int:
    """Send the blob, whole or what is missing of it, until the registry has all; return the bytes sent."""
    course = _Course(repository, blob, place, advance)
    failures = 0
    while True:
        before = course.offset
        try:
            course.go()
        except Temporary as exc:
            failures += 1
            if failures >= TRIES:
                raise TargetError(f"{exc} (tried {failures} times); no tag was moved: try again later") from exc
            time.sleep(exc.pause(failures))
            if repository.has(blob.descriptor.digest):  # the answer to the last request was lost
                return course.sent
            course.resume()
            failures = 0 if course.offset > before else failures
        else:
            return course.sent


class _Course:
    """One upload under way: where it goes, and how far the registry has followed."""

    def __init__(self, repository: Repository, blob: Blob, place: str, advance: Advance) -> None:
        self._repository, self._blob, self._place, self._advance = repository, blob, place, advance
        self.offset = 0
        """Bytes that the registry has."""
        self.sent = 0
        """Bytes that went out, some of them more than once."""
        self._told = 0

    def go(self) -> None:
        """Send what is missing, in one request, and close; raise Temporary if that broke."""
        size, session = self._blob.descriptor.size, self._repository.session
        if self.offset < size:
            headers = {**OCTETS, "Content-Length": str(size - self.offset)}
            if self.offset:
                headers["Content-Range"] = f"{self.offset}-{size - 1}"
            scopes = self._repository.pushing
            with session.stream("PATCH", self._place, scopes=scopes, headers=headers, content=self._rest) as response:
                self._require(response)
                self._place = location(response)
            self.offset = size
        closing = f"{self._place}{'&' if '?' in self._place else '?'}digest={quote(self._blob.descriptor.digest)}"
        with session.stream("PUT", closing, scopes=self._repository.pushing, headers=OCTETS) as response:
            self._require(response)

    def resume(self) -> None:
        """Ask the registry how much it has; begin anew where it does not know."""
        session, scopes = self._repository.session, self._repository.pushing
        self.offset = 0
        try:
            response = session.request("GET", self._place, scopes=scopes)
        except (NotFoundError, TargetError):
            response = session.request("POST", f"/v2/{self._repository.path}/blobs/uploads/", scopes=scopes)
        self._place = location(response)
        reached = re.fullmatch(r"(?:bytes=)?0-(\d+)", response.headers.get("range", ""))
        if response.status_code == HTTPStatus.NO_CONTENT and reached and int(reached[1]) > 0:
            self.offset = min(int(reached[1]) + 1, self._blob.descriptor.size)

    def _rest(self) -> Iterator[bytes]:
        """Yield what the registry has not got yet; the content is hashed from its first byte on."""
        passed = 0
        for block in self._blob.blocks():
            start = max(0, self.offset - passed)
            passed += len(block)
            if start < len(block):
                yield block[start:]
                self.sent += len(block) - start
                self._advance(max(0, passed - self._told))
                self._told = max(passed, self._told)

    def _require(self, response: "httpx.Response") -> None:
        if response.is_success:
            return
        response = whole(response)
        told = self._repository.session.words(response)
        if response.status_code == HTTPStatus.BAD_REQUEST and "DIGEST_INVALID" in told:
            raise DigestError(
                f"{self._repository.name} says that {self._blob.descriptor.digest} arrived with other bytes: {told}; "
                "run the command again"
            )
        if response.status_code in {HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, HTTPStatus.NOT_FOUND}:
            raise Temporary(f"{self._repository.name} lost its place in an upload: {told}")
        self._repository.session.require(response)


def location(response: "httpx.Response") -> str:
    """Return the whole URL of an upload; raise TargetError if the registry names none."""
    said: str = response.headers.get("location", "")
    if not said:
        raise TargetError(f"{response.request.url.host} began an upload without saying where: it is no registry")
    return address(str(response.request.url), said)
