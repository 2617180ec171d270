"""Inspection: what ``publish config --check`` finds beyond the file's shape, before a publish stumbles over it."""

from pathlib import Path

import pytest
from line import make_database, program

from baked_publish.inspection import inspect
from baked_publish.project import Project

WRONG = [
    ("databases: no.db", 1, "there is no file '{}/no.db'"),
    ("databases:\n- data.db\n- note.txt", 3, "'{}/note.txt' is a text file, not a SQLite database"),
    ("databases: [data.db, below/DATA.db]", 1, "would both be database 'DATA'"),
    ("databases: [data.db, below]", 1, "'{}/below' is a folder: name one folder alone"),
    ("databases: data.db\nmetadata: no.yaml", 2, "'{}/no.yaml' cannot be read: No such file or directory"),
    ("databases: data.db\nmetadata: bad.yaml", 2, "{}/bad.yaml:1: 'titel' is not a key"),
    ("databases: data.db\ntemplate_dir: gone", 2, "template_dir: there is no folder '{}/gone'"),
    ("databases: data.db\nplugins_dir: gone", 2, "plugins_dir: there is no folder '{}/gone'"),
    ("databases: data.db\nstatic: [photos]", 2, "--static 'photos' is not MOUNT:DIR"),
    ("databases: data.db\nstatic:\n- p:no", 3, "there is no folder '{}/no'"),
    ("databases: data.db\nchecks:\n- sql: selec 1\n  no_rows: true", 3, 'near "selec": syntax error'),
    ("databases: rows.csv\nchecks:\n- sql: selec 1\n  no_rows: true", 3, 'near "selec": syntax error'),
    ("databases: data.db\nchecks: [{sql: select 1 from itms, at_least: 1}]", 2, "no such table: itms"),
    ("databases: data.db\nchecks: [{sql: delete from items, no_rows: true}]", 2, "a check only reads"),
    ("databases: data.db\nchecks: [{sql: select 1; select 2, at_least: 1}]", 2, "more than one statement"),
    ("databases: [data.db, x.db]\nchecks: [{sql: select 1, at_least: 1}]", 2, "which database it asks: data, x"),
    ("databases: data.db\nchecks: [{sql: select 1, at_least: 1, database: dta}]", 2, "did you mean 'data'?"),
]
RIGHT = [
    "databases: [data.db, rows.csv]\nchecks: [{sql: select 1 from anything, at_least: 1, database: rows}]",
    "databases: data.db\nbake: {fts: ['items:name']}\nchecks: [{sql: select 1 from items_fts, no_rows: true}]",
    "databases: below\nchecks: [{sql: select 1 from items, at_least: 1}]",
]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "below").mkdir()
    for name in ("data.db", "x.db", "below/DATA.db"):
        make_database(tmp_path / name, 1)
    for name, text in {"note.txt": "hello " * 30, "rows.csv": "a,b\n1,2\n", "bad.yaml": "titel: x\n"}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def found(here: Path, text: str) -> list[tuple[int, str]]:
    (here / "publish.yaml").write_text(text)
    project = Project.read(here / "publish.yaml")
    return [(project.line(at), words) for at, words in inspect(project)]


@pytest.mark.parametrize(("text", "line", "words"), WRONG)
def test_what_a_publish_would_stumble_over_is_told_by_line(here: Path, text: str, line: int, words: str) -> None:
    ((at, said),) = found(here, text)
    assert at == line
    assert words.format(here) in said


@pytest.mark.parametrize("text", RIGHT)
def test_what_the_bake_makes_first_is_not_missed(here: Path, text: str) -> None:
    assert found(here, text) == []


def test_the_program_tells_all_of_it_with_what_targets_refuse(here: Path) -> None:
    named = "targets:\n  cloudrun: {memory: 512m, domain: 'http://x.org/'}\n  fly:\n    name: Bad_Name\n  local:\n"
    (here / "publish.yaml").write_text(f"databases: data.db\nmetadata: no.yaml\n{named}")
    done = program("config", "--check", cwd=here)
    assert done.returncode == 4
    told = done.stderr.splitlines()
    assert [line.partition(" ")[0] for line in told[1:]] == ["publish.yaml:4:", "publish.yaml:5:"]
    for line, words in zip(told, ("no.yaml", "'512m' is no size", "'Bad_Name' cannot be an app's name"), strict=True):
        assert words in line
