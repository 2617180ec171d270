"""The store: the images of an app, in Fly's registry, under the login of the API."""

import os
from collections.abc import Collection
from typing import Any, Final, cast

import orjson

from baked_publish.errors import NotFoundError, PublishError, TargetError
from baked_publish.images.image import Image
from baked_publish.ledger.removal import remove
from baked_publish.registry.content import Blob, Tree
from baked_publish.registry.credentials import Credential
from baked_publish.registry.descriptor import Descriptor
from baked_publish.registry.push import push
from baked_publish.registry.repository import Repository
from baked_publish.registry.session import Session
from baked_publish.report import Report
from baked_publish.vendors.fly import REGISTRY
from baked_publish.vendors.fly_login import Login

USER: Final = "x"
"""Who logs in; the token tells the rest."""
LARGEST: Final = 8_000_000_000
"""Bytes of an image, unpacked (https://fly.io/docs/getting-started/troubleshooting/)."""


def host() -> str:
    """Return the registry's host."""
    return os.environ.get("FLY_REGISTRY_HOST") or REGISTRY


class Store:
    """The repository of one app; a context, which closes its connections."""

    def __init__(self, app: str, login: Login, report: Report) -> None:
        who = Credential(username=USER, secret=login.token, source=login.source)
        self.session = Session(host(), repository=app, credential=lambda: who)
        self.repository = Repository(self.session, app)
        self._report = report

    def push(self, image: Image, revision: str) -> str:
        """Bring an image into the repository, and return its digest; a tag keeps it from being cleared away."""
        push(self.repository, image.tree, self._report)
        manifest = image.tree.manifest
        self._tag(revision, manifest)
        return manifest.descriptor.digest

    def copy(self, digest: str, source: "Store", revision: str) -> None:
        """Bring an image over from another app's repository."""
        push(self.repository, source.tree(digest), self._report)
        self._tag(revision, Blob.of(source.repository.manifest(digest)[1], source.kind(digest)))

    def kind(self, digest: str) -> str:
        """Return the media type of a manifest."""
        return self.repository.manifest(digest)[0].media_type

    def tree(self, digest: str) -> Tree:
        """Return an image of the repository, to be read from there."""
        descriptor, data = self.repository.manifest(digest)
        raw = cast("dict[str, Any]", orjson.loads(data))
        named = [Descriptor.from_json(each) for each in (raw["config"], *raw["layers"])]
        return Tree(Blob.of(data, descriptor.media_type), tuple(self.repository.blob(each) for each in named))

    def holds(self, digest: str) -> bool:
        """Tell whether an image is there."""
        return self.repository.writing.find(digest) is not None

    def drop(self, digests: set[str], revisions: Collection[str]) -> None:
        """Remove images with the tags of their revisions, if the registry removes anything: they are forgotten."""
        try:
            remove(self.repository.writing, digests, [_tag_of(each) for each in revisions])
        except PublishError as exc:
            self._report.detail(f"{len(digests)} images that nobody needs stay in {self.repository.name}: {exc}")

    def _tag(self, revision: str, manifest: Blob) -> None:
        """Name an image; machines are made by its digest, so that a failure is a detail."""
        try:
            kind = manifest.descriptor.media_type
            self.repository.writing.put(_tag_of(revision), manifest.read(), kind, settle=False)
        except (NotFoundError, TargetError) as exc:
            self._report.detail(f"the image has no tag: {exc}")


def _tag_of(revision: str) -> str:
    return f"baked-{revision}"


def require_size(image: Image) -> None:
    """Raise TargetError for an image that Fly would not unpack; what it weighs at least is known."""
    least, data = unpacked(image), image.bundle.size
    if least > LARGEST:
        raise TargetError(
            f"the image would weigh {least:,} bytes unpacked, {data:,} of them databases and app, and Fly takes "
            f"{LARGEST:,} at most: publish fewer or smaller databases, or to another target"
        )


def unpacked(image: Image) -> int:
    """Return the bytes that an image has at least, unpacked: what was baked, and base and packages as compressed."""
    layers = image.platforms[0].layers
    others = [each for each in layers if each.base or each.about.startswith("packages")]
    return image.bundle.size + sum(each.blob.descriptor.size for each in others)
