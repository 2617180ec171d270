"""Ingredients: what a person hands to a bake beside the files, as flags, and the way from there to a Bundle."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from baked_publish.bake import BakeOptions, bake
from baked_publish.bundle import Bundle
from baked_publish.config import Config, load
from baked_publish.errors import ConfigError
from baked_publish.options import option
from baked_publish.report import Report
from baked_publish.site import Site, collect
from baked_publish.sources import Inputs, Source, gather


@dataclass(frozen=True, slots=True)
class Ingredients:
    """Metadata, settings and the site around the databases."""

    metadata: Path | None = option(None, "YAML or JSON with titles, licences, units...", flag="-m --metadata")
    config: Path | None = option(None, "Datasette's datasette.yaml, stronger than --metadata.", flag="-c --config")
    setting: tuple[tuple[str, str], ...] = option((), "NAME VALUE of the serving app.", flag="-s --setting")
    template_dir: Path | None = option(None, "Folder of your own templates.")
    plugins_dir: Path | None = option(None, "Folder of plugins for the serving app.")
    static: tuple[str, ...] = option((), "MOUNT:DIR, a folder served below /MOUNT/.")
    secrets: tuple[tuple[str, str, Mapping[str, Any]], ...] = ()
    """Plugin, key and what metadata holds in place of each secret."""
    inline: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Metadata and settings that stand in ``publish.yaml``, stronger than files."""
    own: Mapping[Path, Mapping[str, Any]] = field(default_factory=dict[Path, Mapping[str, Any]])
    """What the project says of single files, or folders of them, and their bake; by absolute paths."""

    def read(self, files: Sequence[Path], workspace: Path, report: Report) -> tuple[Inputs, Site, Config]:
        """Gather sources, site and configuration; CSV and JSON become SQLite in ``workspace``."""
        inputs = gather(files, workspace, report)
        inputs = replace(inputs, sources=tuple(replace(each, own=self._own(each)) for each in inputs.sources))
        config = load(
            [each for each in (self.config, self.metadata) if each] or inputs.metadata, self.setting, self.inline
        )
        config = config.with_plugins(self.secrets)
        site = collect(
            template_dir=self.template_dir or inputs.template_dir,
            plugins_dir=self.plugins_dir or inputs.plugins_dir,
            static=[*inputs.static, *map(mount, self.static)],
            databases=[source.name for source in inputs.sources],
        )
        return inputs, site, config

    def _own(self, source: Source) -> Mapping[str, Any]:
        folder = source.origin.parent.resolve()
        return self.own.get(folder / source.origin.name) or self.own.get(folder) or {}

    def paths(self) -> tuple[Path, ...]:
        """Return the files and folders named by flags."""
        static = [mount(each)[1] for each in self.static]
        return tuple(
            each for each in (self.config, self.metadata, self.template_dir, self.plugins_dir, *static) if each
        )


def mount(text: str) -> tuple[str, Path]:
    """Read ``MOUNT:DIR``; raise ConfigError when it has another shape."""
    name, colon, folder = text.partition(":")
    if not (name and colon and folder):
        raise ConfigError(f"--static {text!r} is not MOUNT:DIR: write for example --static photos:pictures/")
    return name, Path(folder)


@contextmanager
def baking(
    files: Sequence[Path], ingredients: Ingredients, options: BakeOptions, report: Report
) -> Generator[Bundle, None, None]:
    """Freeze ``files`` with all that belongs to them; the Bundle's bytes stay as long as the context."""
    report.step("bake", ", ".join(file.name for file in files))
    with TemporaryDirectory(prefix="baked-") as workspace:
        inputs, site, config = ingredients.read(files, Path(workspace), report)
        with bake(inputs.sources, site, config, options, report) as bundle:
            yield bundle
