"""A base image of real Debian packages, for amd64 and arm64: it stands in for ``python:3.x-slim``.

It is an OCI layout, made once on a machine (6 seconds an architecture, as root), with these tags:

========  ==========================================================================
``3.11``  an index of both platforms
``one``   a manifest for linux/amd64 alone
``bare``  the same, whose configuration does not tell its Python
``docker``  the same, in Docker's media types
``musl``  a configuration as Alpine's
``mute``  no Python, and a configuration that tells nothing
========  ==========================================================================
"""

import fcntl
import gzip
import json
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest

LIMIT: Final = 300
PACKAGES: Final = """\
base-files base-passwd ca-certificates coreutils dash libacl1 libattr1 libbz2-1.0 libc6 libcom-err2 libcrypt1 libdb5.3
libexpat1 libffi8 libgcc-s1 libgmp10 libgssapi-krb5-2 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 liblzma5
libncursesw6 libnsl2 libpcre2-8-0 libpython3.11-minimal libpython3.11-stdlib libreadline8 libselinux1 libsqlite3-0
libssl3 libtinfo6 libtirpc3 libuuid1 libzstd1 media-types python3.11 python3.11-minimal python3-distutils
python3-lib2to3 python3-pip python3-pkg-resources python3-setuptools python3-wheel zlib1g
"""
"""A fixed list: resolving it with apt-cache takes minutes."""
LEFT_OUT: Final = [f"--exclude=./usr/share/{each}" for each in ("doc", "man", "locale", "lintian")]
ARCHITECTURES: Final = ("amd64", "arm64")
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
INDEX: Final = "application/vnd.oci.image.index.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER: Final = {
    MANIFEST: "application/vnd.docker.distribution.manifest.v2+json",
    CONFIG: "application/vnd.docker.container.image.v1+json",
    LAYER: "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
RECIPE: Final = sha256(Path(__file__).read_bytes()).hexdigest()[:16]
JSON = dict[str, Any]


@pytest.fixture(scope="session")
def base_layout() -> Path:
    """Return the folder of the layout; ``oci:FOLDER:3.11`` names the base image."""
    if os.getuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("a base image is made of Debian packages, as root")
    return layout()


@pytest.fixture(scope="session")
def debian_layout() -> Path:
    """Return the folder of a layout with a whole small Debian, apt and pip in it; its tag is ``apt``."""
    if os.getuid() != 0 or shutil.which("mmdebstrap") is None:
        pytest.skip("a small Debian is made by mmdebstrap, as root")
    return once("debian", make_debian)


def layout() -> Path:
    """Return the folder of the layout, made at first use on this machine."""
    return once("base", make)


def once(name: str, make: Callable[[Path], None]) -> Path:
    """Let ``make`` fill a new folder, once on this machine and for each version of this file; return its layout."""
    home = Path(tempfile.gettempdir()) / f"baked-{name}-{os.getuid()}-{RECIPE}"
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            partial = home.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            make(partial)
            partial.rename(home)
    return home / "layout"


def make_debian(home: Path) -> None:
    """Make a layout of what mmdebstrap makes, in 45 seconds."""
    blobs = home / "layout" / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    packed, trusted = home / "debian.tar", "/etc/ssl/certs/ca-certificates.crt"
    left_out = [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("doc", "man", "locale")]
    include = "--include=python3-pip,ca-certificates"
    words = ["mmdebstrap", "--quiet", "--variant=apt", include, *left_out]
    words += [f"--customize-hook=copy-in {trusted} /etc/ssl/certs", "bookworm", str(packed)]
    subprocess.run(words, check=True, timeout=LIMIT, env={**os.environ, "SOURCE_DATE_EPOCH": "0"})
    content = put(blobs, LAYER, gzip.compress(packed.read_bytes(), 1, mtime=0))
    packed.unlink()
    write_index(home / "layout", {"apt": image(blobs, "amd64", content)})


def make(home: Path) -> None:
    """Make the layout in the new folder ``home``."""
    blobs = home / "layout" / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layers = {architecture: put(blobs, LAYER, layer(home, architecture)) for architecture in ARCHITECTURES}
    write_index(home / "layout", dict(tags(blobs, layers)))
    for architecture in ARCHITECTURES:
        shutil.rmtree(home / architecture)


def write_index(folder: Path, variants: dict[str, JSON]) -> None:
    """Write the two small files of a layout, which name each image by its tag."""
    entries = [{**entry, "annotations": {"org.opencontainers.image.ref.name": tag}} for tag, entry in variants.items()]
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))


def tags(blobs: Path, layers: dict[str, JSON]) -> Iterator[tuple[str, JSON]]:
    """Yield each tag with the entry of its manifest."""
    both = [image(blobs, architecture, layers[architecture]) for architecture in ARCHITECTURES]
    yield "3.11", put(blobs, INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": both})
    amd64 = layers["amd64"]
    yield "one", image(blobs, "amd64", amd64)
    yield "bare", image(blobs, "amd64", amd64, environment=("PATH=/usr/bin:/bin",))
    yield "docker", image(blobs, "amd64", amd64, typed=lambda kind: DOCKER[kind])
    yield "musl", image(blobs, "amd64", amd64, story="ADD alpine-minirootfs-3.22.0-x86_64.tar.gz / # buildkit")
    yield "mute", image(blobs, "amd64", put(blobs, LAYER, gzip.compress(bytes(10240), mtime=0)), environment=())


def image(
    blobs: Path,
    architecture: str,
    content: JSON,
    *,
    environment: tuple[str, ...] = ("PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "PYTHON_VERSION=3.11.2"),
    story: str = "debian packages",
    typed: Callable[[str], str] = str,
) -> JSON:
    """Write configuration and manifest of one platform; return the manifest's descriptor."""
    unpacked = gzip.decompress((blobs / content["digest"].removeprefix("sha256:")).read_bytes())
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": list(environment), "Cmd": ["python3"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256(unpacked).hexdigest()]},
        "history": [
            {"created": "2026-11-01T00:00:00Z", "created_by": story},
            {"created": "2026-11-01T00:00:00Z", "created_by": 'CMD ["python3"]', "empty_layer": True},
        ],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": typed(MANIFEST),
        "config": put(blobs, typed(CONFIG), config),
        "layers": [{**content, "mediaType": typed(LAYER)}],
    }
    return {**put(blobs, typed(MANIFEST), manifest), "platform": {"os": "linux", "architecture": architecture}}


def put(blobs: Path, kind: str, content: bytes | JSON) -> JSON:
    """Write a blob; return its descriptor."""
    data = content if isinstance(content, bytes) else json.dumps(content, sort_keys=True).encode()
    digest = sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}


def layer(home: Path, architecture: str) -> bytes:
    """Return the gzip'd tar of a root file system with Python 3.11 in it."""
    root = home / architecture / "root"
    root.mkdir(parents=True)
    for deb in downloaded(home / architecture, architecture):
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as tar:
            subprocess.run(["tar", "-x", "-C", root, "-f", "-", *LEFT_OUT], stdin=tar.stdout, check=True, timeout=LIMIT)
    finish(root)
    packed = home / architecture / "root.tar"
    words: list[str | Path] = [
        "tar",
        "--sort=name",
        "--mtime=@0",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "-C",
        root,
        "-cf",
        packed,
    ]
    subprocess.run([*words, "."], check=True, timeout=LIMIT)
    return gzip.compress(packed.read_bytes(), 6, mtime=0)


def downloaded(folder: Path, architecture: str) -> list[Path]:
    """Download the packages for ``architecture``, leaving this machine's own lists alone."""
    debs = folder / "debs"
    for each in (debs, folder / "lists" / "partial", folder / "cache" / "archives" / "partial"):
        each.mkdir(parents=True)
    for each in (folder.parent, folder, *folder.rglob("*")):
        each.chmod(0o777)  # apt downloads as a user of its own
    said = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "Dir::State::status": "/dev/null",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    words = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in said.items())]
    subprocess.run([*words, "update"], check=True, timeout=LIMIT)
    subprocess.run([*words, "download", *PACKAGES.split()], check=True, timeout=LIMIT, cwd=debs)
    return sorted(debs.glob("*.deb"))


def finish(root: Path) -> None:
    """Do what the packages' own scripts would."""
    for name in ("python3", "python"):
        link = root / "usr/bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to("python3.11")
    for name in ("passwd", "group"):
        shutil.copy(root / f"usr/share/base-passwd/{name}.master", root / f"etc/{name}")
    (root / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
    mine = Path("/etc/ssl/certs/ca-certificates.crt")  # whom this machine trusts, so that pip works inside as well
    bundle = b"".join(each.read_bytes() for each in sorted((root / "usr/share/ca-certificates").rglob("*.crt")))
    (root / "etc/ssl/certs/ca-certificates.crt").write_bytes(mine.read_bytes() if mine.exists() else bundle)
    for name in ("tmp", "proc", "sys", "dev", "run"):
        (root / name).mkdir(exist_ok=True)
    (root / "tmp").chmod(stat.S_ISVTX | 0o777)
