"""Storage: the Artifact Registry repository that holds a service's images, made when it is missing."""

import json
import os
from collections.abc import Collection, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from weakref import finalize

from baked_publish.errors import PublishError, TargetError
from baked_publish.registry.credentials import Credential
from baked_publish.registry.repository import Repository
from baked_publish.registry.session import Session
from baked_publish.report import Report
from baked_publish.shapes import inner
from baked_publish.vendors.google_api import Api, endpoint, found

if TYPE_CHECKING:
    from baked_publish.images.image import Image

USER: Final = "oauth2accesstoken"
"""With this user it takes a token: cloud.google.com/artifact-registry/docs/docker/authentication."""
HOST: Final = "BAKED_CLOUDRUN_REGISTRY"
"""Environment name of another registry than ``REGION-docker.pkg.dev``."""
GRACE: Final = "2592000s"
"""Thirty days, after which an image that no publish kept is removed by the registry itself."""
OURS: Final = "Images made by baked-data"
"""What a repository says that was made here."""
NEWEST, OLD = "baked-data-newest", "baked-data-old"
"""Its rules; what a KEEP names stays whatever a DELETE says: artifact-registry/docs/repositories/cleanup-policy."""
HELD: Final = "held-"
"""How the tag of an image begins that was live, or is a preview: what has none was given up."""
VERSIONS: Final = 3
"""Versions that one image counts as, with the documents about it."""
JSON = Mapping[str, Any]


class Storage:
    """The repository ``name`` of a project in a region, and in it the images of one service."""

    def __init__(self, api: Api, place: tuple[str, str, str], service: str) -> None:
        self._api = api
        self._project, self._region, self._name = place
        self._service = service
        self._base = endpoint("artifactregistry") + "/v1"
        self._parent = f"projects/{self._project}/locations/{self._region}"
        self._path = f"{self._parent}/repositories/{self._name}"

    @property
    def host(self) -> str:
        """The registry."""
        return os.environ.get(HOST) or f"{self._region}-docker.pkg.dev"

    @property
    def image(self) -> str:
        """``HOST/PROJECT/REPOSITORY/SERVICE``."""
        return f"{self.host}/{self._project}/{self._name}/{self._service}"

    @property
    def url(self) -> str:
        """Where the API speaks of the repository."""
        return f"{self._base}/{self._path}"

    def exists(self) -> bool:
        """Tell whether the repository is there."""
        return found(lambda: self._api.call("GET", self.url)) is not None

    def make(self) -> None:
        """Make the repository; the first publish of another service may make it at the same time."""
        url = f"{self._base}/{self._parent}/repositories"
        try:
            operation = self._api.call("POST", url, {"format": "DOCKER", "description": OURS}, repositoryId=self._name)
            self._api.settle(self._base, operation)
        except TargetError:
            if not self.exists():
                raise

    def keep_newest(self, keep: int) -> None:
        """See that the registry removes what is old, but for held images and the ``keep`` + 1 newest of each service.

        Only of a repository that was made here; where another service of it keeps more, that many stay.
        """
        there = self._api.call("GET", self.url)
        others = inner(there, "cleanupPolicies")
        newest = inner(inner(others, NEWEST), "mostRecentVersions").get("keepCount")
        wanted = (keep + 1) * VERSIONS
        if there.get("description") != OURS or (isinstance(newest, int) and newest >= wanted):
            return
        rules = {
            **others,
            NEWEST: {"id": NEWEST, "action": "KEEP", "mostRecentVersions": {"keepCount": wanted}},
            OLD: {"id": OLD, "action": "DELETE", "condition": {"olderThan": GRACE, "tagState": "UNTAGGED"}},
        }
        self._api.call("PATCH", self.url, {"cleanupPolicies": rules}, updateMask="cleanupPolicies")

    @cached_property
    def repository(self) -> Repository:
        """The images of the service, as any registry's."""
        login = self._api.login
        session = Session(self.host, credential=lambda: Credential(USER, login.token(), source=login.source))
        finalize(self, session.__exit__)
        return Repository(session, self.image.partition("/")[2])

    def push(self, image: "Image", report: Report) -> str:
        """Bring an image here by its digest, and what is told about it; return the whole reference."""
        from baked_publish.registry.push import attach, push  # noqa: PLC0415 - only a publish needs it

        push(self.repository, image.tree, report)
        try:
            for document in image.attached:
                attach(self.repository, document, image.tree.manifest.descriptor, report)
        except PublishError as exc:
            report.warning(f"a document about the image was not attached: {exc}")
        return f"{self.image}@sha256:{image.digest}"

    def hold(self, digest: str, report: Report) -> None:
        """Give an image a tag, with which no clean-up rule takes it, however many were pushed since."""
        try:
            there, data = self.repository.manifest(digest)
            self.repository.writing.put(HELD + digest.rpartition(":")[2][:12], data, there.media_type, settle=False)
        except PublishError as exc:
            report.detail(f"the image has no tag, and may be cleaned up when it is old: {exc}")

    def remove(self, digests: Collection[str]) -> None:
        """Remove images of the service by digest, with what is told about them; what is gone already is no failure."""
        for digest in [named for each in digests for named in (*self._documents(each), each)]:
            url = f"{self._base}/{self._package}/versions/{digest}"
            found(partial(self._api.call, "DELETE", url, force="true"))

    def _documents(self, image: str) -> list[str]:
        """Return the digests of the documents about an image, and of the list that names them.

        After the distribution specification, "Referrers Tag Schema"; each is stored as one more version.
        """
        try:
            listed, data = self.repository.manifest(image.replace(":", "-"))
            return [*(str(each["digest"]) for each in json.loads(data).get("manifests", ())), listed.digest]
        except (PublishError, ValueError, KeyError):
            return []

    def clear(self) -> None:
        """Remove every image of the service."""
        found(lambda: self._api.call("DELETE", f"{self._base}/{self._package}"))

    @property
    def _package(self) -> str:
        return f"{self._path}/packages/{quote(self._service, safe='')}"
