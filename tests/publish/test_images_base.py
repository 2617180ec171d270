"""The base image: what is taken as one, what is refused, and how its Python and C library are found out."""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from base_image import put

from baked_publish.cachedir import cache_home
from baked_publish.errors import ConfigError, DigestError
from baked_publish.images.base import BaseImage, base_image, wanted_layout
from baked_publish.images.runtime import Runtime, look, over, told
from baked_publish.registry.descriptor import (
    CONFIG,
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    INDEX,
    LAYER,
    MANIFEST,
    Platform,
)
from baked_publish.report import Silent

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
DEBIAN: Sequence[str] = ("usr/bin/python3", "usr/bin/python3.12", "usr/lib/x86_64-linux-gnu/libc.so.6")
SLIM = "PYTHON_VERSION=3.13.2"
Made = tuple[Path, dict[str, Any]]


def tar_of(*names: str) -> bytes:
    """Return a gzip'd tar of empty files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    return gzip.compress(out.getvalue(), mtime=0)


def make(
    home: Path,
    *layers: bytes,
    environment: Sequence[str] = (),
    story: str = "",
    changed: Mapping[str, Any] | None = None,
    layer_type: str = LAYER,
    types: tuple[str, str] = (MANIFEST, CONFIG),
    index: Sequence[Mapping[str, Any]] | None = None,
    platform: Platform = AMD64,
) -> Made:
    """Write a layout of one image, tag ``x``; return its folder and the entry of its manifest."""
    blobs = home / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = {
        "architecture": platform.architecture,
        "os": platform.os,
        "config": {"Env": list(environment)},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(each).hexdigest()}" for each in layers]},
        "history": [{"created_by": story}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": types[0],
        "config": put(blobs, types[1], {**config, **(changed or {})}),
        "layers": [put(blobs, layer_type, each) for each in layers],
    }
    entry = put(blobs, types[0], manifest)
    if index is not None:
        entry = put(blobs, INDEX, {"schemaVersion": 2, "manifests": [{**entry, **each} for each in index]})
    entry = {**entry, "annotations": {"org.opencontainers.image.ref.name": "x"}}
    (home / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return home, entry


def base(made: Path, platform: Platform = AMD64, tag: str = ":x", locked: str | None = None) -> BaseImage:
    return base_image(wanted_layout(f"oci:{made}{tag}"), platform, locked, Silent())


@pytest.mark.parametrize("platform", [AMD64, ARM64], ids=str)
def test_an_index_gives_the_image_of_each_platform(platform: Platform, base_layout: Path) -> None:
    found = base(base_layout, platform, ":3.11")
    assert (found.python, found.platform, found.config["architecture"]) == ("3.11", platform, platform.architecture)
    entries = json.loads((base_layout / "index.json").read_bytes())["manifests"]
    (top,) = [each for each in entries if each["annotations"]["org.opencontainers.image.ref.name"] == "3.11"]
    assert found.digest == top["digest"]
    assert sum(layer.blob.descriptor.size for layer in found.layers) == sum(
        len(block) for layer in found.layers for block in layer.blob.blocks()
    )


def test_python_is_found_in_real_layers_once_and_remembered(
    base_layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAKED_CACHE_HOME", str(tmp_path / "cache"))
    assert base(base_layout, tag=":bare").python == "3.11"
    (memory,) = (cache_home() / "bases").iterdir()
    assert memory.parent.stat().st_mode & 0o777 == 0o700
    assert json.loads(memory.read_bytes()) == {"minor": 11, "libc": "glibc"}
    memory.write_bytes(b'{"minor": 14, "libc": "glibc"}')
    assert base(base_layout, tag=":bare").python == "3.14"  # nobody looked again
    for damaged in (b"", b"{", b"[]", b'{"minor": "x", "libc": 1}', b'"x"'):
        memory.write_bytes(damaged)
        assert base(base_layout, tag=":bare").python == "3.11"


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("BAKED_CACHE_HOME", str(tmp_path / "file"))
    assert base(make(tmp_path / "oci", tar_of(*DEBIAN))[0]).python == "3.12"


def test_dockers_media_types_are_taken_and_told(base_layout: Path) -> None:
    found = base(base_layout, tag=":docker")
    assert (found.manifest_type, found.python) == (DOCKER_MANIFEST, "3.11")
    assert {layer.blob.descriptor.media_type for layer in found.layers} == {DOCKER_LAYER}


@pytest.mark.parametrize(
    ("tag", "platform", "said"),
    [
        (":musl", AMD64, r"C library musl, and our wheels need glibc: .*not Alpine"),
        (":mute", AMD64, r"has no Python 3 at /usr/local/bin or /usr/bin"),
        (":one", ARM64, r"is for linux/amd64, not for linux/arm64: .*--platform linux/amd64"),
        (":3.11", Platform("linux", "s390x"), r"not there for linux/s390x, but for linux/amd64, linux/arm64"),
        (":9.9", AMD64, r"has no image '9.9': .* one of 3.11, bare, docker, musl, mute, one"),
        ("", AMD64, r"TAG is one of 3.11"),
    ],
)
def test_a_base_that_does_not_fit_is_refused(tag: str, platform: Platform, said: str, base_layout: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        base(base_layout, platform, tag)


def test_a_layout_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere' is not an OCI layout"):
        base(tmp_path / "nowhere")


def test_the_only_image_of_a_layout_needs_no_tag(tmp_path: Path) -> None:
    made, entry = make(tmp_path, tar_of(), environment=[SLIM], story="# debian.sh --arch amd64")
    found = base(made, tag="")
    assert (found.digest, found.name, found.python) == (entry["digest"], "", "3.13")


def test_a_locked_digest_is_taken_instead_of_the_tag(tmp_path: Path) -> None:
    _, old = make(tmp_path, environment=["PYTHON_VERSION=3.12.1"], story="apt-get update")
    make(tmp_path, environment=[SLIM], story="apt-get update")
    assert base(tmp_path).python == "3.13"
    assert base(tmp_path, locked=old["digest"]).python == "3.12"
    (tmp_path / "blobs" / old["digest"].replace(":", "/")).unlink()
    with pytest.raises(ConfigError, match=r"no longer there as publish.lock names it: use --upgrade"):
        base(tmp_path, locked=old["digest"])


def test_entries_for_no_platform_are_passed_over(tmp_path: Path) -> None:
    attested = {"platform": {"os": "unknown", "architecture": "unknown"}}
    wanted = {"platform": {"os": "linux", "architecture": "amd64", "variant": "v2"}}
    made, _ = make(tmp_path, environment=[SLIM], story="apt-get update", index=[attested, {}, wanted])
    assert base(made).python == "3.13"
    with pytest.raises(ConfigError, match=r"not there for linux/arm64, but for linux/amd64/v2"):
        base(made, ARM64)


@pytest.mark.parametrize(
    ("environment", "story", "runtime"),
    [
        ([SLIM], "RUN apt-get update", Runtime(13, "glibc")),
        ([SLIM], "# debian.sh --arch 'amd64' out/ 'trixie'", Runtime(13, "glibc")),
        ([SLIM], "ADD alpine-minirootfs-3.22.2-x86_64.tar.gz / # buildkit", Runtime(13, "musl")),
        ([SLIM], "RUN apk add python3", None),
        ([SLIM], "", None),
        (["PYTHON_VERSION=2.7.18"], "RUN apt-get update", None),
        (["PATH=/usr/bin"], "RUN apt-get update", None),
        (["PYTHON_VERSION"], "RUN apt-get update", None),
    ],
)
def test_a_configuration_tells_both_or_nothing(environment: list[str], story: str, runtime: Runtime | None) -> None:
    assert told({"config": {"Env": environment}, "history": [{"created_by": story}]}) == runtime


@pytest.mark.parametrize("config", [{}, {"config": None, "history": None}, {"config": {"Env": None}}])
def test_a_configuration_that_says_nothing_tells_nothing(config: dict[str, Any]) -> None:
    assert told(config) is None


@pytest.mark.parametrize(
    ("files", "runtime"),
    [
        (DEBIAN, Runtime(12, "glibc")),
        ((*DEBIAN, "usr/local/bin/python3", "usr/local/bin/python3.14"), Runtime(14, "glibc")),
        ((*DEBIAN, "usr/bin/python3.9", "usr/bin/python3.12-config"), Runtime(12, "glibc")),
        (("usr/bin/python3.12", "lib/ld-musl-x86_64.so.1"), Runtime(12, "musl")),
        (("usr/bin/python3.12", "lib/ld-musl-aarch64.so.1", "lib64/ld-linux-x86-64.so.2"), Runtime(12, "musl")),
        (("usr/bin/python3.12", "lib64/libc.so.6"), Runtime(12, "glibc")),
        (("./usr/bin/python3.12", "/lib/x86_64-linux-gnu/libc.so.6"), Runtime(12, "glibc")),
        (("usr/bin/python3.12",), Runtime(12, "unknown")),
        (("usr/bin/python2.7", "opt/python3.12", *DEBIAN[2:]), None),
        ((), None),
    ],
)
def test_layers_show_what_they_hold(files: Sequence[str], runtime: Runtime | None, tmp_path: Path) -> None:
    made, _ = make(tmp_path, tar_of(*files), environment=[SLIM], story="apt-get update")
    assert look(base(made).layers) == runtime


@pytest.mark.parametrize(
    ("above", "kept"),
    [
        (("usr/bin/.wh.python3.12",), 1),
        (("usr/.wh.bin",), 0),
        (("usr/bin/.wh..wh..opq",), 0),
        (("usr/.wh.bi",), 2),
        (("usr/bin/.wh..wh..opq", "usr/bin/python3"), 1),
        ((".wh..wh..opq",), 0),
        ((".wh.usr",), 0),
        (("etc/.wh.python3",), 2),
    ],
)
def test_a_whiteout_takes_away_what_lies_below(above: Sequence[str], kept: int) -> None:
    assert len(over({"usr/bin/python3", "usr/bin/python3.12"}, above)) == kept


def test_a_python_that_a_later_layer_removed_is_not_there(tmp_path: Path) -> None:
    removed = tar_of("usr/bin/.wh.python3.12", "usr/bin/.wh.python3")
    with pytest.raises(ConfigError, match="has no Python 3"):
        base(make(tmp_path / "removed", tar_of(*DEBIAN), removed)[0])
    upgraded = tar_of("usr/bin/.wh.python3.12", "usr/bin/python3.14")
    assert base(make(tmp_path / "upgraded", tar_of(*DEBIAN), upgraded)[0]).python == "3.14"


@pytest.mark.parametrize(
    ("environment", "files", "said"),
    [
        (["PYTHON_VERSION=3.10.4"], (), r"has Python 3.10, and the app needs 3.11 or newer"),
        ([], ("usr/bin/python3.9", DEBIAN[2]), r"has Python 3.9, and the app needs"),
        ([], ("usr/bin/python3.12",), r"has the C library unknown"),
        ([], ("usr/bin/python3.12", "lib/ld-musl-x86_64.so.1"), r"has the C library musl"),
    ],
)
def test_a_runtime_that_our_wheels_do_not_run_with_is_refused(
    environment: list[str], files: Sequence[str], said: str, tmp_path: Path
) -> None:
    made, _ = make(tmp_path, tar_of(*files), environment=environment, story="debian")
    with pytest.raises(ConfigError, match=said):
        base(made)


def test_a_layer_in_zstd_is_passed_on_but_not_looked_into(tmp_path: Path) -> None:
    kind = LAYER.replace("gzip", "zstd")
    made, _ = make(tmp_path / "told", b"zstd", environment=[SLIM], story="debian", layer_type=kind)
    assert base(made).layers[0].blob.descriptor.media_type == kind
    made, _ = make(tmp_path / "mute", b"zstd", layer_type=kind)
    with pytest.raises(ConfigError, match=r"layers in zstd, and its configuration does not tell"):
        base(made)


def test_a_layer_of_another_kind_is_refused(tmp_path: Path) -> None:
    made, _ = make(tmp_path, b"", environment=[SLIM], story="debian", layer_type=f"{LAYER}+encrypted")
    with pytest.raises(ConfigError, match=r"layer of type '.*\+encrypted', which cannot be passed on"):
        base(made)


@pytest.mark.parametrize(
    "content", [b"no gzip", tar_of(*DEBIAN)[:40], gzip.compress(b"no tar" * 1000)], ids=["text", "cut off", "no tar"]
)
def test_a_layer_that_is_no_tar_is_an_error_of_ours(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"layer sha256:\w+ cannot be read"):
        base(make(tmp_path, content)[0])


def test_a_layer_with_other_bytes_is_found_out_even_behind_the_end_of_its_tar(tmp_path: Path) -> None:
    content = tar_of(*DEBIAN) + bytes(2 << 20)
    made, _ = make(tmp_path, content)
    (made / "blobs" / "sha256" / sha256(content).hexdigest()).write_bytes(content[:-1] + b"x")
    with pytest.raises(DigestError):
        base(made)


@pytest.mark.parametrize(
    "changed",
    [{"rootfs": {}}, {"rootfs": {"diff_ids": []}}, {"rootfs": None}, {"config": {"Env": 7}}, {"history": 7}],
    ids=str,
)
def test_a_configuration_of_another_shape_is_an_error_of_ours(changed: dict[str, Any], tmp_path: Path) -> None:
    made, _ = make(tmp_path, tar_of(*DEBIAN), environment=[SLIM], story="debian", changed=changed)
    with pytest.raises(ConfigError, match=r"oci:.*:x' is damaged"):
        base(made)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"config": 7, "layers": []}'])
def test_a_manifest_of_another_shape_is_an_error_of_ours(content: bytes, tmp_path: Path) -> None:
    made, _ = make(tmp_path)
    entry = put(made / "blobs" / "sha256", MANIFEST, content)
    (made / "index.json").write_text(json.dumps({"manifests": [entry]}))
    with pytest.raises(ConfigError, match="is damaged"):
        base(made, tag="")


def test_a_manifest_with_other_bytes_is_refused(tmp_path: Path) -> None:
    made, entry = make(tmp_path, environment=[SLIM], story="debian")
    (made / "blobs" / entry["digest"].replace(":", "/")).write_bytes(b"{")
    for locked in (None, entry["digest"]):
        with pytest.raises(ConfigError, match=f"{entry['digest']} in .* is damaged: write the layout again"):
            base(made, locked=locked)


def test_a_document_is_no_base_image(tmp_path: Path) -> None:
    made, _ = make(tmp_path)
    entry = put(made / "blobs" / "sha256", "application/json", b"{}")
    (made / "index.json").write_text(json.dumps({"manifests": [entry]}))
    with pytest.raises(ConfigError, match="is a application/json, not an image"):
        base(made, tag="")


def test_dockers_types_are_all_docker(tmp_path: Path) -> None:
    types = (DOCKER_MANIFEST, DOCKER_CONFIG)
    made, _ = make(tmp_path, tar_of(*DEBIAN), layer_type=DOCKER_LAYER, types=types)
    assert base(made).manifest_type == DOCKER_MANIFEST


@pytest.mark.parametrize("digest", ["sha256:../../secret", "sha256:/etc/passwd", "../secret", "sha256:", "sha256:AB"])
def test_a_digest_that_leads_out_of_the_layout_is_refused(digest: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("{}")
    made, _ = make(tmp_path / "layout", environment=[SLIM], story="apt-get update")
    text = (made / "index.json").read_text()
    raw = json.loads(text)
    raw["manifests"][0]["digest"] = digest
    (made / "index.json").write_text(json.dumps(raw))
    with pytest.raises(DigestError, match="refused"):
        base(made)
    entry = {"mediaType": MANIFEST, "digest": digest, "size": 2, "platform": {"os": "linux", "architecture": "amd64"}}
    (made / "index.json").write_text(text)
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    hexed = sha256(index).hexdigest()
    (made / "blobs" / "sha256" / hexed).write_bytes(index)
    raw["manifests"][0] |= {"mediaType": INDEX, "digest": f"sha256:{hexed}", "size": len(index)}
    (made / "index.json").write_text(json.dumps(raw))
    with pytest.raises(DigestError, match="refused"):
        base(made)
