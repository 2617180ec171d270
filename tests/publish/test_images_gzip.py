"""The compressor: any reader takes what it writes, and no CPU changes a byte of it."""

import gzip
import random
import shutil
import subprocess
import sys
import zlib
from hashlib import sha256
from importlib.metadata import version

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baked_publish.images import gzip as module
from baked_publish.images.gzip import MEMBER, compress, members, side_by_side

CPUS = ("Nehalem", "Haswell", "max")
"""Without AVX2, with it, and with all that the emulator knows."""


def sample(size: int) -> bytes:
    """Return bytes of which some repeat, as a database's do."""
    chance = random.Random(7)  # noqa: S311 - always the same
    words = [chance.randbytes(chance.randrange(3, 12)) for _ in range(400)]
    return b"".join(chance.choice(words) for _ in range(size // 7))


def test_the_version_that_is_installed_is_the_one_in_every_key() -> None:
    assert version("deflate") == module.VERSION
    assert module.VERSION in module.COMPRESSOR


@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(1, 50))
def test_a_stream_is_cut_into_members_of_one_size(blocks: list[bytes], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MEMBER", size)
        pieces = list(members(iter(blocks)))
    assert b"".join(pieces) == b"".join(blocks)
    assert all(len(piece) == size for piece in pieces[:-1])
    assert all(0 < len(piece) <= size for piece in pieces[-1:])


def test_readers_see_one_file() -> None:
    content = sample(2 * MEMBER + 1000)
    written = b"".join(side_by_side(compress, members([content])))
    assert gzip.decompress(written) == content
    unzipped = subprocess.run(["gzip", "-dc"], input=written, capture_output=True, timeout=60, check=True).stdout
    assert unzipped == content
    reader, seen = zlib.decompressobj(31), b""
    rest = written
    while rest:
        seen += reader.decompress(rest)
        rest, reader = reader.unused_data, zlib.decompressobj(31)
    assert seen == content


def test_an_error_in_one_piece_reaches_the_caller() -> None:
    def work(piece: bytes) -> bytes:
        if piece == b"3":
            raise ValueError(piece)
        return piece

    with pytest.raises(ValueError, match="3"):
        list(side_by_side(work, [b"1", b"2", b"3", b"4"]))


@pytest.mark.parametrize("cpu", CPUS)
def test_no_cpu_changes_a_byte(cpu: str) -> None:
    """Run under an emulator that has, or lacks, the instructions that libdeflate looks for."""
    emulator = shutil.which("qemu-x86_64")
    if emulator is None:
        pytest.skip("qemu-user is not installed")
    content = sample(300_000)
    code = (
        "import deflate, hashlib, sys\n"
        f"made = deflate.gzip_compress(sys.stdin.buffer.read(), {module.LEVEL})\n"
        "sys.stdout.write(hashlib.sha256(made).hexdigest())\n"
    )
    words = [emulator, "-cpu", cpu, sys.executable, "-c", code]
    done = subprocess.run(words, input=content, capture_output=True, timeout=300, check=True)
    assert done.stdout.decode() == sha256(compress(content)).hexdigest()
