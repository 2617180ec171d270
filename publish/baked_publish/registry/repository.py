"""A repository of a registry: its manifests and blobs, after the OCI distribution specification."""

import json
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from http import HTTPStatus
from io import RawIOBase
from typing import TYPE_CHECKING, BinaryIO, Final, cast
from urllib.parse import urlsplit

from baked_publish.errors import DigestError, NotFoundError, TargetError
from baked_publish.registry.answers import address, field
from baked_publish.registry.content import BLOCK, Blob
from baked_publish.registry.descriptor import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX,
    MANIFEST,
    Descriptor,
    digest_of,
)
from baked_publish.registry.patience import Temporary
from baked_publish.registry.reference import DIGEST
from baked_publish.registry.session import Session

if TYPE_CHECKING:
    import httpx

ACCEPT: Final = f"{INDEX}, {MANIFEST}, {DOCKER_LIST}, {DOCKER_MANIFEST}"
SETTLING: Final = 300.0
"""Seconds that a manifest may be unknown after it was accepted."""
CONTESTED: Final = 15.0
"""Seconds that a tag may name something else after it was moved; longer, and somebody else has moved it."""
BREAKS: Final = 4
"""Tries to go on reading a blob, if none of them brings anything."""
MISSING: Final = frozenset({int(HTTPStatus.NOT_FOUND)})


class Repository:
    """One repository, by an open session."""

    def __init__(self, session: Session, path: str, *, writes: bool = False) -> None:
        self.session = session
        self.path = path
        self._writes = writes

    @property
    def writing(self) -> "Repository":
        """The same repository for one who may write: to him many registries say of what is not there that it is not.

        Others are told that they have no rights.
        """
        return Repository(self.session, self.path, writes=True)

    @property
    def name(self) -> str:
        """``HOST/REPOSITORY``."""
        return f"{self.session.host}/{self.path}"

    @property
    def origin(self) -> str:
        """The same: what a blob of here may be mounted from."""
        return self.name

    @property
    def pulling(self) -> tuple[str, ...]:
        """The scope that reading needs."""
        return self.pushing if self._writes else (f"repository:{self.path}:pull",)

    @property
    def pushing(self) -> tuple[str, ...]:
        """The scope that writing needs."""
        return (f"repository:{self.path}:pull,push",)

    # Manifests

    def find(self, reference: str) -> Descriptor | None:
        """Return what a tag or digest names, None if nothing does; no content is read."""
        response = self._manifest("HEAD", reference, accept=MISSING)
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        digest = response.headers.get("docker-content-digest", "") or (reference if DIGEST.fullmatch(reference) else "")
        size, kind = response.headers.get("content-length", ""), response.headers.get("content-type", "")
        if not DIGEST.fullmatch(digest) or not size.isdecimal():
            return self.manifest(reference)[0]
        if DIGEST.fullmatch(reference) and digest != reference:
            raise self._lied(reference, reference, digest)
        return Descriptor(kind.partition(";")[0], digest, int(size))

    def manifest(self, reference: str) -> tuple[Descriptor, bytes]:
        """Return a manifest or index, checked by digest; raise NotFoundError if there is none."""
        try:
            response = self._manifest("GET", reference)
        except NotFoundError as exc:
            raise NotFoundError(f"there is no image {self._called(reference)}: check its name") from exc
        data, kind = response.content, response.headers.get("content-type", "").partition(";")[0]
        descriptor = Descriptor.of(data, _media_type(data) or kind)
        said = reference if DIGEST.fullmatch(reference) else response.headers.get("docker-content-digest")
        if said and said != descriptor.digest:
            raise self._lied(reference, said, descriptor.digest)
        return descriptor, data

    def put(self, reference: str, data: bytes, media_type: str, *, settle: bool = True) -> str:
        """Store a manifest under a tag or its digest, and return its digest.

        Waits until it is found there, unless somebody else may put another one there at the same time.
        """
        digest = digest_of(data)
        response = self.session.request(
            "PUT",
            f"/v2/{self.path}/manifests/{reference}",
            scopes=self.pushing,
            headers={"Content-Type": media_type},
            content=data,
        )
        said = response.headers.get("docker-content-digest", digest)
        if said != digest:
            raise DigestError(f"{self.name} stored {digest} as {said}: do not trust it")
        if settle:
            self.settle(reference, digest)
        return digest

    def settle(self, reference: str, digest: str) -> None:
        """Wait until the registry knows what it has accepted, for minutes; raise TargetError if it never does."""
        began, pause = time.monotonic(), 0.1
        while True:
            found = self.find(reference)
            if found is not None and found.digest == digest:
                return
            waited = time.monotonic() - began
            if waited > (CONTESTED if found else SETTLING):
                told = f"{found.digest}: somebody else has moved it" if found else "nothing: try again later"
                raise TargetError(
                    f"{self.name} accepted {digest} as {reference!r}, but {waited:.0f} seconds later it names {told}"
                )
            time.sleep(pause)
            pause = min(pause * 2, 5.0)

    def delete(self, reference: str) -> None:
        """Remove a manifest; raise NotFoundError if it is gone, TargetError if the registry removes nothing."""
        self.session.request("DELETE", f"/v2/{self.path}/manifests/{reference}", scopes=self._all)

    def tags(self, most: int) -> list[str]:
        """List at most ``most`` tags; none if the repository does not exist."""
        found: list[str] = []
        path = f"/v2/{self.path}/tags/list?n={most}"
        while path and len(found) < most:
            response = self.session.request("GET", path, scopes=self.pulling, accept=MISSING)
            if response.status_code == HTTPStatus.NOT_FOUND:
                break
            found += field(response, "tags") or []
            following = response.links.get("next", {}).get("url", "")
            there = urlsplit(address(f"http://{self.session.host}/v2/", following)).netloc
            path = following if there == self.session.host else ""
        return sorted(found)[:most]

    # Blobs

    def has(self, digest: str) -> bool:
        """Tell whether a blob lies here."""
        path = f"/v2/{self.path}/blobs/{digest}"
        response = self.session.request("HEAD", path, scopes=self.pulling, accept=MISSING)
        return response.status_code != HTTPStatus.NOT_FOUND

    @contextmanager
    def open(self, descriptor: Descriptor) -> Generator[BinaryIO, None, None]:
        """Open a blob for reading as a stream, not yet checked; a connection that breaks is taken up where it broke."""
        with closing(self._blocks(descriptor)) as blocks:
            yield cast("BinaryIO", Stream(blocks))

    def blob(self, descriptor: Descriptor) -> Blob:
        """Return a blob that is read from here, and may be mounted elsewhere on the same registry."""
        return Blob(descriptor, partial(self.open, descriptor), self.origin)

    def _blocks(self, descriptor: Descriptor) -> Generator[bytes, None, None]:
        done, failures = 0, 0
        while done < descriptor.size:
            before = done
            try:
                for block in self._range(descriptor, done):
                    done += len(block)
                    yield block
            except Temporary as exc:
                failures = 0 if done > before else failures + 1
                if failures >= BREAKS:
                    raise TargetError(f"{exc} (tried {failures} times); try again later") from exc
                time.sleep(exc.pause(failures))
            else:
                if done < descriptor.size and done == before:
                    return  # shorter than it should be: whoever hashes it says so

    def _range(self, descriptor: Descriptor, start: int) -> Iterator[bytes]:
        headers = {"Range": f"bytes={start}-"} if start else {}
        path = f"/v2/{self.path}/blobs/{descriptor.digest}"
        with self.session.stream("GET", path, scopes=self.pulling, headers=headers) as response:
            self.session.require(response)
            skip = 0 if response.status_code == HTTPStatus.PARTIAL_CONTENT else start
            for block in response.iter_raw(BLOCK):
                if skip >= len(block):
                    skip -= len(block)
                    continue
                yield block[skip:]
                skip = 0

    @property
    def _all(self) -> tuple[str, ...]:
        return (f"repository:{self.path}:pull,push,delete",)

    def _manifest(self, method: str, reference: str, accept: frozenset[int] = frozenset()) -> "httpx.Response":
        path, headers = f"/v2/{self.path}/manifests/{reference}", {"Accept": ACCEPT}
        return self.session.request(method, path, scopes=self.pulling, headers=headers, accept=accept)

    def _lied(self, reference: str, said: str, sent: str) -> DigestError:
        return DigestError(
            f"{self._called(reference)} should be {said}, but the registry has {sent}: it is damaged; publish it again"
        )

    def _called(self, reference: str) -> str:
        return f"{self.name}{'@' if DIGEST.fullmatch(reference) else ':'}{reference}"


def _media_type(data: bytes) -> str:
    """Return what a manifest says of itself, empty if it says nothing or is none."""
    try:
        said = json.loads(data).get("mediaType")
    except (ValueError, AttributeError):
        return ""
    return said if isinstance(said, str) else ""


class Stream(RawIOBase):
    """Blocks as a file that is read once."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._rest = blocks, b""

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, all of the rest if it is negative, nothing at the end."""
        if size < 0:
            rest, self._rest = self._rest, b""
            return b"".join((rest, *self._blocks))
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return b""
            self._rest = block
        found, self._rest = self._rest[:size], self._rest[size:]
        return found
