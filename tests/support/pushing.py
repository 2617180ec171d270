"""A repository of its own in a real registry, and a machine to publish to it from; for tests of the target."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from line import LIMIT, make_database
from registry import Registry

from baked_publish import pipeline
from baked_publish.bake import BakeOptions
from baked_publish.deployment import Deployment
from baked_publish.ingredients import Ingredients, baking
from baked_publish.ledger.ledger import Ledger
from baked_publish.pipeline import Outcome
from baked_publish.registry.descriptor import INDEX
from baked_publish.report import Silent
from baked_publish.targets.registry import RegistryOptions, RegistryPublisher
from baked_publish.wish import Wish

FOREIGN: Final = b'{"schemaVersion":2,"mediaType":"%b","manifests":[]}' % INDEX.encode()
"""An index that no tool of ours wrote."""
FORCED: Final = Wish(force=True)


@dataclass(frozen=True)
class Repo:
    """A repository of its own in a real registry, and a machine to publish from."""

    registry: Registry
    path: str
    folder: Path
    options: RegistryOptions
    http: httpx.Client

    def name(self, tag: str = "live") -> str:
        """Return what a person calls a tag."""
        return f"{self.registry.host}/{self.path}:{tag}"

    def publisher(self, tag: str = "live") -> RegistryPublisher:
        """Return a Publisher to a tag."""
        return RegistryPublisher(self.options, self.name(tag), self.http, Silent())

    def baking(self, version: int, **how: Any) -> pipeline.Baking:
        """Return a bake of a database of that version."""
        database = make_database(self.folder / "data.db", version, **how)
        return lambda: baking((database,), Ingredients(), BakeOptions(), Silent())

    def publish(self, version: int, wish: Wish = Wish(), tag: str = "live", **how: Any) -> Outcome:  # noqa: B008 - frozen
        """Run the line."""
        return pipeline.publish(self.publisher(tag), self.baking(version, **how), wish, Silent())

    def deployed(self, version: int, wish: Wish = Wish(), tag: str = "live", **how: Any) -> Deployment:  # noqa: B008
        """Run the line to a Deployment."""
        at = self.publish(version, wish, tag, **how).at
        assert isinstance(at, Deployment)
        return at

    def tags(self) -> list[str]:
        """List the tags there are."""
        return sorted(self.registry.json(f"{self.path}/tags/list")["tags"] or ())

    def manifest(self, reference: str) -> Any:
        """Return a manifest by tag or digest."""
        return self.registry.json(f"{self.path}/manifests/{reference}")

    def ledger(self, tag: str = "live") -> Ledger:
        """Read a tag's ledger."""
        return Ledger.from_json(json.dumps(self.manifest(f"{tag}.baked")).encode(), "here")

    def write_ledger(self, ledger: Ledger, tag: str = "live") -> None:
        """Write a tag's ledger, as another machine would."""
        self.registry.put(f"{self.path}/manifests/{tag}.baked", ledger.to_json(), INDEX)

    def digest(self, tag: str = "live") -> str | None:
        """Return the digest of what is live, None if nothing is."""
        live = self.publisher(tag).live()
        return "sha256:" + live.artifact_digest if live else None

    def live(self, tag: str = "live") -> Deployment:
        """Return what is live, which something must be."""
        live = self.publisher(tag).live()
        assert live is not None
        return live


@pytest.fixture
def repo(registry: Registry, base_layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repo]:
    """Give a repository that no other test uses, published to from this test's folder."""
    monkeypatch.setenv("BAKED_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    with httpx.Client(timeout=LIMIT) as http:
        options = RegistryOptions(base_image=f"oci:{base_layout}:3.11")
        yield Repo(registry, f"tests/{uuid4().hex}", tmp_path, options, http)
