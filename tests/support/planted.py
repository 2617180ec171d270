"""Secrets that a test plants, and where it looks for them: files and what they pack, command lines, what was said."""

import base64
import gzip
import tarfile
import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote


class Watch:
    """Looks into the command line of every process for texts, again and again."""

    def __init__(self, *texts: str) -> None:
        self.seen: list[str] = []
        self.looks = 0
        self._texts, self._done = [each.encode() for each in texts], threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._done.is_set():
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    words = file.read_bytes()
                except OSError:
                    continue
                if any(each in words for each in self._texts):
                    self.seen.append(words.decode(errors="replace"))
            self.looks += 1
            time.sleep(0.01)


def holding(folder: Path, *texts: str) -> list[Path]:
    """Return the files below ``folder`` that hold one of ``texts``, plain or within what they pack."""
    spellings = [each for text in texts for each in _spellings(text)]
    files = [each for each in folder.rglob("*") if each.is_file() and not each.is_symlink()]
    return [each for each in files if any(text in data for data in _contents(each) for text in spellings)]


def _spellings(text: str) -> set[bytes]:
    """Return a secret as it is, in base64 and in a URL."""
    return {text.encode(), base64.b64encode(text.encode()).rstrip(b"="), quote(text, safe="").encode()}


def _contents(file: Path) -> list[bytes]:
    """Return the bytes of a file, and of what it packs with gzip; a tar holds its files as they are."""
    data = file.read_bytes()
    found = [data]
    with suppress(OSError, EOFError, zlib.error):
        found.append(gzip.decompress(data))
    return found


def unpacked(archive: Path, folder: Path) -> Path:
    """Unpack an image that an engine saved: its layers are files of it."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder
