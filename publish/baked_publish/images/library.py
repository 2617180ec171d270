"""The standard library of a base image: which of its modules have no bytecode, as the base's layers show.

Layers are read from the uppermost down, so that a file is seen as it will be in a container; the ones below that in
which the library lies are not asked for.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from posixpath import normpath
from typing import Final

from baked_publish.errors import ConfigError
from baked_publish.images.bytecode import beside
from baked_publish.images.image import Layer
from baked_publish.images.members import Member, hidden_by, members
from baked_publish.images.tarball import Entry
from baked_publish.registry.content import Blob

FOLDERS: Final = ("usr/local/lib", "usr/lib", "usr/lib64")
"""Where Pythons keep their library; the first stands first on PATH."""
TOOLS: Final = """
__hello__ __phello__ _pydatetime _pydecimal _pyio _pyrepl antigravity bdb cProfile cmd code codeop curses dist-packages
distutils doctest ensurepip idlelib imaplib lib2to3 mailbox modulefinder msilib nntplib pdb pickletools poplib profile
pstats pyclbr pydoc pydoc_data rlcompleter site-packages tabnanny telnetlib test tests this timeit tkinter trace turtle
turtledemo unittest venv wsgiref xmlrpc zipapp
"""
LEFT_OUT: Final = frozenset(TOOLS.split())
"""Modules and packages that no server imports: tools, servers of their own, and the slow twins of what is in C."""
LARGEST: Final = 4 << 20
"""Bytes of one module; the largest of CPython has a quarter of a megabyte."""
MOST: Final = 64 << 20
"""Bytes of all of them; CPython's have 10 MB."""
HEADER: Final = 16
"""Bytes of bytecode that tell what it was made of (PEP 552)."""


@dataclass(frozen=True, slots=True)
class Held:
    """A file of the library: a source, or the beginning of its bytecode."""

    data: bytes
    mtime: int


@dataclass(slots=True)
class View:
    """The library as the layers read so far show it."""

    python: str
    files: dict[str, Held] = field(default_factory=dict[str, Held])
    read: int = 0
    """Bytes of those layers, compressed."""
    _size: int = 0
    _hidden: set[str] = field(default_factory=set[str])
    """Paths at which, and below which, lower layers show nothing."""

    def add(self, layer: Blob) -> None:
        """Lay what is read so far over ``layer``."""
        hiding = set[str]()
        self.read += layer.descriptor.size
        for member in members(layer):
            if (path := hidden_by(member.path)) is not None:
                hiding |= {path} if not path or self._near(path) else set()
            elif not member.is_folder and self._near(member.path):
                hiding.add(member.path)
                if not self._is_hidden(member.path):
                    self._take(member, layer)
        self._hidden |= hiding

    def _near(self, path: str) -> bool:
        """Tell whether a file is one of the library's, or lies where one of its folders could."""
        found = (f"{folder}/python{self.python}" for folder in FOLDERS)
        return any(path.startswith(f"{each}/") or f"{each}/".startswith(f"{path}/") for each in found)

    def _take(self, member: Member, layer: Blob) -> None:
        self.files.pop(member.path, None)
        if not member.is_file or not _is_module(member.path):
            return
        size = min(member.size, HEADER) if member.path.endswith(".pyc") else member.size
        self._size += size
        if size > LARGEST or self._size > MOST:
            raise ConfigError(
                f"the base image's layer {layer.descriptor.digest} has a standard library that is too large, at "
                f"{member.path!r}: choose another base image"
            )
        self.files[member.path] = Held(member.read(size), member.mtime)

    def _is_hidden(self, path: str) -> bool:
        return any(each in self._hidden for each in _and_above(path))

    @property
    def folder(self) -> str:
        """Where the library lies; empty if it was not found yet."""
        found = (f"{folder}/python{self.python}" for folder in FOLDERS)
        return next((each for each in found if f"{each}/os.py" in self.files), "")


def view(layers: Sequence[Layer], python: str) -> View:
    """Read the library out of a base's ``layers``. Raises ConfigError for layers that cannot be read."""
    found = View(python)
    for layer in reversed(layers):
        found.add(layer.blob)
        if found.folder.startswith(FOLDERS[0]):
            break
    return found


def uncompiled(found: View) -> Iterator[Entry]:
    """Yield the sources in ``found`` beside which no bytecode lies that Python would take."""
    tag = f"cpython-{found.python.replace('.', '')}"
    for path, held in sorted(found.files.items()):
        if found.folder and path.startswith(f"{found.folder}/") and path.endswith(".py"):
            made = found.files.get(beside(path, tag))
            if made is None or not _is_taken(made.data, held):
                yield Entry.of(path, held.data)


def _is_taken(header: bytes, source: Held) -> bool:
    """Tell whether Python takes bytecode that begins with ``header``: made of this source, or never compared."""
    flags, mtime, size = (int.from_bytes(header[at : at + 4], "little") for at in (4, 8, 12))
    if len(header) < HEADER or flags:
        return len(header) == HEADER
    return (mtime, size) == (source.mtime & 0xFFFFFFFF, len(source.data) & 0xFFFFFFFF)


def _is_module(path: str) -> bool:
    """Tell modules that may be wanted, by names that need no thought, from everything else."""
    return path.endswith((".py", ".pyc")) and path.isascii() and normpath(path) == path and not _is_left_out(path)


def _is_left_out(path: str) -> bool:
    inside = re.sub(r"^.*?/python3\.\d+/(__pycache__/)?", "", path)
    return re.split(r"[/.]", inside, maxsplit=1)[0] in LEFT_OUT or inside.startswith(("config-", "_sysconfigdata"))


def _and_above(path: str) -> Iterator[str]:
    yield ""
    while path:
        yield path
        path = path.rpartition("/")[0]
