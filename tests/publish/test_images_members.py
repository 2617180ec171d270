"""Members of a layer that others wrote: read whatever its compression, refused where no real layer is like that."""

import gzip
import io
import tarfile
import tracemalloc
from collections.abc import Mapping

import pytest

from baked_publish.errors import ConfigError, DigestError
from baked_publish.images import members as module
from baked_publish.images.members import members
from baked_publish.registry.content import Blob
from baked_publish.registry.descriptor import LAYER, Descriptor

FILES: Mapping[str, bytes] = {"./usr/lib/a.py": b"a = 1\n", "/etc/b": b"", "c" * 150: b"long"}


def tar(files: Mapping[str, bytes], kind: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as made:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(data), 7
            made.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def layer(data: bytes) -> Blob:
    return Blob.of(data, LAYER)


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("packed", [gzip.compress, bytes], ids=["gzip", "plain"])
def test_every_entry_is_told_and_can_be_read(packed: type[bytes], kind: int) -> None:
    found = {each.path: (each.read(each.size), each.mtime) for each in members(layer(packed(tar(FILES, kind))))}
    assert found == {"usr/lib/a.py": (b"a = 1\n", 7), "etc/b": (b"", 7), "c" * 150: (b"long", 7)}


def test_folders_and_links_are_told_from_files() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name, kind in (("d", tarfile.DIRTYPE), ("l", tarfile.SYMTYPE), ("h", tarfile.LNKTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "elsewhere"
            made.addfile(entry)
    assert [(each.path, each.is_file, each.is_folder) for each in members(layer(out.getvalue()))] == [
        ("d", False, True),
        ("l", False, False),
        ("h", False, False),
    ]


@pytest.mark.parametrize("part", [1, 40, -30, -1])
def test_a_layer_that_is_cut_off_is_refused(part: int) -> None:
    with pytest.raises(ConfigError, match=r"layer sha256:\w{64} cannot be read"):
        list(members(layer(gzip.compress(tar(FILES))[:part])))


@pytest.mark.parametrize(
    "data", [b"no tar at all" * 100, gzip.compress(b"no tar at all" * 100), b""], ids=["text", "gzip", "empty"]
)
def test_what_is_no_tar_is_refused(data: bytes) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        list(members(layer(data)))


def test_other_bytes_than_the_digest_says_are_refused_at_their_end() -> None:
    data = gzip.compress(tar(FILES)) + bytes(1000)
    real = layer(data)
    damaged = Blob(real.descriptor, layer(data[:-1] + b"\x01").open)
    with pytest.raises(DigestError, match="is damaged"):
        list(members(damaged))
    longer = Blob(Descriptor(LAYER, real.descriptor.digest, 10), real.open)
    with pytest.raises(DigestError, match="is damaged"):
        list(members(longer))


def test_a_bomb_is_refused_long_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FREE", 1 << 20)
    zeros = layer(gzip.compress(tar({"zeros": bytes(200 << 20)})))
    with pytest.raises(ConfigError, match=r"holds more than 2\d,\d{3},\d{3} bytes, which is refused: choose another"):
        list(members(zeros))


def test_more_entries_than_a_layer_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    assert len(list(members(layer(tar(FILES))))) == 3
    with pytest.raises(ConfigError, match="holds more than 3 files, which is refused"):
        list(members(layer(tar({**FILES, "fourth": b""}))))


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_header_that_would_fill_the_memory_is_refused(kind: int) -> None:
    huge = layer(gzip.compress(tar({"x" * (64 << 20): b""}, kind)))
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError, match=r"cannot be read: a header of 67,108,\d+ bytes"):
            list(members(huge))
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_headers_of_headers_without_end_are_refused() -> None:
    one = tar({"x" * 150: b""}, tarfile.GNU_FORMAT)[: 2 * tarfile.BLOCKSIZE]
    with pytest.raises(ConfigError, match="cannot be read"):
        list(members(layer(gzip.compress(one * 5000))))


def test_entries_that_were_seen_take_no_memory() -> None:
    many = layer(gzip.compress(tar({f"folder/file-{number:06}": b"" for number in range(20_000)}), 1))
    tracemalloc.start()
    try:
        assert sum(1 for _ in members(many)) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
