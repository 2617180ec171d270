"""CSV, TSV, JSON and newline-delimited JSON become SQLite, the same bytes on any machine."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from line import LIMIT

from baked_publish.convert import Kind, convert, convertible
from baked_publish.errors import SourceError
from baked_publish.report import Silent


def converted(folder: Path, name: str, content: str | bytes) -> tuple[dict[str, str], list[tuple[Any, ...]]]:
    """Convert ``content`` and return the columns with their types, and the rows."""
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    kind = convertible(file)
    assert kind is not None
    made = convert(file, kind, folder / "made.db", Silent())
    with closing(apsw.Connection(str(made))) as connection:
        listed = connection.execute("select name, type from pragma_table_info(?)", (file.stem,)).fetchall()
        rows = connection.execute(f'select * from "{file.stem}"').fetchall()
        return {str(name): str(kind) for name, kind in listed}, rows


def test_numbers_are_numbers_and_codes_stay_text(tmp_path: Path) -> None:
    columns, rows = converted(
        tmp_path,
        "t.csv",
        "zip,n,f,big,plus,under,space,minus,exp,mixed\n"
        "00501,1,1.5,99999999999999999999,+1,1_0, 1,-3,1e3,1\n"
        "10001,2,2,1,1,1,1,-0.5,2.5E-1,x\n",
    )
    assert columns == {
        "zip": "TEXT",
        "n": "INTEGER",
        "f": "REAL",
        "big": "TEXT",
        "plus": "TEXT",
        "under": "TEXT",
        "space": "TEXT",
        "minus": "REAL",
        "exp": "REAL",
        "mixed": "TEXT",
    }
    assert rows[0] == ("00501", 1, 1.5, "99999999999999999999", "+1", "1_0", " 1", -3.0, 1000.0, "1")


def test_an_empty_cell_is_null_among_numbers_and_empty_among_texts(tmp_path: Path) -> None:
    assert converted(tmp_path, "t.csv", "n,s\n1,a\n,\n")[1] == [(1, "a"), (None, "")]


def test_a_column_without_any_value_is_text(tmp_path: Path) -> None:
    columns, rows = converted(tmp_path, "t.csv", "a,b\n,1\n,2\n")
    assert columns["a"] == "TEXT"
    assert rows == [("", 1), ("", 2)]


@pytest.mark.parametrize("content", ["a;b\n1;x,y\n", "\ufeffa;b\r\n1;x,y\r\n", 'a;b\n1;"x,y"\n\n'])
def test_semicolons_marks_and_line_ends(tmp_path: Path, content: str) -> None:
    assert converted(tmp_path, "t.csv", content)[1] == [(1, "x,y")]


def test_quoted_newlines_and_quotes(tmp_path: Path) -> None:
    assert converted(tmp_path, "t.csv", 'a,b\n"x\ny","he said ""no"""\n')[1] == [("x\ny", 'he said "no"')]


def test_tabs(tmp_path: Path) -> None:
    assert converted(tmp_path, "t.tsv", "a\tb\n1\tx, y\n")[1] == [(1, "x, y")]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", "a,b\n1,2\n1,2,3\n", r"line 3 has 3 cells, its header 2"),
        ("t.csv", "a,b\n1\n", r"line 2 has 1 cells"),
        ("t.csv", "", "has no header"),
        ("t.csv", "a,A\n1,2\n", "names the column 'a' twice"),
        ("t.csv", "a,,c\n1,2,3\n", "has no name for column 2"),
        ("t.csv", b"a\n\xff\xfe\n", "cannot be read as CSV in UTF-8"),
        ("t.csv", "a\n" + '"x\n' * 3, "cannot be read as CSV"),
        ("t.json", "{", "cannot be read as JSON"),
        ("t.json", "[]", "holds no list of objects"),
        ("t.json", "3", "holds no list of objects"),
        ("t.json", "[1, 2]", "row 1 is int, not an object"),
        ("t.ndjson", '{"a": 1}\n{"a": \n', "cannot be read as NDJSON"),
        ("t.ndjson", '{"a": 1}\n[2]\n', "line 2 is list, not an object"),
        ("t.ndjson", "\n", "no rows from which columns could be known"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said) as refused:
        converted(tmp_path, name, content)
    assert "t" in str(refused.value)


def test_json_keeps_its_kinds(tmp_path: Path) -> None:
    content = """[{"i": 1, "f": 1.5, "s": "x", "b": true, "n": null, "o": {"a": [1]}, "h": 123456789012345678901},
                  {"i": 2, "extra": "late", "f": 2}]"""
    columns, rows = converted(tmp_path, "t.json", content)
    assert columns["i"] == "INTEGER"
    assert columns["s"] == "TEXT"
    assert list(columns) == ["i", "f", "s", "b", "n", "o", "h", "extra"]
    assert rows[0] == (1, 1.5, "x", 1, None, '{"a":[1]}', pytest.approx(1.2345678901234568e20), None)
    assert rows[1][-1] == "late"


def test_the_one_list_in_an_object_is_the_table(tmp_path: Path) -> None:
    assert converted(tmp_path, "t.json", '{"count": 1, "results": [{"a": 1}]}')[1] == [(1,)]


def test_lines_of_json(tmp_path: Path) -> None:
    assert converted(tmp_path, "t.jsonl", '{"a": 1}\n\n{"a": 2, "b": "x"}\n')[1] == [(1, None), (2, "x")]


def test_names_of_any_kind(tmp_path: Path) -> None:
    assert list(converted(tmp_path, "t.csv", '"a ""b""",select,ä🛩\n1,2,3\n')[0]) == ['a "b"', "select", "ä🛩"]


def test_other_suffixes_are_not_converted() -> None:
    assert convertible(Path("x.db")) is None
    assert convertible(Path("x.CSV")) is Kind.CSV


def test_the_bytes_are_the_same_in_other_surroundings(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("zip,n,ä\n00501,1,é\n" * 1, encoding="utf-8")
    script = (
        "import sys; from pathlib import Path; from baked_publish.convert import *\n"
        "from baked_publish.report import Silent\n"
        "convert(Path(sys.argv[1]), Kind.CSV, Path(sys.argv[2]), Silent())"
    )
    made = []
    for number, env in enumerate(({}, {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONHASHSEED": "3"})):
        out = tmp_path / f"{number}.db"
        words = [sys.executable, "-c", script, str(file), str(out)]
        subprocess.run(words, env={**os.environ, **env}, check=True, timeout=LIMIT)
        made.append(out.read_bytes())
    assert made[0] == made[1]


def test_a_large_file_never_lies_in_memory(tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    with file.open("w") as opened:
        opened.write("id,text\n")
        for number in range(60_000):
            opened.write(f"{number},{'x' * 1000}\n")
    script = (
        "import resource, sys; from pathlib import Path; from baked_publish.convert import *\n"
        "from baked_publish.report import Silent\n"
        "import sqlite_utils.utils\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "convert(Path(sys.argv[1]), Kind.CSV, Path(sys.argv[2]), Silent())\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    words = [sys.executable, "-c", script, str(file), str(tmp_path / "large.db")]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=LIMIT)
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < file.stat().st_size / 3


def test_keys_of_rows_are_not_taken_for_columns(tmp_path: Path) -> None:
    """An object of objects, as an API answers that knows its rows by id."""
    rows = ", ".join(f'"{number}": {{"name": "n"}}' for number in range(3000))
    with pytest.raises(SourceError, match=r"t\.json' has 3,000 columns.*at most 2,000.*list of objects, one a row"):
        converted(tmp_path, "t.json", f"{{{rows}}}")
    many = ",".join(f"c{number}" for number in range(2001))
    with pytest.raises(SourceError, match=r"has 2,001 columns.*split it"):
        converted(tmp_path, "t.csv", f"{many}\n{many}\n")
    most = ",".join(f"c{number}" for number in range(2000))
    assert len(converted(tmp_path, "wide.csv", f"{most}\n{most}\n")[0]) == 2000


def test_names_that_are_one_to_sqlite_are_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="'Name' and 'name', one to SQLite"):
        converted(tmp_path, "t.json", '[{"Name": 1}, {"name": 2}]')
    assert list(converted(tmp_path, "u.json", '[{"\u00c4": 1, "\u00e4": 2}]')[0]) == ["\u00c4", "\u00e4"]


@pytest.mark.parametrize(("name", "content"), [("sqlite_x.json", '[{"a": 1}]'), ("t.json", '[{"a\\u0000b": 1}]')])
def test_what_sqlite_cannot_name_is_told(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(SourceError, match="cannot be a table of SQLite"):
        converted(tmp_path, name, content)
