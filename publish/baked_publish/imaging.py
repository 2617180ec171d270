"""Imaging: what ``publish image`` and ``publish cache`` do; like ``commands``, they talk to a person."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from baked_publish import results
from baked_publish.bake import BakeOptions
from baked_publish.builders.eject import eject
from baked_publish.builders.image import build, resolve
from baked_publish.cachedir import cache_home
from baked_publish.commands import default_name, ingredients_of
from baked_publish.errors import UsageError
from baked_publish.flags import collect
from baked_publish.images.archive import write_archive
from baked_publish.images.cache import Contents, LayerCache
from baked_publish.images.config import labels
from baked_publish.images.dockerfile import COMPILER, Packages
from baked_publish.images.layout import write_layout
from baked_publish.images.lock import Lock
from baked_publish.images.options import ImageOptions, PlatformOptions
from baked_publish.images.published import read
from baked_publish.images.recipe import ImageRecipe
from baked_publish.images.whence import wanted_base
from baked_publish.ingredients import baking
from baked_publish.options import option
from baked_publish.registry.descriptor import Platform
from baked_publish.report import Report
from baked_publish.speech import Speech

NAME: Final = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
TAR_MAGIC: Final = slice(257, 262)


@dataclass(frozen=True, slots=True)
class Imaging:
    """Where an image goes, or comes from."""

    output: str | None = option(None, "Where to write; FILE.tar, or DIR/ for an OCI layout.", flag="-o --output")
    eject: Path | None = option(None, "Folder for a Dockerfile and all that it needs.")
    look: str | None = option(None, "HOST/REPO:TAG: show what a published image holds.", flag="--from")
    insecure: bool = option(False, "Speak plain HTTP to a registry that is not on this machine.")


def image(speech: Speech, report: Report, files: tuple[Path, ...], **values: Any) -> None:
    """Build an image into a file, a folder or a Dockerfile's folder, or show one."""
    imaging = collect(Imaging, values)
    asked = [each for each in (imaging.output, imaging.eject, imaging.look) if each]
    if len(asked) != 1 or bool(imaging.look) is bool(files):
        raise UsageError(
            "say one of: FILES with -o FILE.tar, -o DIR/ or --eject DIR, or --from HOST/REPO:TAG without FILES"
        )
    if imaging.look:
        _show(speech, report, imaging.look, insecure=imaging.insecure)
    elif imaging.eject:
        _eject(speech, report, files, imaging.eject, values)
    else:
        _build(speech, report, files, str(imaging.output), values)


def _build(speech: Speech, report: Report, files: tuple[Path, ...], output: str, values: dict[str, Any]) -> None:
    target, as_folder = Path(output), output.endswith("/") or Path(output).is_dir()
    _check_free(target, files, as_folder=as_folder)
    name = _named(values["name"] or _plain(default_name(files)))
    with baking(files, ingredients_of(values), collect(BakeOptions, values), report) as bundle:
        report.step("build", "image")
        made = build(bundle, recipe(values), report)
        if as_folder:
            write_layout(made, target, report, name.rpartition(":")[2])
        else:
            write_archive(made, target, report, name)
        made.remember()
    for line in results.layers(made):
        report.info(line)
    speech.answer(results.envelope("image", output=str(target), name=name, **results.of_image(made)), [str(target)])


def recipe(values: Mapping[str, Any]) -> ImageRecipe:
    """Return the recipe that flags ask for."""
    platforms = tuple(dict.fromkeys(Platform.parse(each) for each in collect(PlatformOptions, values).platform))
    return ImageRecipe(platforms=platforms, options=collect(ImageOptions, values))


def _plain(name: str) -> str:
    """Return a file's name as an image may be called: ``My Data`` becomes ``my-data``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "data"


def _named(name: str) -> str:
    """Return ``NAME:TAG`` as an engine takes it; raise UsageError for what it would refuse."""
    tagged = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    if not NAME.fullmatch(tagged):
        raise UsageError(
            f"{name!r} cannot name an image: lower case letters, digits, dots and dashes; give one with --name"
        )
    return tagged


def _check_free(target: Path, files: Sequence[Path], *, as_folder: bool) -> None:
    """Raise UsageError if the output would overwrite anything but an image file."""
    if as_folder and target.is_dir() and any(target.iterdir()):
        raise UsageError(f"{str(target)!r} is not empty: name a folder that does not exist or is empty")
    if as_folder or not target.exists():
        return
    with target.open("rb") as file:
        is_tar = file.read(TAR_MAGIC.stop)[TAR_MAGIC] == b"ustar"
    if not is_tar or any(target.samefile(each) for each in files if each.exists()):
        raise UsageError(f"{str(target)!r} is there already and is not an image file: choose another name")


def show_cache(speech: Speech, _report: Report) -> None:
    """Tell where the layer cache is and what it holds."""
    _tell_cache(speech, "cache show", LayerCache().contents())


def clear_cache(speech: Speech, report: Report) -> None:
    """Empty the cache folder: layers, and what is known of files and base images."""
    before = LayerCache().clear()
    for folder in ("known", "bases", "checked", "rules"):
        shutil.rmtree(cache_home() / folder, ignore_errors=True)
    report.info(f"removed {before.layers} layers, {before.size:,} bytes")
    _tell_cache(speech, "cache clear", LayerCache().contents())


def _tell_cache(speech: Speech, word: str, holds: Contents) -> None:
    lines = [str(holds.folder), f"{holds.layers} layers, {holds.size:,} bytes of {holds.bound:,}"]
    value = {"folder": str(holds.folder), "layers": holds.layers, "size": holds.size, "bound": holds.bound}
    speech.answer(results.envelope(word, **value), lines)


def _eject(speech: Speech, report: Report, files: tuple[Path, ...], folder: Path, values: dict[str, Any]) -> None:
    name = _named(values["name"] or _plain(default_name(files)))
    _check_free(folder, files, as_folder=True)
    wished = recipe(values)
    if (wished.options.base_image or "").startswith("oci:"):
        raise UsageError(
            f"a Dockerfile cannot begin from {wished.options.base_image!r}, a folder of this machine: push it to a "
            "registry, and name it there with --base-image"
        )
    with baking(files, ingredients_of(values), collect(BakeOptions, values), report) as bundle:
        lock = Lock() if wished.options.upgrade else Lock.read(Path())
        (made, *_), lock = resolve(wished, lock, report)
        packages = Packages(
            made.base.pinned, wished.options.apt, COMPILER if wished.options.builder == "docker" else ()
        )
        said = labels(bundle.manifest, bundle.digest, wished.options.label)
        eject(bundle, folder, packages, made.requirements.text, name, said, report)
        lock.write(Path())
    value = {"output": str(folder), "name": name, "base": made.base.pinned, "bundle": bundle.digest}
    speech.answer(results.envelope("image", **value), [str(folder)])


def _show(speech: Speech, report: Report, asked: str, *, insecure: bool) -> None:
    report.step("read", asked)
    wanted = wanted_base(asked, insecure=insecure)
    published = read(asked, wanted.store, wanted.reference)
    value = {
        "image": asked,
        "digest": published.digest,
        "bundle": sha256(published.manifest_json).hexdigest(),
        "platforms": {str(each.platform): each.digest for each in published.platforms},
        "databases": results.of_databases(published.manifest),
    }
    platforms = [f"{each.platform}: {each.digest}" for each in published.platforms]
    lines = [published.digest, f"bundle {value['bundle']}", *platforms, *results.found(published.manifest)]
    speech.answer(results.envelope("image", **value), lines)
