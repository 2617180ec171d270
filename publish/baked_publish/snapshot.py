"""Snapshot: one state of a SQLite file, whoever else is writing, in rollback mode and page for page.

What SQLite really does was tried, and decides the way:

=====================  ===============================================================================================
rollback mode          read in place under a read lock that a child process holds; no copy
hot rollback journal   ``mode=ro`` cannot roll back: copied with its journal, recovered in the copy
WAL in use             the backup API from one read transaction; the source gets lock marks in ``-shm``, no more
WAL not in use         ``mode=ro`` would create ``-wal`` and ``-shm``: copied with its ``-wal``, recovered in the copy
=====================  ===============================================================================================

Nothing is created, changed or linked beside the source.
"""

import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from baked_publish.errors import SourceError, StorageError
from baked_publish.locker import patient
from baked_publish.report import Report
from baked_publish.sqlite_uri import file_uri

MAGIC: Final = b"SQLite format 3\x00"
VERSIONS: Final = slice(18, 20)
"""Where the header says how the file is written and read: 1 for rollback mode, 2 for WAL."""
ROLLBACK, WAL = b"\x01\x01", b"\x02\x02"
DEAD_MAN_SWITCH: Final = 128
"""The byte of ``-shm`` on which every connection holds a shared lock (SQLite's UNIX_SHM_DMS)."""
TRIES: Final = 5
PAGES: Final = 4096
"""Pages a backup step copies between two reports."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A file that holds one state, as long as the context that made it is open."""

    path: Path
    private: bool
    """Whether ``path`` is a copy of ours, which may be changed."""
    stamp: tuple[int, int, int] | None = None
    """Of a file read in place: inode, size and time of change, which stay as long as nobody replaces it."""

    def require_unmoved(self) -> None:
        """Raise Moved if somebody put another file in the place of this one."""
        if not self.private and _stamp(self.path) != self.stamp:
            raise Moved(self.path)


class Moved(Exception):
    """The source changed while it was read."""


@contextmanager
def snapshot(source: Path, workspace: Path, *, wait: float, report: Report) -> Generator[Snapshot, None, None]:
    """Yield one state of ``source``, with every row committed before the call.

    Raises SourceError for a file that is missing, empty, not SQLite, encrypted, or locked for longer than ``wait``
    seconds; StorageError when a copy finds no room in ``workspace``; Moved when it is replaced meanwhile.
    """
    if header(source)[VERSIONS] == WAL:
        yield Snapshot(_copied(source, workspace / "copy.db", wait, report), private=True)
        return
    with _locked(source, wait) as inode:
        if inode is not None:
            held = Snapshot(source, private=False, stamp=_stamp(source))
            if held.stamp is None or held.stamp[0] != inode:
                raise Moved(source)
            yield held
            return
    yield Snapshot(_copied(source, workspace / "copy.db", wait, report), private=True)


def copy(held: Snapshot, workspace: Path) -> Snapshot:
    """Return a private copy of ``held``, which may be changed."""
    if held.private:
        return held
    made = workspace / "copy.db"
    with storing(made):
        shutil.copyfile(held.path, made)
    held.require_unmoved()
    return Snapshot(made, private=True)


@contextmanager
def storing(made: Path) -> Generator[None, None, None]:
    """Turn a full or read-only disk below ``made`` into a StorageError."""
    try:
        yield
    except (apsw.FullError, OSError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "the disk is full"
        raise StorageError(
            f"the private copy at {str(made.parent)!r} cannot be written ({reason}); nothing was published: "
            "make room, or set TMPDIR to a folder with more"
        ) from exc


def header(source: Path) -> bytes:
    """Return the file's header, 100 bytes; refuse what is not SQLite."""
    try:
        with source.open("rb") as opened:
            header = opened.read(100)
    except FileNotFoundError:
        raise SourceError(f"there is no file {str(source)!r}: check the name and the folder") from None
    except OSError as exc:
        raise SourceError(f"{str(source)!r} cannot be read: {exc.strerror}") from exc
    if not header:
        raise SourceError(f"{str(source)!r} is empty: it holds no database yet")
    if not header.startswith(MAGIC):
        raise SourceError(f"{str(source)!r} {_not_sqlite(header)}")
    return header


def _not_sqlite(header: bytes) -> str:
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in header):  # noqa: PLR2004 - printable ASCII
        return "is a text file, not a SQLite database: give it the suffix .csv, .tsv, .json or .ndjson if it is one"
    return "is not a SQLite database, or it is encrypted: decrypt it first, for example with sqlcipher_export"


@contextmanager
def _locked(source: Path, wait: float) -> Generator[int | None, None, None]:
    """Hold a read lock on ``source`` and yield its inode; yield None if a journal must be rolled back first.

    The child has a process group of its own, for Ctrl-C at a terminal reaches all of ours: it would die with a trace.
    """
    words = [sys.executable, "-m", "baked_publish.locker", file_uri(source), str(source), str(wait)]
    piped = subprocess.PIPE
    with subprocess.Popen(words, stdin=piped, stdout=piped, text=True, process_group=0) as child:  # noqa: S603
        assert child.stdin  # noqa: S101 - a pipe was asked for
        try:
            yield _locked_inode(source, _answer(child), wait)
        finally:
            child.stdin.close()
            child.wait()


def _answer(child: "subprocess.Popen[str]") -> str:
    """Return the child's one line; end it if we are to end before it has the lock."""
    assert child.stdout  # noqa: S101 - a pipe was asked for
    try:
        return child.stdout.readline().strip()
    except BaseException:
        child.terminate()
        raise


def _locked_inode(source: Path, answer: str, wait: float) -> int | None:
    kind, _, text = answer.partition(" ")
    if kind == "locked":
        return int(text)
    if kind == "Replaced":
        raise Moved(source)
    if kind in {"ReadOnlyError", "CantOpenError"}:
        return None
    if kind == "BusyError":
        raise SourceError(
            f"{str(source)!r} was locked by a writer for more than {wait:g} seconds: try again, or raise --wait"
        )
    raise SourceError(
        f"{str(source)!r} cannot be opened by SQLite: {text or kind or 'no answer'}; check it, or restore it"
    )


def _copied(source: Path, made: Path, wait: float, report: Report) -> Path:
    """Return a recovered copy of ``source`` in rollback mode."""
    for _ in range(TRIES):
        for path in _family(made):
            path.unlink(missing_ok=True)
        try:
            if _in_use(source):
                _back_up(source, made, wait, report)
            else:
                _copy_family(source, made)
                _recover(source, made)
        except Moved:
            report.detail(f"{source.name} changed while it was copied: once more")
            time.sleep(0.05)
            continue
        _set_rollback(made)
        return made
    raise SourceError(
        f"{str(source)!r} changed {TRIES} times while it was copied: stop what writes to it, or bake a copy of it"
    )


def _family(path: Path) -> tuple[Path, ...]:
    return path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-journal", "-shm"))


def _in_use(source: Path) -> bool:
    """Tell whether another process has the WAL database open, by the lock each keeps on ``-shm``."""
    import fcntl  # noqa: PLC0415 - not on Windows, whose files are never read this way

    try:
        opened = os.open(_family(source)[3], os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        answer = fcntl.fcntl(opened, fcntl.F_GETLK, _lock_record(fcntl.F_WRLCK))
    finally:
        os.close(opened)
    return _lock_kind(answer) != fcntl.F_UNLCK


def _lock_record(kind: int) -> bytes:
    """Return a ``struct flock`` of 64-bit Linux or macOS for the one byte."""
    if sys.platform == "darwin":
        return struct.pack("qqihh", DEAD_MAN_SWITCH, 1, 0, kind, os.SEEK_SET)
    return struct.pack("hh4xqqi4x", kind, os.SEEK_SET, DEAD_MAN_SWITCH, 1, 0)


def _lock_kind(record: bytes) -> int:
    kind: int = struct.unpack("qqihh", record)[3] if sys.platform == "darwin" else struct.unpack("hh4xqqi4x", record)[0]
    return kind


def _back_up(source: Path, made: Path, wait: float, report: Report) -> None:
    """Copy by the backup API, all pages from one read transaction."""
    flags = apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_READONLY
    try:
        with closing(apsw.Connection(file_uri(source), flags=flags)) as origin:
            origin.set_busy_handler(patient(wait))
            origin.execute("begin")
            origin.execute("select count(*) from sqlite_schema").fetchall()
            with storing(made), closing(apsw.Connection(str(made))) as target:
                _back_up_pages(origin, target, source.name, report)
    except apsw.BusyError:
        raise SourceError(
            f"{str(source)!r} was locked for more than {wait:g} seconds: try again, or raise --wait"
        ) from None
    except (apsw.NotADBError, apsw.CorruptError) as exc:
        raise SourceError(
            f"{str(source)!r} is corrupt: {exc}; restore it from a backup, or try sqlite3's .recover"
        ) from exc


def _back_up_pages(origin: apsw.Connection, target: apsw.Connection, name: str, report: Report) -> None:
    target.execute("pragma journal_mode=off").fetchall()
    total = Path(origin.filename).stat().st_size
    with target.backup("main", origin, "main") as backup, report.progress(f"copying {name}", total) as advance:
        left = None
        while not backup.done:
            backup.step(PAGES)
            done = (left or backup.page_count) - backup.remaining
            left = backup.remaining
            advance(done * total // max(backup.page_count, 1))


def _copy_family(source: Path, made: Path) -> None:
    """Copy the file with its ``-wal`` or journal; raise Moved if anything changed meanwhile."""
    before = _moves(source)
    for path, target in zip(_family(source)[:3], _family(made)[:3], strict=True):
        try:
            with storing(made):
                shutil.copyfile(path, target)
        except StorageError as exc:
            if not path.exists() and path != source:
                continue
            if isinstance(exc.__cause__, FileNotFoundError):
                raise Moved from exc
            raise
    if _moves(source) != before or _in_use(source):
        raise Moved


def _moves(source: Path) -> tuple[object, ...]:
    """Return what changes whenever the file or one beside it is written or replaced."""
    return tuple(_stamp(path) for path in _family(source)[:3])


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except FileNotFoundError:
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


def _recover(source: Path, made: Path) -> None:
    """Let SQLite roll back the journal, or carry the WAL over, in our own copy."""
    try:
        with storing(made), closing(apsw.Connection(str(made))) as connection:
            connection.execute("select count(*) from sqlite_schema").fetchall()
            connection.execute("pragma wal_checkpoint(truncate)").fetchall()
    except (apsw.NotADBError, apsw.CorruptError) as exc:
        raise SourceError(
            f"{str(source)!r} is corrupt: {exc}; restore it from a backup, or try sqlite3's .recover"
        ) from exc


def _set_rollback(made: Path) -> None:
    """Say in the header that the file is in rollback mode: two bytes, every page stays."""
    with made.open("r+b") as opened:
        opened.seek(VERSIONS.start)
        opened.write(ROLLBACK)
    for path in _family(made)[1:]:
        path.unlink(missing_ok=True)
