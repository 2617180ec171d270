"""Pushing a tree of manifests: blobs first, a few side by side, then manifests by digest; tags are the caller's."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast

import orjson

from baked_publish.errors import NotFoundError, PreflightError, TargetError
from baked_publish.registry.content import Blob, Tree
from baked_publish.registry.descriptor import INDEX, Descriptor
from baked_publish.registry.repository import Repository
from baked_publish.registry.upload import How, upload
from baked_publish.report import Advance, Report

JOBS: Final = 4
"""Uploads side by side."""


@dataclass
class Sent:
    """What a push came to."""

    blobs: Counter[How] = field(default_factory=Counter[How])
    """Blobs by how they came to be there."""
    bytes: int = 0
    """Of blobs and manifests that were sent, those that broke off included."""
    digests: list[str] = field(default_factory=list[str])
    """Of the blobs that were sent."""
    unchanged: bool = False
    """Whether the registry held the whole tree."""


def push(repository: Repository, tree: Tree, report: Report) -> Sent:
    """Bring ``tree`` into a repository by digest; no tag is moved.

    Raises PreflightError for what a login would mend, TargetError if the registry fails for good, DigestError if a
    blob is not what its descriptor says. What was sent stays, so that the next try sends only the rest.
    """
    repository, sent = repository.writing, Sent()
    if repository.find(tree.manifest.descriptor.digest) is not None:
        sent.unchanged = True
        report.detail(f"{repository.name} holds {tree.manifest.descriptor.digest} already")
        return sent
    _push_blobs(repository, list(tree.all_blobs()), sent, report)
    for each in tree.walk():
        if repository.find(each.manifest.descriptor.digest) is None:
            data, kind = each.manifest.read(), each.manifest.descriptor.media_type
            repository.put(each.manifest.descriptor.digest, data, kind)
            sent.bytes += len(data)
    report.info(_told(sent))
    return sent


def _push_blobs(repository: Repository, blobs: list[Blob], sent: Sent, report: Report) -> None:
    guard, stop = threading.Lock(), threading.Event()

    def one(blob: Blob) -> None:
        digest = blob.descriptor.digest
        with report.progress(f"uploading {digest[7:19]}", blob.descriptor.size) as advance:
            how, size = upload(repository, blob, partial(_advance, advance, stop))
        report.detail(f"{digest}: {how.value}")
        with guard:
            sent.blobs[how] += 1
            sent.bytes += size
            if how is How.SENT:
                sent.digests.append(digest)

    with ThreadPoolExecutor(JOBS) as pool:
        under_way = [pool.submit(one, blob) for blob in blobs]
        try:
            for done in as_completed(under_way):
                done.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _advance(advance: Advance, stop: threading.Event, size: int) -> None:
    """Tell of progress, and end this upload if another one has failed."""
    if stop.is_set():
        raise TargetError("another upload failed")
    advance(size)


def _told(sent: Sent) -> str:
    parts = [f"{sent.blobs[how]} {how.value}" for how in (How.SENT, How.MOUNTED, How.THERE) if sent.blobs[how]]
    return f"{sent.bytes:,} bytes uploaded; blobs: {', '.join(parts) or 'none'}"


def attach(repository: Repository, document: Tree, subject: Descriptor, report: Report) -> None:
    """Push a document about ``subject``, and list it where a registry without a referrers API is looked at for it.

    After the distribution specification, "Referrers Tag Schema".
    """
    repository = repository.writing
    push(repository, document, report)
    path = f"/v2/{repository.path}/referrers/{subject.digest}"
    try:
        repository.session.request("GET", path, scopes=repository.pulling)
    except (NotFoundError, PreflightError, TargetError):
        _list(repository, document, subject)


def _list(repository: Repository, document: Tree, subject: Descriptor) -> None:
    tag = subject.digest.replace(":", "-")
    try:
        entries = cast("list[dict[str, Any]]", orjson.loads(repository.manifest(tag)[1])["manifests"])
    except NotFoundError:
        entries = []
    entry = document.manifest.descriptor.to_json()
    if any(each["digest"] == entry["digest"] for each in entries):
        return
    value = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*entries, entry]}
    repository.put(tag, orjson.dumps(value, option=orjson.OPT_SORT_KEYS), INDEX)
