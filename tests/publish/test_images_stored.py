"""Reading an image's files back from its layers: every byte checked, nothing hidden, platforms alike."""

import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence

import pytest

from baked_publish.errors import VerifyError
from baked_publish.images.config import BUNDLE
from baked_publish.images.stored import bundle_files, same_files
from baked_publish.registry.content import Blob
from baked_publish.registry.descriptor import LAYER, Platform

AMD, ARM = Platform("linux", "amd64"), Platform("linux", "arm64")
DATA = f"{BUNDLE}/databases/data.db"
Entry = tuple[str, bytes | str]
"""A file and its content; a link if that is a word; a folder if the name ends with a slash."""


def layer(*entries: Entry, media_type: str = LAYER) -> Blob:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in entries:
            tar.addfile(*member(name, content))
    return Blob.of(gzip.compress(out.getvalue(), mtime=0), media_type)


def member(name: str, content: bytes | str) -> tuple[tarfile.TarInfo, io.BytesIO | None]:
    info = tarfile.TarInfo(name)
    if isinstance(content, str):
        info.type, info.linkname = tarfile.SYMTYPE, content
        return info, None
    if name.endswith("/"):
        info.type = tarfile.DIRTYPE
    info.size = len(content)
    return info, io.BytesIO(content)


def read(*layers: Blob) -> dict[str, bytes]:
    return files({AMD: layers})


def files(platforms: Mapping[Platform | None, Sequence[Blob]]) -> dict[str, bytes]:
    return {path: b"".join(blocks) for path, blocks in same_files(platforms)}


def damaged(blob: Blob, data: bytes) -> Blob:
    return Blob(blob.descriptor, lambda: io.BytesIO(data))


def test_files_of_the_bundle_are_read_and_no_others() -> None:
    base = layer(("etc/passwd", b"root"), ("opt/", b""), ("usr/.wh.gone", b""), (".wh.opt", b""), ("opt", "elsewhere"))
    app = layer(("opt/", b""), (f"{BUNDLE}/", b""), (f"./{BUNDLE}/app/main.py", b"run"))
    assert read(base, app, layer((DATA, b"rows" * 1000))) == {
        "app/main.py": b"run",
        "databases/data.db": b"rows" * 1000,
    }


def test_many_gzip_members_are_one_stream() -> None:
    whole = gzip.decompress(layer((DATA, bytes(5_000_000))).read())
    members = b"".join(gzip.compress(whole[at : at + 1_000_000]) for at in range(0, len(whole), 1_000_000))
    assert read(Blob.of(members, LAYER)) == {"databases/data.db": bytes(5_000_000)}


def test_a_base_layer_of_another_form_is_checked_and_holds_nothing() -> None:
    other = Blob.of(b"\x28\xb5\x2f\xfd", "application/vnd.oci.image.layer.v1.tar+zstd")
    assert read(other, layer((DATA, b"rows"))) == {"databases/data.db": b"rows"}
    with pytest.raises(VerifyError, match=f"layer {other.descriptor.digest} is not what was pushed"):
        read(damaged(other, b"1234"))


@pytest.mark.parametrize("at", range(0, 400, 13))
def test_a_layer_damaged_anywhere_is_caught(at: int) -> None:
    good = layer((DATA, bytes(range(256)) * 2))
    data = bytearray(good.read())
    at %= len(data)
    data[at] ^= 0x10
    with pytest.raises(VerifyError, match=f"layer {good.descriptor.digest} is not what was pushed"):
        read(damaged(good, bytes(data)))
    with pytest.raises(VerifyError, match="is not what was pushed"):
        read(damaged(good, good.read()[:at]))


def test_bytes_after_the_end_of_the_tar_are_read_too() -> None:
    good = layer((DATA, b"rows"))
    with pytest.raises(VerifyError, match="is not what was pushed"):
        read(damaged(good, good.read() + b"more"))


def test_what_was_pushed_but_is_no_tar_is_told() -> None:
    with pytest.raises(VerifyError, match="is not a tar, compressed by gzip"):
        read(Blob.of(b"plain", LAYER))
    with pytest.raises(VerifyError, match="is not a tar, compressed by gzip"):
        read(Blob.of(gzip.compress(b"plain" * 200), LAYER))


@pytest.mark.parametrize(
    "entry",
    [
        (f"{BUNDLE}/databases/.wh.data.db", b""),
        (f"{BUNDLE}/databases/.wh..wh..opq", b""),
        (f"{BUNDLE}/.wh.databases", b""),
        ("opt/baked/.wh.bundle", b""),
        ("opt/.wh.baked", b""),
        (".wh.opt", b""),
        (".wh..wh..opq", b""),
        ("opt/baked/.wh..wh..opq", b""),
        (DATA, "/etc/passwd"),
        (BUNDLE, "/tmp"),  # noqa: S108 - never followed
        ("opt", b"a file"),
        (f"{BUNDLE}/databases", "/etc"),
    ],
)
def test_a_layer_that_hides_or_replaces_files_below_is_caught(entry: Entry) -> None:
    with pytest.raises(VerifyError, match="hides or replaces files at"):
        read(layer((DATA, b"rows")), layer(entry))
    with pytest.raises(VerifyError, match="hides or replaces files at"):
        read(layer((DATA, b"rows"), entry))


def test_a_file_that_comes_again_is_read_again() -> None:
    assert read(layer((DATA, b"rows")), layer((DATA, b"other"))) == {"databases/data.db": b"other"}


def test_platforms_share_layers_and_those_are_read_once() -> None:
    opened: list[str] = []
    shared = layer((DATA, b"rows"))

    def counted() -> io.BytesIO:
        opened.append("once")
        return io.BytesIO(shared.read())

    data = Blob(shared.descriptor, counted)
    assert files({AMD: [layer(("a", b"1")), data], ARM: [layer(("a", b"2")), data]}) == {"databases/data.db": b"rows"}
    assert opened == ["once"]


@pytest.mark.parametrize("other", [(DATA, b"fake"), (f"{BUNDLE}/more", b"rows")])
def test_platforms_that_differ_are_told(other: Entry) -> None:
    with pytest.raises(VerifyError, match=r"linux/amd64 and linux/arm64 differ in 'databases/data\.db'"):
        files({AMD: [layer(other)], ARM: [layer((DATA, b"rows"))]})


def test_a_file_comes_in_small_blocks() -> None:
    sizes = [len(block) for _, blocks in bundle_files(layer((DATA, bytes(5 << 20)))) for block in blocks]
    assert sum(sizes) == 5 << 20
    assert max(sizes) <= 1 << 20


@pytest.mark.parametrize(
    "name",
    [
        f"{BUNDLE}/../../etc/passwd",
        f"/{BUNDLE}/../../../../etc/passwd",
        f"{BUNDLE}/databases/../../../tmp/data.db",
        f"etc/../{DATA}",
        f"../{DATA}",
        "..",
    ],
)
def test_a_name_that_leaves_its_folder_is_refused(name: str) -> None:
    good = layer((DATA, b"rows"))
    for layers in ([layer((name, b"root"))], [good, layer((name, b"root"))], [layer((name, b"root")), good]):
        with pytest.raises(VerifyError, match="leaves its folder"):
            read(*layers)


def test_a_name_from_the_root_is_the_same_name() -> None:
    assert read(layer((f"/{DATA}", b"rows"), ("//etc/passwd", b"root"))) == {"databases/data.db": b"rows"}


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../etc/passwd", DATA, f"/{DATA}"])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_is_never_followed(target: str, kind: bytes) -> None:
    info = tarfile.TarInfo(f"{BUNDLE}/databases/link.db")
    info.type, info.linkname = kind, target
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(*member(DATA, b"rows"))
        tar.addfile(info)
    blob = Blob.of(gzip.compress(out.getvalue(), mtime=0), LAYER)
    with pytest.raises(VerifyError, match=r"hides or replaces files at '.*/databases/link\.db'"):
        read(blob)
    lone = io.BytesIO()
    with tarfile.open(fileobj=lone, mode="w") as tar:
        tar.addfile(info)
    assert read(Blob.of(gzip.compress(lone.getvalue(), mtime=0), LAYER)) == {}


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_device_is_no_file(kind: bytes) -> None:
    info = tarfile.TarInfo(DATA)
    info.type = kind
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(info)
    assert read(Blob.of(gzip.compress(out.getvalue(), mtime=0), LAYER)) == {}
