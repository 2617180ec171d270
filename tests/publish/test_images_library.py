"""The standard library of a base: seen as the layers show it together, and which of its modules lack bytecode."""

import gzip
import importlib.util
import io
import tarfile
from collections.abc import Mapping
from typing import NoReturn

import pytest

from baked_publish.errors import ConfigError
from baked_publish.images import library as module
from baked_publish.images.image import Layer
from baked_publish.images.library import uncompiled, view
from baked_publish.registry.content import Blob
from baked_publish.registry.descriptor import LAYER, Descriptor

HERE = "usr/local/lib/python3.13"
DEBIAN = "usr/lib/python3.13"
OS: Mapping[str, bytes] = {f"{HERE}/os.py": b"name = 'posix'\n"}
TIME = 1_700_000_000


def layer(files: Mapping[str, bytes | None]) -> Layer:
    """Return a layer of files; None makes a symbolic link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(data or b""), TIME
            if data is None:
                entry.type, entry.linkname = tarfile.SYMTYPE, "/elsewhere"
            tar.addfile(entry, io.BytesIO(data or b""))
    return Layer(Blob.of(gzip.compress(out.getvalue(), mtime=0), LAYER), "", "", base=True)


def found(*layers: Layer) -> dict[str, bytes]:
    """Return what is to be compiled, lowest layer first."""
    return {
        each.path: bytes(each.source) for each in uncompiled(view(layers, "3.13")) if isinstance(each.source, bytes)
    }


def header(flags: int, mtime: int = 0, size: int = 0) -> bytes:
    """Return the beginning of bytecode, after PEP 552."""
    return importlib.util.MAGIC_NUMBER + b"".join(each.to_bytes(4, "little") for each in (flags, mtime, size))


def compiled(name: str) -> str:
    folder, _, file = name.rpartition("/")
    return f"{HERE}/{folder}{'/' if folder else ''}__pycache__/{file}.cpython-313.pyc"


def test_modules_are_found_and_tools_are_left_out() -> None:
    left_out = ("site-packages/pip/main.py", "test/x.py", "unittest/mock.py", "pdb.py", "config-3.13-x/a.py", "cmd.py")
    others = ("bin/python3.13", f"{DEBIAN}/asyncio.py", "usr/local/lib/python3.12/json.py", f"{HERE}/json/data.txt")
    files = {**OS, f"{HERE}/json/__init__.py": b"", **{f"{HERE}/{each}": b"" for each in left_out}}
    assert set(found(layer({**files, **dict.fromkeys(others, b"")}))) == {f"{HERE}/os.py", f"{HERE}/json/__init__.py"}


@pytest.mark.parametrize("name", ["a/../../../../etc/x.py", "a//x.py", "./x.py", "caf\udce9.py", "ü.py", "x.pyw"])
def test_a_name_that_no_module_of_a_library_has_is_passed_over(name: str) -> None:
    assert found(layer({**OS, f"{HERE}/{name}": b""})) == OS


@pytest.mark.parametrize(
    ("bytecode", "lacks"),
    [
        (header(0, TIME, 5), False),
        (header(0, TIME + 1, 5), True),
        (header(0, TIME, 6), True),
        (header(1), False),
        (header(3), False),
        (header(0, TIME, 5)[:12], True),
        (b"", True),
    ],
)
def test_bytecode_that_python_would_take_needs_no_second(bytecode: bytes, *, lacks: bool) -> None:
    files = {**OS, f"{HERE}/json/tool.py": b"x = 1", compiled("json/tool"): bytecode + bytes(100)[: len(bytecode)]}
    assert (f"{HERE}/json/tool.py" in found(layer(files))) is lacks


def test_bytecode_of_another_python_is_none() -> None:
    other = f"{HERE}/__pycache__/os.cpython-312.pyc"
    assert list(found(layer({**OS, other: header(1)}))) == [f"{HERE}/os.py"]


@pytest.mark.parametrize(
    ("above", "seen"),
    [
        ({f"{HERE}/a.py": b"new"}, b"new"),
        ({f"{HERE}/.wh.a.py": b""}, None),
        ({f"{HERE}/.wh..wh..opq": b""}, None),
        ({"usr/local/.wh.lib": b""}, None),
        ({".wh.usr": b""}, None),
        ({".wh..wh..opq": b""}, None),
        ({f"{HERE}/.wh.b.py": b""}, b"old"),
        ({f"{HERE}/a.py": None}, None),
        ({"usr/local/lib": None}, None),
        ({HERE: None}, None),
        ({f"{HERE}/.wh.a.py": b"", f"{HERE}/a.py": b"new"}, b"new"),
        ({f"{HERE}/a.pyc": b"", "usr/local/li": b"", "usr/local/lib64": b""}, b"old"),
    ],
)
def test_a_module_is_the_one_that_a_container_sees(above: Mapping[str, bytes | None], seen: bytes | None) -> None:
    below = layer({**OS, f"{HERE}/a.py": b"old"})
    made = view([below, layer(above)], "3.13")
    assert made.files.get(f"{HERE}/a.py") == (None if seen is None else module.Held(seen, TIME))


def test_a_file_that_comes_twice_in_a_layer_is_the_later_one() -> None:
    out = {**OS, f"{HERE}/a.py": b"1", f"./{HERE}/a.py": b"2"}
    assert found(layer(out))[f"{HERE}/a.py"] == b"2"


def test_layers_below_the_library_are_not_read() -> None:
    def never() -> NoReturn:
        raise AssertionError("read")

    below = Layer(Blob(Descriptor(LAYER, f"sha256:{'0' * 64}", 30_000_000), never), "", "", base=True)
    upper = layer({"etc/passwd": b""})
    assert found(below, layer(OS), upper) == OS
    with pytest.raises(AssertionError, match="read"):
        found(below, upper)


def test_debians_library_is_taken_where_no_other_is() -> None:
    debian = layer({f"{DEBIAN}/os.py": b"debian"})
    assert found(debian) == {f"{DEBIAN}/os.py": b"debian"}
    assert found(debian, layer(OS)) == found(layer(OS), debian) == OS
    assert found(layer({"usr/lib64/python3.13/os.py": b"red hat"})) == {"usr/lib64/python3.13/os.py": b"red hat"}
    assert found(layer({"usr/share/python3.13/os.py": b""})) == {}


@pytest.mark.parametrize("bound", ["LARGEST", "MOST"])
def test_a_library_that_would_fill_the_memory_is_refused(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, bound, 1000)
    name = f"{HERE}/large.py"
    with pytest.raises(ConfigError, match=r"standard library that is too large, at .*: choose another base"):
        found(layer({**OS, name: bytes(999), f"{HERE}/more.py": bytes(2)} if bound == "MOST" else {name: bytes(1001)}))
