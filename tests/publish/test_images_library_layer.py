"""The layer of the standard library's bytecode: made once of a real base's sources, none where it would not help."""

import io
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from gzip import GzipFile
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from baked_publish.builders.image import Made, tell_what_starts_compile
from baked_publish.cachedir import cache_home
from baked_publish.errors import ConfigError, DigestError
from baked_publish.images import bytecode
from baked_publish.images import library_layer as module
from baked_publish.images.base import BaseImage, base_image, wanted_layout
from baked_publish.images.cache import LayerCache
from baked_publish.images.image import Layer
from baked_publish.images.layer import make_layer
from baked_publish.images.library_layer import library_draft
from baked_publish.images.wheels import Requirements
from baked_publish.registry.content import Blob
from baked_publish.registry.descriptor import LAYER, Platform
from baked_publish.report import Silent

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


class Said(Silent):
    """What was told."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def info(self, message: str) -> None:
        self.words.append(message)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LayerCache:
    monkeypatch.setenv("BAKED_CACHE_HOME", str(tmp_path / "cache"))
    return LayerCache()


@pytest.fixture
def base(base_layout: Path) -> BaseImage:
    return real(base_layout)


def real(layout: Path, platform: Platform = AMD64, tag: str = "3.11") -> BaseImage:
    return base_image(wanted_layout(f"oci:{layout}:{tag}"), platform, None, Silent())


def counted(base: BaseImage) -> tuple[BaseImage, list[str]]:
    """Return the base, and the list of what was opened of it."""
    opened: list[str] = []

    def counting(blob: Blob) -> Blob:
        @contextmanager
        def again() -> Iterator[BinaryIO]:
            opened.append(blob.descriptor.digest)
            with blob.open() as stream:
                yield stream

        return replace(blob, open=again)

    return replace(base, layers=tuple(replace(each, blob=counting(each.blob)) for each in base.layers)), opened


def made(base: BaseImage, cache: LayerCache) -> Layer | None:
    draft = library_draft(base, cache, Silent(), apt=False)
    return None if draft is None else make_layer(draft, cache, Silent(), LAYER)


def names(layer: Layer) -> list[str]:
    with layer.blob.open() as stream, tarfile.open(fileobj=cast("BinaryIO", GzipFile(fileobj=stream))) as tar:
        return [each.name for each in tar if each.isfile()]


def test_it_holds_the_bytecode_of_the_bases_own_library_and_nothing_else(base: BaseImage, cache: LayerCache) -> None:
    layer = made(base, cache)
    assert layer is not None
    found = names(layer)
    assert {"usr/lib/python3.11/__pycache__/typing.cpython-311.pyc"} < set(found)
    assert "usr/lib/python3.11/asyncio/__pycache__/base_events.cpython-311.pyc" in found
    assert all(each.startswith("usr/lib/python3.11/") and each.endswith(".cpython-311.pyc") for each in found)
    assert not any("/unittest/" in each or "/test/" in each or "dist-packages" in each for each in found)
    assert len(found) > 400
    assert layer.blob.descriptor.size < 2_500_000


def test_a_base_is_read_once(base: BaseImage, cache: LayerCache) -> None:
    watched, opened = counted(base)
    first = made(watched, cache)
    assert first is not None
    assert opened == [base.layers[0].blob.descriptor.digest]
    second = made(watched, cache)
    assert second is not None
    assert second.blob.read() == first.blob.read()
    assert len(opened) == 1


def test_platforms_of_the_same_sources_share_it(base_layout: Path, cache: LayerCache) -> None:
    bases = [real(base_layout, platform) for platform in (AMD64, ARM64)]
    one, two = (library_draft(base, cache, Silent(), apt=False) for base in bases)
    assert one is not None
    assert two is not None
    assert one.key == two.key
    layer = make_layer(one, cache, Silent(), LAYER)
    watched, opened = counted(bases[1])
    again = made(watched, cache)
    assert again is not None
    assert again.blob.read() == layer.blob.read()
    assert opened == []


@pytest.mark.parametrize("damage", [b"", b"non", b"\xff", b"0" * 63])
def test_a_memory_that_is_damaged_is_none(base: BaseImage, cache: LayerCache, damage: bytes) -> None:
    assert library_draft(base, cache, Silent(), apt=False) is not None
    (memory,) = (cache_home() / "libraries").iterdir()
    kept = memory.read_bytes()
    memory.write_bytes(damage)
    assert library_draft(base, cache, Silent(), apt=False) is not None
    assert memory.read_bytes() == kept


def test_what_is_damaged_in_the_cache_is_made_again_with_the_same_bytes(base: BaseImage, cache: LayerCache) -> None:
    layer = made(base, cache)
    assert layer is not None
    before = layer.blob.read()
    (blob,) = (cache.folder / "blobs").iterdir()
    blob.write_bytes(bytes(blob.stat().st_size))
    watched, opened = counted(base)
    again = made(watched, cache)
    assert again is not None
    assert opened == []  # nobody asked for its content yet
    assert again.blob.read() == before
    assert len(opened) == 1


def test_a_base_with_bytecode_gets_none_and_is_not_read_again(debian_layout: Path, cache: LayerCache) -> None:
    """Debian compiles what it installs."""
    watched, opened = counted(real(debian_layout, tag="apt"))
    assert made(watched, cache) is None
    assert len(opened) == 1
    assert made(watched, cache) is None
    assert len(opened) == 1


def test_without_a_python_of_that_minor_the_base_is_not_read(
    base: BaseImage, cache: LayerCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, opened = counted(replace(base, python="3.99"))
    monkeypatch.setattr("shutil.which", lambda _name: None)
    bytecode.interpreter.cache_clear()
    assert made(watched, cache) is None
    assert opened == []


def test_a_python_that_is_not_here_is_told_once_for_all_platforms(
    base: BaseImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    bytecode.interpreter.cache_clear()
    needed, report = Requirements("", AMD64, "3.99"), Said()
    tell_what_starts_compile([Made(base, needed), *[Made(replace(base, python="3.99"), needed)] * 2], report)
    python, templates = report.words
    assert python.startswith("no bytecode: Python 3.99 is not on this machine")
    assert templates.startswith("each start compiles the templates: jinja2 goes into the image, and here is another")


def test_where_apt_may_replace_the_library_there_is_none(base: BaseImage, cache: LayerCache) -> None:
    assert library_draft(base, cache, Silent(), apt=True) is None
    assert library_draft(base, cache, Silent(), apt=False) is not None


def own(base: BaseImage, files: dict[str, bytes]) -> BaseImage:
    """Return a base of one small layer."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return replace(base, layers=(Layer(Blob.of(out.getvalue(), LAYER), f"sha256:{'1' * 64}", "", base=True),))


def test_apt_leaves_the_library_of_an_official_image_alone(base: BaseImage, cache: LayerCache) -> None:
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    small = replace(own(base, {f"usr/local/lib/python{minor}/os.py": b"x = 1\n"}), python=minor)
    assert library_draft(small, cache, Silent(), apt=True) is not None


@pytest.mark.parametrize(("bound", "said"), [(10, "is too large to be read"), (None, "has layers in zstd")])
def test_what_cannot_be_read_is_told_once_and_built_without(
    base: BaseImage, cache: LayerCache, bound: int | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (layer,) = base.layers
    if bound is None:
        kind = replace(layer.blob.descriptor, media_type=LAYER.replace("gzip", "zstd"))
        base = replace(base, layers=(replace(layer, blob=replace(layer.blob, descriptor=kind)),))
    else:
        monkeypatch.setattr(module, "LARGEST_BASE", bound)
    report = Said()
    for _ in range(2):
        assert library_draft(base, cache, report, apt=False) is None
    (told,) = report.words
    assert said in told
    assert "compiled at every start" in told


@pytest.mark.parametrize("damage", ["cut off", "a bit in the middle", "the last byte"])
def test_a_damaged_base_is_refused(base: BaseImage, cache: LayerCache, damage: str) -> None:
    (layer,) = base.layers
    data = bytearray(layer.blob.read())
    if damage == "cut off":
        del data[-1000:]
    else:
        data[-1 if damage == "the last byte" else len(data) // 2] ^= 0x10
    blob = Blob(layer.blob.descriptor, lambda: io.BytesIO(data))
    with pytest.raises((ConfigError, DigestError), match=r"is damaged|cannot be read"):
        made(replace(base, layers=(replace(layer, blob=blob),)), cache)
    assert list((cache.folder / "blobs").iterdir()) == []
    assert not (cache_home() / "libraries").exists()


def test_a_cache_that_forgets_looks_again(base: BaseImage, cache: LayerCache) -> None:
    watched, opened = counted(own(base, {"etc/passwd": b""}))
    assert made(watched, cache) is None
    (memory,) = (cache_home() / "libraries").iterdir()
    memory.unlink()
    (cache_home() / "libraries").rmdir()
    (cache_home() / "libraries").write_bytes(b"")  # nothing can be kept
    assert made(watched, cache) is None
    assert len(opened) == 2
