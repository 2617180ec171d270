"""A workshop: a folder to publish from, one target with its options and a network, and all that it was told."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx
import killed
from line import LIMIT, make_database

from baked_publish import pipeline
from baked_publish.bake import BakeOptions
from baked_publish.deployment import Deployment
from baked_publish.ingredients import Ingredients, baking
from baked_publish.pipeline import Outcome
from baked_publish.publisher import BasePublisher
from baked_publish.report import Silent
from baked_publish.wish import Wish

Target = TypeVar("Target", bound=BasePublisher)


@dataclass
class Told(Silent):
    """A Report that remembers what it was told."""

    lines: list[str] = field(default_factory=list)

    def info(self, message: str) -> None:
        self.lines.append(message)

    def detail(self, message: str) -> None:
        self.lines.append(message)

    def warning(self, message: str) -> None:
        self.lines.append(f"warning: {message}")


@dataclass(frozen=True, kw_only=True)
class Workshop(Generic[Target]):
    """Publishes ``data`` to one target, from this process or from one that is killed."""

    target: type[Target]
    options: Mapping[str, Any]
    folder: Path
    http: httpx.Client
    told: Told = field(default_factory=Told)

    def publisher(self, name: str = "data", **options: Any) -> Target:
        given = self.target.options(**{**self.options, **options})
        return self.target(given, name, self.http, self.told)

    def publish(self, version: int, wish: Wish = Wish(), *, plugin: str = "", **options: Any) -> Outcome:  # noqa: B008
        files = [make_database(self.folder / "data.db", version)]
        ingredients = Ingredients(plugins_dir=self.plugin(plugin)) if plugin else Ingredients()
        bake = lambda: baking(files, ingredients, BakeOptions(), self.told)  # noqa: E731
        return pipeline.publish(self.publisher(**options), bake, wish, self.told)

    def plugin(self, code: str) -> Path:
        folder = self.folder / "plugins"
        folder.mkdir(exist_ok=True)
        (folder / "ours.py").write_text(code)
        return folder

    def live(self) -> Deployment:
        live = self.publisher().live()
        assert live is not None
        return live

    def version(self, url: str = "") -> int:
        answer = httpx.get(f"{url or self.live().url}/data/state.json", timeout=LIMIT).raise_for_status().json()
        version: int = answer["rows"][0]["version"]
        return version

    def killed(self, version: int, step: str, when: str, **options: Any) -> None:
        """Publish in a child that dies at one step."""
        target = f"{self.target.__module__}:{self.target.__name__}"
        given = json.dumps({**self.options, **options})
        database = str(make_database(self.folder / "data.db", version))
        words = [sys.executable, killed.__file__, target, "data", database, step, when, given]
        done = subprocess.run(words, cwd=self.folder, capture_output=True, timeout=3 * LIMIT, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
