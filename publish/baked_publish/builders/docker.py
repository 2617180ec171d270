"""The Docker builder: the way out for packages that need a compiler or Debian packages.

An engine builds the layers of the dependencies only, from ``dockerfiles/packages.j2``; everything above them is packed
as ever, so that a night's new data is still the last two layers. Two engines build the same packages into other bytes:
that is said, and what was built is kept in the layer cache, so that the same machine publishes the same image again.
"""

import json
import tarfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NoReturn

from baked_core.manifest import canonical
from baked_publish.engine.door import Door
from baked_publish.engine.engine import Engine
from baked_publish.errors import ConfigError, PreflightError, TargetError
from baked_publish.images.archive import docker_archive
from baked_publish.images.base import BaseImage
from baked_publish.images.cache import LayerCache
from baked_publish.images.dockerfile import COMPILER, Packages, packages_text
from baked_publish.images.image import Layer, PlatformImage
from baked_publish.images.layer import Draft, key_of, make_layer
from baked_publish.images.wheels import Requirements
from baked_publish.registry.content import Blob
from baked_publish.report import Report

READ: Final = 1 << 20
TAIL: Final = 15
"""Lines of a failed build that an error shows."""
PASSED: Final = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT")
"""Settings of pip that a build is given; they stay in the first stage, which is no part of the image."""


def dependency_layers(
    base: BaseImage, wanted: Requirements, apt: Sequence[str], cache: LayerCache, report: Report, layer_type: str
) -> list[Layer]:
    """Return the layers that an engine builds over ``base``: Debian packages if any are asked for, then Python's.

    Raises PreflightError without an engine, ConfigError if the build fails.
    """
    abouts = [*(["Debian packages " + " ".join(apt)] if apt else []), "packages, built by Docker"]
    keys = [key_of("docker", wanted.key, base.digest, list(apt), about) for about in abouts]
    if all(cache.find(key) for key in keys):
        drafts = [Draft(about, key, _gone) for about, key in zip(abouts, keys, strict=True)]
        return [make_layer(draft, cache, report, layer_type) for draft in drafts]
    report.warning("packages built by Docker have other bytes on another machine, and so has the image")
    with TemporaryDirectory(prefix="baked-") as folder:
        found = _built(base, wanted, apt, Path(folder), report)
        if len(found) != len(abouts):
            raise TargetError(
                f"the Docker engine made {len(found)} layers of {len(abouts)}: use its classic builder and image store"
            )
        drafts = [
            Draft(about, key, partial(_tar, path), path.stat().st_size)
            for about, key, path in zip(abouts, keys, found, strict=True)
        ]
        return [make_layer(draft, cache, report, layer_type) for draft in drafts]


@contextmanager
def _tar(path: Path) -> Generator[Iterable[bytes], None, None]:
    with path.open("rb") as file:
        yield iter(partial(file.read, READ), b"")


def _gone() -> NoReturn:
    raise ConfigError("a layer that Docker built is damaged in the cache: run `publish cache clear`, and publish again")


def _built(base: BaseImage, wanted: Requirements, apt: Sequence[str], folder: Path, report: Report) -> list[Path]:
    """Let the engine build; return the tars of the layers above the base."""
    engine = Engine(Door.find(None))
    if trouble := engine.door.knock():
        raise PreflightError(f"--builder docker needs a Docker engine: {trouble}")
    name = _from(base, engine, report)
    context = folder / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(packages_text(Packages(name, apt, COMPILER)))
    (context / "requirements.txt").write_text(wanted.text)
    image = _build(engine, context, base, report)
    return _above(engine, image, base, folder)


def _from(base: BaseImage, engine: Engine, report: Report) -> str:
    """Bring the base into the engine by our own means, so that layouts and logins work as everywhere; name it."""
    tag = f"baked-data/base:{base.digest.removeprefix('sha256:')[:12]}-{base.platform.architecture}"
    if engine.image(tag) is None:
        config = Blob.of(canonical(base.config), "")
        one = PlatformImage(base.platform, config, config, base.layers)
        engine.load(docker_archive(one, tag, report))
    return tag


def _build(engine: Engine, context: Path, base: BaseImage, report: Report) -> str:
    lines, made = list[str](), ""
    for told in engine.build(context, str(base.platform), PASSED):
        said = str(told.get("stream") or told.get("error") or "").rstrip()
        if said:
            lines.append(said)
            report.detail(said)
        if "error" in told:
            tail = "\n".join(lines[-TAIL:])
            raise ConfigError(f"the packages cannot be built by Docker; its last words:\n{tail}")
        aux: Any = told.get("aux") or {}
        made = str(aux.get("ID") or made)  # of each stage; the last is the image
    if not made:
        raise TargetError("the Docker engine built an image and did not name it")
    return made


def _above(engine: Engine, image: str, base: BaseImage, folder: Path) -> list[Path]:
    """Save ``image`` and return its layers above the base's, each written as a file of its own."""
    saved = folder / "saved.tar"
    with saved.open("wb") as out:
        for block in engine.save(image):
            out.write(block)
    known = [layer.diff_id for layer in base.layers]
    with tarfile.open(saved) as tar:
        manifest: Any = json.load(_member(tar, "manifest.json"))[0]
        names = list(manifest["Layers"])
        found = [_unpacked(tar, name, folder / str(number)) for number, name in enumerate(names[len(known) :])]
        theirs = [_digest(_member(tar, name)) for name in names[: len(known)]]
    if theirs != known:
        raise TargetError(
            "the Docker engine built upon another base than it was given: use its classic builder and image store"
        )
    return found


def _member(tar: tarfile.TarFile, name: str) -> Any:
    found = tar.extractfile(name)
    if found is None:
        raise TargetError(f"the Docker engine saved an image without {name!r}")
    return found


def _unpacked(tar: tarfile.TarFile, name: str, path: Path) -> Path:
    source = _member(tar, name)
    with path.open("wb") as out:
        for block in iter(partial(source.read, READ), b""):
            out.write(block)
    return path


def _digest(source: Any) -> str:
    seen = sha256()
    for block in _blocks(source):
        seen.update(block)
    return "sha256:" + seen.hexdigest()


def _blocks(source: Any) -> Iterator[bytes]:
    yield from iter(partial(source.read, READ), b"")
