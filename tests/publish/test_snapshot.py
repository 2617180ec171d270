"""One state of a file, whoever else is writing, and nothing beside the source."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import apsw
import pytest
from line import LIMIT, PROGRAM, SOMEBODY, make_database

from baked_publish.errors import SourceError
from baked_publish.report import Silent
from baked_publish.snapshot import Snapshot, snapshot
from baked_publish.sqlite_uri import file_uri

WRITER = Path(__file__).parents[1] / "support" / "writer.py"
MODES = ("delete", "truncate", "persist", "wal")


@contextmanager
def writer(path: Path, mode: str, step: str) -> Generator["subprocess.Popen[str]", None, None]:
    """Run a writer until the block ends."""
    words = [sys.executable, str(WRITER), str(path), mode, step]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin
        assert child.stdout
        child.stdout.readline()
        try:
            yield child
        finally:
            child.kill() if step == "forever" else child.stdin.close()
            child.wait(LIMIT)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "private"
    folder.mkdir()
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder / "data.db"


def beside(path: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Return all that lies in the source's folder; of a live ``-shm`` the lock marks are not compared."""
    found = {}
    for each in sorted(path.parent.iterdir()):
        seen = each.stat()
        content = b"" if each.name.endswith("-shm") else each.read_bytes()
        found[each.name] = (seen.st_ino, seen.st_size, 0 if each.name.endswith("-shm") else seen.st_mtime_ns, content)
    return found


def query(held: Snapshot, sql: str) -> list[tuple[object, ...]]:
    """Ask the frozen file as the serving app will: immutable."""
    flags = apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_READONLY
    with closing(apsw.Connection(file_uri(held.path, immutable=True), flags=flags)) as connection:
        return connection.execute(sql).fetchall()


def test_a_plain_file_is_read_in_place(data: Path, workspace: Path) -> None:
    make_database(data, 1)
    before = beside(data)
    with snapshot(data, workspace, wait=1, report=Silent()) as held:
        assert (held.path, held.private) == (data, False)
        assert beside(data) == before
        assert not list(workspace.iterdir())
    assert beside(data) == before


def test_a_writer_waits_while_a_plain_file_is_read(data: Path, workspace: Path) -> None:
    make_database(data, 1)
    with closing(apsw.Connection(str(data))) as other:
        with snapshot(data, workspace, wait=1, report=Silent()):
            data.read_bytes()  # opening and closing the file here must not drop the lock
            with pytest.raises(apsw.BusyError):
                other.execute("update state set version = 2")
        other.execute("update state set version = 2")


def test_clean_wal_without_side_files(data: Path, workspace: Path) -> None:
    make_database(data, 1)
    with closing(apsw.Connection(str(data))) as connection:
        connection.execute("pragma journal_mode=wal").fetchall()
    before = beside(data)
    assert list(before) == ["data.db"]
    with snapshot(data, workspace, wait=1, report=Silent()) as held:
        assert held.private
        assert held.path.read_bytes()[18:20] == b"\x01\x01"
        assert held.path.read_bytes()[100:] == data.read_bytes()[100:]
        assert query(held, "select count(*) from items") == [(500,)]
    assert beside(data) == before


def test_live_wal_holds_every_committed_row(data: Path, workspace: Path) -> None:
    with writer(data, "wal", "idle"):
        before = beside(data)
        assert "data.db-wal" in before
        with snapshot(data, workspace, wait=1, report=Silent()) as held:
            assert query(held, "select n from a") == [(1,)]
            assert held.path.read_bytes()[18:20] == b"\x01\x01"
        assert beside(data) == before


def test_a_wal_left_by_a_crash_is_recovered_in_the_copy(data: Path, workspace: Path) -> None:
    with writer(data, "wal", "crash") as child:
        assert child.wait(LIMIT) == -signal.SIGKILL
    before = beside(data)
    assert before["data.db-wal"][1] > 0
    with snapshot(data, workspace, wait=1, report=Silent()) as held:
        assert query(held, "select n from a") == [(1,)]
        assert query(held, "pragma integrity_check") == [("ok",)]
    assert beside(data) == before


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist"])
def test_a_hot_journal_is_rolled_back_in_the_copy(data: Path, workspace: Path, mode: str) -> None:
    with writer(data, mode, "crash") as child:
        assert child.wait(LIMIT) == -signal.SIGKILL
    before = beside(data)
    assert before["data.db-journal"][1] > 0
    with snapshot(data, workspace, wait=1, report=Silent()) as held:
        assert held.private
        assert query(held, "select n from a") == [(1,)]
        assert query(held, "pragma integrity_check") == [("ok",)]
    assert beside(data) == before


@pytest.mark.parametrize("mode", MODES)
def test_under_a_writer_that_never_rests_nothing_is_half_and_nothing_missing(
    data: Path, workspace: Path, mode: str
) -> None:
    with writer(data, mode, "forever") as child:
        assert child.stdout
        for _ in range(8):
            committed = int(child.stdout.readline())
            with snapshot(data, workspace, wait=20, report=Silent()) as held:
                assert query(held, "pragma integrity_check") == [("ok",)]
                (sums,) = query(held, "select (select sum(n) from a), (select sum(n) from b), (select max(n) from a)")
            assert sums[0] == sums[1]
            assert isinstance(sums[2], int)
            assert sums[2] >= committed


@pytest.mark.parametrize("mode", MODES)
def test_the_same_content_gives_the_same_bytes(data: Path, workspace: Path, mode: str) -> None:
    frozen = []
    with writer(data, mode, "idle"):
        for _ in range(2):
            with snapshot(data, workspace, wait=1, report=Silent()) as held:
                frozen.append(held.path.read_bytes())
    assert frozen[0] == frozen[1]


def test_a_changed_row_changes_few_pages(data: Path, workspace: Path) -> None:
    make_database(data, 1, rows=5000)
    frozen = []
    with closing(apsw.Connection(str(data))) as connection:
        connection.execute("pragma journal_mode=wal").fetchall()
        for version in (1, 2):
            connection.execute("update items set version = ? where id = 2500", (version,))
            with snapshot(data, workspace, wait=1, report=Silent()) as held:
                content = held.path.read_bytes()
                frozen.append([content[at : at + 4096] for at in range(0, len(content), 4096)])
    assert len(frozen[0]) == len(frozen[1])
    assert 0 < sum(one != two for one, two in zip(*frozen, strict=True)) <= 3


@pytest.mark.parametrize("name", ["a b", "a?b=c", "a#b", "a%20b", "a\nb", "äö 🛩", "a'b\"c", "-a", "a;b&c"])
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_any_file_name(data: Path, workspace: Path, name: str, mode: str) -> None:
    path = make_database(data.with_name(f"{name}.db"), 1)
    with closing(apsw.Connection(file_uri(path, mode="rw"), flags=apsw.SQLITE_OPEN_URI | 2)) as connection:
        connection.execute(f"pragma journal_mode={mode}").fetchall()
    before = beside(path)
    with snapshot(path, workspace, wait=1, report=Silent()) as held:
        assert query(held, "select version from state") == [(1,)]
    assert beside(path) == before


def test_ctrl_c_at_a_terminal_which_reaches_all_processes_ends_in_one_line(data: Path) -> None:
    make_database(data, 1)
    with closing(apsw.Connection(str(data))) as other:
        other.execute("begin exclusive")
        words = [*PROGRAM, "bake", str(data), "-o", str(data.parent / "baked"), "--wait", "50"]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True) as child:
            assert child.stderr
            assert child.stderr.readline().startswith("bake: ")
            deadline = time.monotonic() + LIMIT
            while data not in opened_by_children(child.pid):
                assert time.monotonic() < deadline, "the lock holder was never started"
                time.sleep(0.01)
            os.killpg(child.pid, signal.SIGINT)
            said = child.communicate(timeout=LIMIT)[1]
    assert child.returncode == 130
    assert said == "Error: interrupted; what was live stays live\n"


def opened_by_children(pid: int) -> set[Path]:
    """Return the files that are open in processes that ``pid`` started."""
    found: set[Path] = set()
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        for each in Path(f"/proc/{child}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                found.add(each.readlink())
    return found


def test_a_locked_file_is_named_after_the_wait(data: Path, workspace: Path) -> None:
    with (
        writer(data, "delete", "lock"),
        pytest.raises(SourceError, match=r"data\.db' was locked by a writer for more than 0\.2 seconds"),
        snapshot(data, workspace, wait=0.2, report=Silent()),
    ):
        pass


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no file"),
        (b"", "is empty"),
        (b"id,name\n1,x\n" * 20, "is a text file, not a SQLite database"),
        (bytes(range(256)) * 16, "is not a SQLite database, or it is encrypted"),
        (b"SQLite format 3\x00" + b"\xff" * 84, "cannot be opened by SQLite"),
    ],
)
def test_what_is_no_database_is_refused_with_the_reason(
    data: Path, workspace: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        data.write_bytes(content)
    with pytest.raises(SourceError, match=said) as refused, snapshot(data, workspace, wait=1, report=Silent()):
        pass
    assert repr(str(data)) in str(refused.value)


def test_a_folder_that_cannot_be_written_is_left_as_it_is(data: Path, workspace: Path) -> None:
    for mode in MODES:
        path = make_database(data.with_name(f"{mode}.db"), 1)
        with closing(apsw.Connection(str(path))) as connection:
            connection.execute(f"pragma journal_mode={mode}").fetchall()
    before = beside(data)
    data.parent.chmod(0o555)
    script = (
        "import sys; from pathlib import Path; from baked_publish.snapshot import snapshot\n"
        "from baked_publish.report import Silent\n"
        "for path in sorted(Path(sys.argv[1]).glob('*.db')):\n"
        "    with snapshot(path, Path(sys.argv[2]), wait=1, report=Silent()) as held: print(held.private)\n"
    )
    words = [*SOMEBODY, sys.executable, "-c", script, str(data.parent), str(workspace)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT, check=False)
    data.parent.chmod(0o755)
    assert done.stdout.split() == ["False", "False", "False", "True"], done.stderr
    assert beside(data) == before
