"""Layers and their cache: made once, found again, never trusted blindly."""

import errno
import gzip
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from runtime import need

from baked_publish.errors import ConfigError, DigestError, SourceError, StorageError
from baked_publish.images.cache import LayerCache
from baked_publish.images.image import Layer
from baked_publish.images.layer import Draft, draft_of, key_of_entries, make_layer
from baked_publish.images.tarball import Entry, tarball
from baked_publish.registry.descriptor import LAYER
from baked_publish.report import Silent


@pytest.fixture
def cache(tmp_path: Path) -> LayerCache:
    return LayerCache(tmp_path / "layers")


def made(cache: LayerCache, *entries: Entry) -> Layer:
    return make_layer(draft_of("files", entries), cache, Silent(), LAYER)


ONE = Entry.of("opt/one", b"one" * 5000)


def blob_of(cache: LayerCache, layer: Layer) -> Path:
    return cache.folder / "blobs" / layer.blob.descriptor.digest.removeprefix("sha256:")


def test_a_layer_is_named_by_its_bytes_packed_and_unpacked(cache: LayerCache) -> None:
    layer = made(cache, ONE)
    data = layer.blob.read()
    assert layer.blob.descriptor.digest == "sha256:" + sha256(data).hexdigest()
    assert layer.diff_id == "sha256:" + sha256(gzip.decompress(data)).hexdigest()
    with tarfile.open(fileobj=BytesIO(data)) as tar:
        assert tar.getnames() == ["opt", "opt/one"]


def test_what_did_not_change_is_not_even_opened_again(cache: LayerCache) -> None:
    def never() -> nullcontext[list[bytes]]:
        raise AssertionError

    first = made(cache, ONE)
    again = make_layer(Draft("files", key_of_entries([ONE]), never), cache, Silent(), LAYER)
    assert (again.blob.descriptor, again.diff_id) == (first.blob.descriptor, first.diff_id)
    assert again.blob.read() == first.blob.read()


def test_a_path_a_content_or_another_file_makes_another_key() -> None:
    others = [Entry.of("opt/two", b"one" * 5000), Entry.of("opt/one", b"two" * 5000)]
    keys = {key_of_entries([ONE]), *(key_of_entries([each]) for each in others), key_of_entries([ONE, others[0]])}
    assert len(keys) == 4


def damages() -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    for cut in (0, 1, 10, -8, -1):
        yield f"cut at {cut}", lambda data, cut=cut: data[:cut]  # type: ignore[misc]  # bound now
    yield "a bit turned", lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:]
    yield "longer", lambda data: data + b"\0"


@pytest.mark.parametrize(("damage"), [each for _, each in damages()], ids=[name for name, _ in damages()])
def test_a_damaged_layer_is_noticed_and_made_once_more(cache: LayerCache, damage: Callable[[bytes], bytes]) -> None:
    layer = made(cache, ONE)
    whole = layer.blob.read()
    blob_of(cache, layer).write_bytes(damage(whole))
    assert layer.blob.read() == whole
    blob_of(cache, layer).write_bytes(damage(whole))
    assert made(cache, ONE).blob.read() == whole


def test_a_layer_that_is_gone_is_made_once_more(cache: LayerCache) -> None:
    layer = made(cache, ONE)
    whole = layer.blob.read()
    blob_of(cache, layer).unlink()
    assert layer.blob.read() == whole


def test_a_layer_that_cannot_be_made_the_same_is_an_error(cache: LayerCache) -> None:
    contents = iter([b"one", b"two"])
    plan = Draft("files", "0" * 64, lambda: nullcontext(tarball([Entry.of("a", next(contents))])))
    layer = make_layer(plan, cache, Silent(), LAYER)
    blob_of(cache, layer).write_bytes(b"")
    with pytest.raises(DigestError, match="'files' has other bytes than before"):
        layer.blob.read()


def test_a_damaged_key_is_no_key(cache: LayerCache) -> None:
    layer = made(cache, ONE)
    (key,) = (cache.folder / "keys").iterdir()
    whole = key.read_bytes()
    turned = bytes([whole[-20] ^ 1])
    for data in (b"", whole[:20], whole[:-1], b"[]", b"{}", b'{"digest": 1}', whole[:-20] + turned + whole[-19:]):
        key.write_bytes(data)
        assert made(cache, ONE).blob.descriptor == layer.blob.descriptor


def test_nobody_else_may_look(cache: LayerCache) -> None:
    layer = made(cache, ONE)
    assert cache.folder.stat().st_mode & 0o777 == 0o700
    assert blob_of(cache, layer).stat().st_mode & 0o777 == 0o600


def test_the_bound_is_kept_and_the_least_used_goes_first(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path / "layers", bound=0)
    first, second = made(cache, ONE), made(cache, Entry.of("opt/two", b"two"))
    assert not blob_of(cache, first).exists()
    assert blob_of(cache, second).exists()
    assert first.blob.read()
    assert cache.contents().layers == 1


def test_clearing_leaves_nothing_and_tells_what_there_was(cache: LayerCache) -> None:
    layer = made(cache, ONE)
    before = cache.clear()
    assert (before.layers, before.size) == (1, layer.blob.descriptor.size)
    assert (cache.contents().layers, cache.contents().size) == (0, 0)
    assert made(cache, ONE).blob.descriptor == layer.blob.descriptor


def test_the_bound_must_be_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKED_CACHE_SIZE", "5 GB")
    with pytest.raises(ConfigError, match="BAKED_CACHE_SIZE is '5 GB'"):
        LayerCache(tmp_path / "layers")


def test_many_at_once_make_whole_layers(tmp_path: Path) -> None:
    """Side by side, in two caches over one folder, as two processes have them, under a bound that is never kept."""
    caches = [LayerCache(tmp_path / "layers", bound=1) for _ in range(2)]
    entries = [Entry.of(f"opt/{number % 3}", bytes([number % 3]) * 100_000) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        layers = list(pool.map(lambda each: made(caches[each[0] % 2], each[1]), enumerate(entries)))
        contents = list(pool.map(lambda layer: layer.blob.read(), layers))
    assert len(set(contents)) == 3


def test_a_full_disk_is_told_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    need("mount")
    room = tmp_path / "small"
    room.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", room], check=True)
    try:
        cache = LayerCache(room / "layers")
        noise = sha256(b"noise").digest() * 4
        large = Entry.of(
            "opt/large", b"".join(sha256(noise + bytes([i % 256, i // 256])).digest() for i in range(9000))
        )
        with pytest.raises(StorageError, match=r"cannot be written \(No space left on device\).*publish cache clear"):
            made(cache, large)
        assert not [each for each in room.rglob("*") if each.is_file()]
    finally:
        subprocess.run(["umount", room], check=True)


def test_a_folder_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "layers").write_text("")
    with pytest.raises(StorageError, match="BAKED_CACHE_HOME"):
        LayerCache(tmp_path / "layers")


def test_a_large_file_never_sits_in_memory(tmp_path: Path) -> None:
    """Pack 600 MB in a process of its own and look at the most memory that it ever had."""
    large = tmp_path / "large.db"
    with large.open("wb") as file:
        file.truncate(600_000_000)
    code = """if True:
        import sys
        from hashlib import file_digest
        from pathlib import Path
        from baked_publish.images.cache import LayerCache
        from baked_publish.images.layer import draft_of, make_layer
        from baked_publish.images.tarball import Entry
        from baked_publish.report import Silent
        path = Path(sys.argv[1])
        with path.open("rb") as file:
            entry = Entry("opt/large.db", path, path.stat().st_size, file_digest(file, "sha256").hexdigest())
        layer = make_layer(draft_of("large", [entry]), LayerCache(path.with_name("layers")), Silent(), "layer")
        size = sum(map(len, layer.blob.blocks()))
        print(size, *(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
    """
    words = [sys.executable, "-c", code, str(large)]
    size, most = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True).stdout.split()
    assert 0 < int(size) < 10_000_000
    assert int(most) < 200_000  # kB


def test_a_clear_during_a_build_does_not_make_it_fail(cache: LayerCache) -> None:
    def blocks() -> Iterator[bytes]:
        whole = b"".join(tarball([ONE]))
        yield whole[:512]
        cache.clear()
        yield whole[512:]

    layer = make_layer(Draft("files", "0" * 64, lambda: nullcontext(blocks())), cache, Silent(), LAYER)
    assert layer.blob.read() == made(cache, ONE).blob.read()
    cache.clear()
    assert cache.contents().layers == 0


def test_a_clear_takes_what_a_killed_build_left(cache: LayerCache) -> None:
    made(cache, ONE)
    left = cache.folder / ".left.partial"
    left.touch()
    os.utime(left, (0, 0))
    cache.clear()
    assert not left.exists()


def test_a_source_that_cannot_be_read_is_no_fault_of_the_cache(cache: LayerCache) -> None:
    def blocks() -> Iterator[bytes]:
        yield bytes(512)
        raise OSError(errno.EIO, "Input/output error", "data.db")

    with pytest.raises(SourceError, match=r"'data\.db' cannot be read: Input/output error"):
        make_layer(Draft("files", "0" * 64, lambda: nullcontext(blocks())), cache, Silent(), LAYER)
    assert not [each for each in cache.folder.rglob("*") if each.is_file()]
