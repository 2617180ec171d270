"""Trees of manifests to push, which hold noise, and who pushes them."""

import base64
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from baked_publish.registry.content import Blob, Tree
from baked_publish.registry.descriptor import CONFIG, INDEX, LAYER, MANIFEST, Descriptor, Platform
from baked_publish.registry.repository import Repository
from baked_publish.registry.session import Session
from baked_publish.report import Advance

MEGABYTE = 1 << 20


def noise(size: int, seed: int) -> bytes:
    """Return bytes that no two seeds share."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - not for secrets


def image(seed: int, *sizes: int, architecture: str = "amd64") -> Tree:
    """Make a manifest with a configuration and layers of noise, of so many bytes each."""
    layers = [Blob.of(noise(size, 1000 * seed + number), LAYER) for number, size in enumerate(sizes)]
    told = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Labels": {"seed": str(seed)}},
        "rootfs": {"type": "layers", "diff_ids": [each.descriptor.digest for each in layers]},
    }
    config = Blob.of(json.dumps(told).encode(), CONFIG)
    value = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor.to_json(),
        "layers": [each.descriptor.to_json() for each in layers],
    }
    return Tree(Blob.of(json.dumps(value).encode(), MANIFEST), (config, *layers))


def index(*trees: Tree) -> Tree:
    """Make an index of the images of two platforms."""
    entries = [
        Descriptor(MANIFEST, tree.manifest.descriptor.digest, tree.manifest.descriptor.size, Platform("linux", name))
        for name, tree in zip(("amd64", "arm64"), trees, strict=True)
    ]
    value = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [each.to_json() for each in entries]}
    return Tree(Blob.of(json.dumps(value).encode(), INDEX), (), trees)


@contextmanager
def repository(host: str, path: str) -> Iterator[Repository]:
    """Open a repository by a session of its own."""
    with Session(host, repository=path) as session:
        yield Repository(session, path)


USER, PASSWORD = "publisher", "correct horse"
HTPASSWD = f"{USER}:$2b$04$xQuTMBJga42DRENRLkzGZemueN2kQ7HnE8BQsKa9m2/yggG63BAXu\n"
"""What `htpasswd -B` writes for them; a registry takes bcrypt only."""


def log_in(folder: Path, host: str, username: str, password: str) -> None:
    """Write the file that `docker login` writes."""
    auth = base64.b64encode(f"{username}:{password}".encode()).decode()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))


class Told:
    """A Report that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.done: dict[str, int] = {}
        self.totals: dict[str, int] = {}

    def step(self, name: str, detail: str = "") -> None:
        """Remember a step."""
        self.said.append(f"{name} {detail}")

    def info(self, message: str) -> None:
        """Remember a message."""
        self.said.append(message)

    detail = warning = info

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Advance]:
        """Count."""
        self.totals[what], self.done[what] = total, 0

        def advance(count: int) -> None:
            self.done[what] += count

        yield advance
