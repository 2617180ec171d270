"""The bake: what a Bundle holds, that the same input gives the same digest, and what is refused."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from line import LIMIT, PROGRAM, SOMEBODY, make_database, program, result

from baked_core.manifest import Figures, Manifest
from baked_publish.bake import BakeOptions, bake
from baked_publish.bundle import Bundle
from baked_publish.config import Config
from baked_publish.errors import SourceError
from baked_publish.report import Silent
from baked_publish.site import Site
from baked_publish.sources import Source


def baked(*paths: Path, config: Config | None = None, options: BakeOptions | None = None) -> Bundle:
    sources = [Source(path.stem, path, path) for path in paths]
    with bake(sources, Site(), config or Config(), options or BakeOptions(), Silent()) as bundle:
        return bundle


def test_a_bundle_holds_databases_and_the_app_by_digest(tmp_path: Path) -> None:
    bundle = baked(make_database(tmp_path / "one.db", 1), make_database(tmp_path / "two.db", 2))
    paths = [file.path for file in bundle.files]
    assert paths == sorted(paths)
    assert {"databases/one.db", "databases/two.db", "app/baked_core/app.py"} <= set(paths)
    assert any(path.startswith("app/baked_core/templates/") for path in paths)
    assert not any("__pycache__" in path for path in paths)
    assert bundle.manifest.databases["one"].tables["items"].count == 500
    assert Manifest.from_json(bundle.manifest.to_json()) == bundle.manifest


def test_a_plain_file_is_never_copied(tmp_path: Path) -> None:
    path = make_database(tmp_path / "data.db", 1)
    bundle = baked(path)
    assert next(file.source for file in bundle.files if file.path == "databases/data.db") == path


def test_the_manifest_tells_no_time_no_host_and_no_path(tmp_path: Path) -> None:
    said = baked(make_database(tmp_path / "data.db", 1)).manifest.to_json().decode()
    assert str(tmp_path) not in said
    assert os.uname().nodename not in said
    assert "mtime" not in said


SURROUNDINGS = {
    "another time zone": ({"TZ": "Pacific/Kiritimati"}, ()),
    "another locale": ({"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}, ()),
    "no locale": ({"LC_ALL": "C", "PYTHONUTF8": "0"}, ()),
    "another hash seed": ({"PYTHONHASHSEED": "7"}, ()),
    "another umask": ({}, ("sh", "-c", 'umask 077; exec "$0" "$@"')),
    "another user": ({}, SOMEBODY),
    "another home": ({"HOME": "/nonexistent"}, ()),
}


@pytest.mark.parametrize("what", SURROUNDINGS)
def test_the_same_input_gives_the_same_digest_in(tmp_path: Path, what: str) -> None:
    """Bake a database, a WAL database, a CSV file and metadata here and in other surroundings."""
    source = tmp_path / "source"
    source.mkdir(mode=0o755)
    make_database(source / "data.db", 1)
    connection = apsw.Connection(str(make_database(source / "wal.db", 2)))
    connection.execute("pragma journal_mode=wal").fetchall()
    connection.close()
    (source / "metadata.yaml").write_text("title: Ünïcödé\nlicense: CC0\n")
    (source / "places.csv").write_text("zip,näme,n\n00501,Holtsville,1.50\n")
    files = [source / "data.db", source / "wal.db", source / "places.csv"]
    args = [*map(str, files), "-m", str(source / "metadata.yaml"), "--json"]
    here = result("bake", *args[:-1], "-o", tmp_path / "here")["bundle"]
    env, prefix = SURROUNDINGS[what]
    words = [*prefix, *PROGRAM, "bake", *args, "-o", str(tmp_path / "there")]
    done = subprocess.run(words, env={**os.environ, **env}, capture_output=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["bundle"] == here


def test_tables_are_told_alike_whether_a_file_is_read_in_place_or_another_process_has_it_open(tmp_path: Path) -> None:
    """Also what their first rows say of each column."""
    path = make_database(tmp_path / "data.db", 1)
    here = baked(path).manifest.databases["data"].tables
    connection = apsw.Connection(str(path))
    connection.execute("pragma journal_mode=wal").fetchall()
    connection.execute("update state set version = version")
    assert baked(path).manifest.databases["data"].tables == here
    connection.close()
    figures = {column.name: column.figures for column in here["items"].columns}
    assert figures == {"id": None, "name": Figures(500, 500), "version": Figures(500, 1)}


def test_a_read_only_folder_as_the_current_one_does_not_matter(tmp_path: Path) -> None:
    path = make_database(tmp_path / "data.db", 1)
    current = tmp_path / "current"
    current.mkdir()
    current.chmod(0o555)
    words = [*SOMEBODY, *PROGRAM, "bake", str(path), "-o", str(tmp_path / "baked")]
    done = subprocess.run(words, cwd=current, capture_output=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_a_corrupt_page_is_found_and_the_file_named(tmp_path: Path) -> None:
    path = make_database(tmp_path / "data.db", 1, rows=5000)
    content = bytearray(path.read_bytes())
    content[4096 * 5 : 4096 * 5 + 2000] = b"\x55" * 2000
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"data\.db' is corrupt") as refused:
        baked(path)
    assert repr(str(path)) in str(refused.value)


def test_a_truncated_file_is_found(tmp_path: Path) -> None:
    path = make_database(tmp_path / "data.db", 1, rows=5000)
    with path.open("r+b") as opened:
        opened.truncate(4096 * 7)
    with pytest.raises(SourceError, match=r"data\.db'"):
        baked(path)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _path: None, "there is no file"),
        (lambda path: path.touch(), "is empty"),
        (lambda path: path.write_bytes(os.urandom(8192)), "encrypted"),
    ],
)
def test_refusals_have_an_exit_code_and_leave_nothing(tmp_path: Path, make: object, said: str) -> None:
    path = tmp_path / "odd name?.db"
    assert callable(make)
    make(path)
    done = program("bake", path, "-o", tmp_path / "baked")
    assert done.returncode == 3
    assert said in done.stderr
    assert "odd name?.db" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "baked").exists()


def test_two_files_of_one_name_are_refused_naming_both(tmp_path: Path) -> None:
    files = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        files.append(make_database(tmp_path / folder / "data.db", 1))
    done = program("bake", *files, "-o", tmp_path / "baked")
    assert done.returncode == 3
    assert all(str(file) in done.stderr for file in files)


def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    path = make_database(tmp_path / "data.db", 1)
    path.chmod(0o000)
    words = [*SOMEBODY, *PROGRAM, "bake", str(path), "-o", str(tmp_path / "baked")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 3
    assert "Permission denied" in done.stderr


def test_a_file_replaced_while_it_is_baked_is_noticed(tmp_path: Path) -> None:
    """Replace the file again and again; each bake gives one whole state or says that it changed."""
    path = make_database(tmp_path / "data.db", 0, rows=2000)
    stop = threading.Event()

    def replace() -> None:
        version = 0
        while not stop.is_set():
            version += 1
            make_database(tmp_path / "next.db", version, rows=2000).replace(path)
            stop.wait(0.7)

    thread = threading.Thread(target=replace)
    thread.start()
    whole = 0
    try:
        for number in range(12):
            done = program("bake", path, "-o", tmp_path / f"baked{number}")
            if done.returncode == 0:
                whole += 1
                assert consistent(tmp_path / f"baked{number}")
            else:
                assert done.returncode == 3, done.stderr
                assert "changed" in done.stderr
    finally:
        stop.set()
        thread.join(LIMIT)
    assert whole


def consistent(folder: Path) -> bool:
    """Tell whether the frozen file is what the Manifest says, and one version throughout."""
    manifest = Manifest.from_json((folder / "manifest.json").read_bytes())
    connection = apsw.Connection(str(folder / "databases" / "data.db"), flags=apsw.SQLITE_OPEN_READONLY)
    versions = connection.execute("select version from items union select version from state").fetchall()
    connection.close()
    return len(versions) == 1 and manifest.databases["data"].tables["items"].count == 2000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 1 MB, in a way that root can."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path, small_disk: Path) -> None:
    path = make_database(tmp_path / "data.db", 1, rows=60_000)
    connection = apsw.Connection(str(path))
    connection.execute("pragma journal_mode=wal").fetchall()
    connection.close()
    for env, output in (({"TMPDIR": str(small_disk)}, tmp_path / "baked"), ({}, small_disk / "baked")):
        done = program("bake", path, "-o", output, env=env)
        assert done.returncode == 12, done.stderr
        assert str(small_disk) in done.stderr
        assert "No space left" in done.stderr or "full" in done.stderr
        assert not list(small_disk.iterdir())


def test_an_unknown_metadata_key_stops_the_bake(tmp_path: Path) -> None:
    (tmp_path / "metadata.yaml").write_text("titel: oops\n")
    done = program(
        "bake", make_database(tmp_path / "data.db", 1), "-m", tmp_path / "metadata.yaml", "-o", tmp_path / "b"
    )
    assert done.returncode == 4
    assert "'titel' is not a key of a file, did you mean 'title'?" in done.stderr


def test_metadata_that_names_nothing_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "metadata.yaml").write_text("databases: {data: {tables: {itmes: {title: x}}}}\n")
    done = program(
        "bake", make_database(tmp_path / "data.db", 1), "-m", tmp_path / "metadata.yaml", "-o", tmp_path / "b"
    )
    assert done.returncode == 0
    assert "data.itmes that is not there, did you mean 'items'?" in done.stderr


def test_nothing_private_is_left_in_the_temporary_folder(tmp_path: Path) -> None:
    private = tmp_path / "tmp"
    private.mkdir()
    for name in ("data.db", "missing.db"):
        if name == "data.db":
            make_database(tmp_path / name, 1)
        program("bake", tmp_path / name, "--vacuum", "-o", tmp_path / "b", env={"TMPDIR": str(private)})
        assert not list(private.iterdir())
