"""The Image builder: a Bundle, wheels and a base become layers, a configuration and a manifest; no Docker needed.

Layers lie slowest-changing first: base, the bytecode of its standard library, dependencies, the serving app, the site,
a layer a database, the Manifest. So a night's new data changes the last ones only.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from baked_core.manifest import FILE_NAME, canonical
from baked_publish.artifacts import Recipe
from baked_publish.bundle import Bundle
from baked_publish.errors import ConfigError
from baked_publish.images.base import BaseImage, base_image
from baked_publish.images.bytecode import bytecode, interpreter
from baked_publish.images.cache import LayerCache
from baked_publish.images.config import BUNDLE, OCI, configuration, labels
from baked_publish.images.image import Image, Layer, PlatformImage
from baked_publish.images.layer import Draft, draft_of, key_of, key_of_entries, make_layer
from baked_publish.images.library_layer import library_draft
from baked_publish.images.lock import Lock
from baked_publish.images.options import ImageOptions
from baked_publish.images.recipe import ImageRecipe
from baked_publish.images.sbom import attach, sbom
from baked_publish.images.tarball import Entry, tarball
from baked_publish.images.templates import engine, named, templates_as_python
from baked_publish.images.wheels import Requirements, install, require_platform, requirements
from baked_publish.images.whence import default_base, wanted_base
from baked_publish.registry.content import Blob, Tree
from baked_publish.registry.descriptor import (
    DOCKER_LAYER,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX,
    LAYER,
    MANIFEST,
)
from baked_publish.report import Report

DIGEST: Final = "@sha256:"
"""Of a reference that cannot lead elsewhere, so that no lock has to hold it."""
WORKERS: Final = 4
"""Layers made side by side; each compresses on as many threads as there are cores."""


@dataclass(frozen=True, slots=True)
class Made:
    """What is known of one platform before its layers are made."""

    base: BaseImage
    requirements: Requirements

    @property
    def layer_type(self) -> str:
        """The media type of our layers: as the base's, for some registries refuse a mixture."""
        return DOCKER_LAYER if self.base.manifest_type == DOCKER_MANIFEST else LAYER


def build(bundle: Bundle, recipe: Recipe, report: Report) -> Image:
    """Build the Image of ``bundle`` for each platform of the recipe.

    Raises ConfigError for a base or package that does not fit, SourceError if a file changed since the bake,
    StorageError if the cache's disk is full.
    """
    if not isinstance(recipe, ImageRecipe):
        raise TypeError(recipe)
    if recipe.options.apt and recipe.options.builder != "docker":
        raise ConfigError(f"--apt {recipe.options.apt[0]!r} needs an engine that runs apt: add --builder docker")
    cache = LayerCache()
    lock = Lock() if recipe.options.upgrade else Lock.read(Path())
    made, lock = resolve(recipe, lock, report)
    said = labels(bundle.manifest, bundle.digest, recipe.options.label)
    tell_what_starts_compile(made, report)
    below = [built(one, recipe.options, cache, report) for one in made]
    lowest = [libraries(one, recipe.options, cache, report) for one in made]
    plans = [[*low, *drafts(bundle, one, recipe.options, report)] for low, one in zip(lowest, made, strict=True)]
    packed = pack(plans, [one.layer_type for one in made], cache, report)
    layers = [
        [*own[: len(low)], *engine, *own[len(low) :]] for low, engine, own in zip(lowest, below, packed, strict=True)
    ]
    images = tuple(assemble(one, (*one.base.layers, *own), said) for one, own in zip(made, layers, strict=True))
    tree = images[0].tree if len(images) == 1 else index(images, said)

    def documents() -> tuple[Tree, ...]:
        base, packages = made[0].base, made[0].requirements.distributions()
        document = sbom(bundle.manifest, packages, base.name, base.digest)
        return (attach(tree.manifest.descriptor, document),)

    return Image(bundle, images, tree, documents, lock)


def resolve(recipe: ImageRecipe, lock: Lock, report: Report) -> tuple[list[Made], Lock]:
    """Find the base and the packages of each platform, before anything is made."""
    options, made = recipe.options, list[Made]()
    for platform in recipe.platforms:
        require_platform(platform)
    wanted = wanted_base(options.base_image or default_base(lock.bases))
    for platform in recipe.platforms:
        base = base_image(wanted, platform, lock.bases.get(wanted.asked), report)
        lock = lock if DIGEST in wanted.asked else lock.with_base(wanted.asked, base.digest)
        sources = options.builder == "docker"
        needed, lock = requirements(options.install, platform, base.python, lock, sources=sources)
        made.append(Made(base, needed))
    return made, lock


def tell_what_starts_compile(made: Sequence[Made], report: Report) -> None:
    """Say once of each Python, and of a jinja2, that is not on this machine what that costs."""
    for python in sorted({one.base.python for one in made}):
        if interpreter(python) is None:
            report.info(
                f"no bytecode: Python {python} is not on this machine, so each start compiles for half a second; bring "
                f"it with `uv python install {python}`, or choose a base image with the Python that is here"
            )
    for wanted in sorted({named(one.requirements) for one in made if not engine(one.requirements)}):
        report.info(f"each start compiles the templates: {wanted} goes into the image, and here is another; install it")


def libraries(made: Made, options: ImageOptions, cache: LayerCache, report: Report) -> list[Draft]:
    """Return the layer directly above the base, if its standard library has no bytecode."""
    found = library_draft(made.base, cache, report, apt=bool(options.apt))
    return [] if found is None else [found]


def built(made: Made, options: ImageOptions, cache: LayerCache, report: Report) -> list[Layer]:
    """Return the layers that a Docker engine builds; none, and no engine is needed, unless that is asked for."""
    if options.builder != "docker":
        return []
    from baked_publish.builders.docker import dependency_layers  # noqa: PLC0415 - heavy

    return dependency_layers(made.base, made.requirements, options.apt, cache, report, made.layer_type)


def drafts(bundle: Bundle, made: Made, options: ImageOptions, report: Report) -> Iterator[Draft]:
    """Yield our layers, slowest-changing first; a layer without a file is none."""
    python = made.base.python
    compiler = interpreter(python) is not None
    if options.builder == "wheels":
        yield Draft(
            f"packages for Python {python} on {made.base.platform}",
            key_of("packages", made.requirements.key, compiler),
            partial(_packages, made.requirements, report),
        )
    for about, prefix in (("the serving app", "app/"), ("the site", "site/")):
        entries = [Entry.baked(BUNDLE, file) for file in bundle.files if file.path.startswith(prefix)]
        if entries:
            jinja = engine(made.requirements) if prefix == "app/" else ""
            key = key_of(prefix, key_of_entries(entries), python, compiler, ["templates", jinja])
            tar = partial(_compiled, entries, python, report, templates=bool(jinja))
            yield Draft(about, key, tar, sum(entry.size for entry in entries))
    for file in bundle.files:
        if file.path.startswith("databases/"):
            yield draft_of(f"database {Path(file.path).name.removesuffix('.db')}", [Entry.baked(BUNDLE, file)])
    yield draft_of("the Manifest", [Entry.of(f"{BUNDLE}/{FILE_NAME}", bundle.manifest.to_json())])


def pack(
    plans: Sequence[Sequence[Draft]], layer_types: Sequence[str], cache: LayerCache, report: Report
) -> list[list[Layer]]:
    """Make the layers of each platform side by side; what several share is made once."""
    making: dict[tuple[str, str], Future[Layer]] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        for plan, layer_type in zip(plans, layer_types, strict=True):
            for draft in plan:
                if (draft.key, layer_type) not in making:
                    making[draft.key, layer_type] = pool.submit(make_layer, draft, cache, report, layer_type)
    return [
        [making[draft.key, layer_type].result() for draft in plan]
        for plan, layer_type in zip(plans, layer_types, strict=True)
    ]


def assemble(made: Made, layers: tuple[Layer, ...], said: Mapping[str, str]) -> PlatformImage:
    """Return the image of one platform: configuration and manifest over ``layers``, the base's first."""
    base = made.base
    config = configuration(base.config, base.platform, layers, said, base.manifest_type)
    manifest = {
        "schemaVersion": 2,
        "mediaType": base.manifest_type,
        "config": config.descriptor.to_json(),
        "layers": [layer.blob.descriptor.to_json() for layer in layers],
    }
    if base.manifest_type == MANIFEST:  # Docker's has no room for them
        manifest["annotations"] = {**said, **origin(base)}
    return PlatformImage(base.platform, Blob.of(canonical(manifest), base.manifest_type), config, layers)


def origin(base: BaseImage) -> dict[str, str]:
    """Return the annotations that name the base."""
    named = {f"{OCI}base.name": base.name} if base.name else {}
    return {**named, f"{OCI}base.digest": base.digest}


def index(images: Sequence[PlatformImage], said: Mapping[str, str]) -> Tree:
    """Return the index of the images of several platforms."""
    docker = images[0].manifest.descriptor.media_type == DOCKER_MANIFEST
    entries = [replace(one.manifest.descriptor, platform=one.platform).to_json() for one in images]
    value: dict[str, Any] = {"schemaVersion": 2, "mediaType": DOCKER_LIST if docker else INDEX, "manifests": entries}
    if not docker:
        value["annotations"] = dict(said)
    return Tree(Blob.of(canonical(value), value["mediaType"]), (), tuple(one.tree for one in images))


@contextmanager
def _packages(wanted: Requirements, report: Report) -> Generator[Iterator[bytes], None, None]:
    report.info(f"installing packages for {wanted.platform}, Python {wanted.python}")
    with TemporaryDirectory(prefix="baked-") as workspace:
        entries = install(wanted, Path(workspace, "lib"))
        yield tarball([*entries, *bytecode(entries, wanted.python, Path(workspace, "bytecode"), report)])


@contextmanager
def _compiled(
    entries: Sequence[Entry], python: str, report: Report, *, templates: bool
) -> Generator[Iterator[bytes], None, None]:
    with TemporaryDirectory(prefix="baked-") as folder:
        workspace = Path(folder)
        sources = [*entries, *(templates_as_python(entries, workspace / "templates") if templates else ())]
        yield tarball([*entries, *bytecode(sources, python, workspace / "bytecode", report)])
