"""Layers' tarballs: read by the tars of the field, and the same bytes from whatever Python writes them."""

import subprocess
import sys
import tarfile
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from line import LIMIT

from baked_publish.errors import ConfigError, SourceError
from baked_publish.images import tarball as module
from baked_publish.images.tarball import Entry, tarball

NAME = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=150).filter(
    lambda name: name not in {".", ".."}
)


def tar(*entries: Entry) -> bytes:
    return b"".join(tarball(entries))


@given(st.dictionaries(st.lists(NAME, min_size=2, max_size=3).map("/".join), st.binary(max_size=1500), max_size=5))
def test_whatever_the_names_pythons_tarfile_reads_it_back(files: dict[str, bytes]) -> None:
    try:
        data = tar(*(Entry.of(path, content) for path, content in files.items()))
    except ConfigError:  # one is a folder of another
        return
    with tarfile.open(fileobj=BytesIO(data)) as archive:
        seen = {each.name: archive.extractfile(each) for each in archive if each.isfile()}
        assert {name: file.read() for name, file in seen.items() if file} == files


def test_gnu_tar_reads_it_and_sees_neither_time_nor_owner(tmp_path: Path) -> None:
    deep = "/".join(["ünïcödé 🛩"] * 20) + "/file"
    (tmp_path / "x.tar").write_bytes(tar(Entry.of("b/two", b"2" * 700), Entry.of("a", b"1"), Entry.of(deep, b"3")))
    words: list[str | Path] = [
        "tar",
        "--list",
        "--verbose",
        "--utc",
        "--quoting-style=literal",
        "--file",
        tmp_path / "x.tar",
    ]
    listed = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT, check=True).stdout.splitlines()
    assert [line.split()[0] for line in listed[:3]] == ["-rw-r--r--", "drwxr-xr-x", "-rw-r--r--"]
    assert {tuple(line.split()[i] for i in (1, 3, 4)) for line in listed} == {("0/0", "1970-01-01", "00:00")}
    assert listed[-1].endswith(deep)
    assert len(listed) == 2 + 1 + 20 + 1


def test_a_size_beyond_eight_gigabytes_is_told_in_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 5)
    data = tar(Entry.of("a/large", b"123456"), Entry.of("a/small", b"1234"))
    assert b" size=6\n" in data
    with tarfile.open(fileobj=BytesIO(data)) as archive:
        assert [each.size for each in archive if each.isfile()] == [6, 4]


def test_order_and_folders_do_not_depend_on_the_callers() -> None:
    one, two, three = Entry.of("a/b", b"1"), Entry.of("a-b", b"2"), Entry.of("a/c/d", b"3")
    assert tar(one, two, three) == tar(three, one, two)


@pytest.mark.parametrize(
    "paths", [("a", "a"), ("a", "a/b"), ("a", "a-b", "a/b"), ("/a",), ("a/../b",), ("a//b",), ("a\0b",), ("",)]
)
def test_paths_that_cannot_be_are_refused(paths: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="image"):
        tar(*(Entry.of(path, b"") for path in paths))


def test_a_file_that_is_not_what_was_baked_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "data.db"
    file.write_bytes(b"baked")
    entry = Entry.read("data.db", file)
    for content in (b"other", b"bake", b"baked and more"):
        file.write_bytes(content)
        with pytest.raises(SourceError, match="changed while it was being published"):
            tar(entry)
    file.unlink()
    with pytest.raises(SourceError, match="cannot be read any more"):
        tar(entry)


def test_every_python_here_writes_the_same_bytes() -> None:
    """The writer stands alone: no other version's tarfile has a say."""
    code = f"""if True:
        import sys, types
        for name in ("baked_publish", "baked_publish.bundle", "baked_publish.errors"):
            sys.modules[name] = types.ModuleType(name)
        sys.modules["baked_publish.bundle"].BundleFile = object
        errors = sys.modules["baked_publish.errors"]
        errors.ConfigError = errors.SourceError = Exception
        sys.modules["tarball"] = own = types.ModuleType("tarball")
        exec(compile(open({module.__file__!r}).read(), "tarball", "exec"), own.__dict__)
        entries = [own.Entry.of("ü/" * 60 + "x", b"12"), own.Entry.of("a", b"3")]
        sys.stdout.write(own.sha256(b"".join(own.tarball(entries))).hexdigest())
    """
    here = sha256(tar(Entry.of("ü/" * 60 + "x", b"12"), Entry.of("a", b"3"))).hexdigest()
    pythons = {Path(sys.executable), *Path("/usr/bin").glob("python3.1[1-9]")}
    pythons |= set(Path("~/.pyenv/versions").expanduser().glob("3.1[1-9].*/bin/python"))
    for python in sorted(pythons):
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=LIMIT, check=True)
        assert done.stdout == here, python
