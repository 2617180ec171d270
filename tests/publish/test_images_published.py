"""Reading what a published image holds, without its data; and telling what is no image of ours."""

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from line import make_database

from baked_core.manifest import canonical
from baked_publish import pipeline
from baked_publish.bake import BakeOptions
from baked_publish.errors import NotFoundError, PublishError, TargetError, VerifyError
from baked_publish.images.image import Image
from baked_publish.images.options import ImageOptions
from baked_publish.images.published import Published, read
from baked_publish.images.recipe import ImageRecipe
from baked_publish.images.store import Layout
from baked_publish.ingredients import Ingredients, baking
from baked_publish.registry.content import Tree
from baked_publish.registry.descriptor import INDEX, MANIFEST, Descriptor, Platform, digest_of
from baked_publish.report import Silent

AMD, ARM = Platform("linux", "amd64"), Platform("linux", "arm64")


class Store:
    """An image in memory, which remembers what was read of it."""

    origin = ""

    def __init__(self, tree: Tree) -> None:
        self.content = {each.manifest.descriptor.digest: each.manifest.read() for each in tree.walk()}
        self.types = {each.manifest.descriptor.digest: each.manifest.descriptor.media_type for each in tree.walk()}
        self.content |= {each.descriptor.digest: each.read() for each in tree.all_blobs()}
        self.top = tree.manifest.descriptor.digest
        self.opened: list[str] = []

    def manifest(self, reference: str) -> tuple[Descriptor, bytes]:
        digest = reference if reference.startswith("sha256:") else self.top
        if digest not in self.content:
            raise NotFoundError(digest)
        return Descriptor.of(self.content[digest], self.types[digest]), self.content[digest]

    def open(self, descriptor: Descriptor) -> BinaryIO:
        self.opened.append(descriptor.digest)
        return BytesIO(self.content[descriptor.digest])

    def replace(self, raw: Any, media_type: str) -> None:
        """Let the tag name another manifest."""
        data = raw if isinstance(raw, bytes) else canonical(raw)
        self.top = digest_of(data)
        self.content[self.top], self.types[self.top] = data, media_type

    def add(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Store JSON as a blob and return its descriptor."""
        data = canonical(raw)
        self.content[digest_of(data)] = data
        return Descriptor.of(data, "application/vnd.oci.image.config.v1+json").to_json()


@pytest.fixture
def image(request: pytest.FixtureRequest, base_layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Image:
    """Build an image; for both platforms if the test asks for that."""
    monkeypatch.chdir(tmp_path)
    platforms = getattr(request, "param", (AMD,))
    recipe = ImageRecipe(platforms=platforms, options=ImageOptions(base_image=f"oci:{base_layout}:3.11"))
    with baking((make_database(tmp_path / "data.db", 1),), Ingredients(), BakeOptions(), Silent()) as bundle:
        made = pipeline.build(recipe, bundle, Silent())
        assert isinstance(made, Image)
        return made


def published(store: Store) -> Published:
    return read("host/data:live", store, "live")


@pytest.mark.parametrize("image", [(AMD,), (AMD, ARM)], indirect=True)
def test_an_image_tells_what_it_holds_without_its_data(image: Image) -> None:
    store = Store(image.tree)
    found = published(store)
    assert found.manifest == image.bundle.manifest
    assert (found.digest, found.descriptor) == (f"sha256:{image.digest}", image.tree.manifest.descriptor)
    assert [each.platform for each in found.platforms] == [each.platform for each in image.platforms]
    assert [each.digest for each in found.platforms] == [each.manifest.descriptor.digest for each in image.platforms]
    small = {each.config.descriptor.digest for each in image.platforms}
    assert set(store.opened) == small | {image.platforms[0].layers[-1].blob.descriptor.digest}


@pytest.mark.parametrize("image", [(AMD, ARM)], indirect=True)
def test_its_files_are_those_that_were_baked(image: Image) -> None:
    held = {path: len(b"".join(blocks)) for path, blocks in published(Store(image.tree)).files()}
    files = {each.path: each.size for each in image.bundle.files}
    assert {path: held[path] for path in files} == files
    assert held.keys() - files.keys() <= {"manifest.json", *(path for path in held if path.endswith(".pyc"))}


@pytest.mark.parametrize("tag", ["3.11", "one", "docker", "mute"])
def test_another_image_is_none_of_ours(base_layout: Path, tag: str) -> None:
    with pytest.raises(TargetError, match=r"host/base was not published by baked-data: .* Name an image that was"):
        read("host/base", Layout(base_layout), tag)


def test_a_document_about_an_image_is_none(image: Image) -> None:
    with pytest.raises(TargetError, match="was not published by baked-data"):
        published(Store(image.attached[0]))


@pytest.mark.parametrize(
    ("raw", "media_type"),
    [
        (b"no JSON", MANIFEST),
        (b"[]", MANIFEST),
        ({}, MANIFEST),
        ({}, INDEX),
        ({"manifests": []}, INDEX),
        ({"manifests": [{"digest": "x"}]}, INDEX),
        ({}, "text/plain"),
    ],
)
def test_a_manifest_of_another_shape_is_told(image: Image, raw: Any, media_type: str) -> None:
    store = Store(image.tree)
    store.replace(raw, media_type)
    with pytest.raises(TargetError, match="host/data:live was not published by baked-data"):
        published(store)


def test_a_label_that_names_another_bundle_is_told(image: Image) -> None:
    store = Store(image.tree)
    raw, config = json.loads(image.tree.manifest.read()), json.loads(image.platforms[0].config.read())
    config["config"]["Labels"]["baked-data.bundle"] = "0" * 64
    store.replace({**raw, "config": store.add(config)}, MANIFEST)
    with pytest.raises(TargetError, match="its last layer holds another Manifest than its label names"):
        published(store)


def test_an_image_whose_last_layer_is_another_is_told(image: Image) -> None:
    store = Store(image.tree)
    raw = json.loads(image.tree.manifest.read())
    store.replace({**raw, "layers": raw["layers"][:-1]}, MANIFEST)
    with pytest.raises(TargetError, match="its last layer is not that of a Manifest"):
        published(store)


@pytest.mark.parametrize("number", [0, -1])
def test_what_is_damaged_is_told(image: Image, number: int) -> None:
    store = Store(image.tree)
    blob = (image.platforms[0].config, *(each.blob for each in image.platforms[0].layers))[number].descriptor.digest
    store.content[blob] = store.content[blob][:-1] + b"?"
    with pytest.raises(PublishError, match="damaged") as told:
        published(store)
    assert type(told.value).__name__ in {"DigestError", VerifyError.__name__}
