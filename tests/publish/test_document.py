"""A Document is read as YAML says, but for what YAML makes of texts by surprise, and knows the line of each key."""

from pathlib import Path

import pytest

from baked_publish.config import load
from baked_publish.document import Document
from baked_publish.errors import ConfigError


def read(folder: Path, text: str) -> Document:
    path = folder / "some.yaml"
    path.write_text(text)
    return Document.read(path, such="title: Votes")


def grown(form: str, times: int) -> str:
    """Say ten times what the line before says ten times."""
    return "\n".join(f"a{n}: &a{n} " + form.format(", ".join([f"*a{n - 1}"] * 10)) for n in range(1, times + 1))


def laughs(times: int) -> str:
    return "a0: &a0 [lol]\n" + grown("[{}]", times)


def test_aliases_that_stay_small_are_taken(tmp_path: Path) -> None:
    assert read(tmp_path, laughs(4)).value["a4"][9][9][9][9] == ["lol"]


def test_each_key_has_its_line_and_what_has_none_that_of_what_is_around_it(tmp_path: Path) -> None:
    document = read(tmp_path, "a: 1\nb:\n  - c: x\n    d: {e: 2}\n")
    assert document.value == {"a": 1, "b": [{"c": "x", "d": {"e": 2}}]}
    assert [document.line(at) for at in (("a",), ("b", 0, "c"), ("b", 0, "d", "e"), ("b", 7), ("z",), ())] == [
        *(1, 3, 4, 2, 1, 1)
    ]
    assert document.place(("b",)) == f"{tmp_path / 'some.yaml'}:2"


def test_json_is_read_with_its_lines(tmp_path: Path) -> None:
    document = read(tmp_path, '{\n  "title": "Votes",\n  "databases": {\n    "d": {}\n  }\n}\n')
    assert document.value == {"title": "Votes", "databases": {"d": {}}}
    assert document.line(("databases", "d")) == 4


def test_keys_and_days_stay_the_texts_that_they_are(tmp_path: Path) -> None:
    document = read(tmp_path, "no: 1\nnull: 2\n007: 3\n2026-11-25: 2026-11-26\n")
    assert document.value == {"no": 1, "null": 2, "007": 3, "2026-11-25": "2026-11-26"}


def test_what_is_said_once_may_be_merged_and_meant_again(tmp_path: Path) -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [{x: 4}, *a]}\nd: *a\n"
    assert read(tmp_path, text).value == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 4, "y": 2},
        "d": {"x": 1, "y": 2},
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2", r"some\.yaml:2: the key 'a' stands here a second time"),
        ("- a", r"some\.yaml:1: keys and values are needed, such as `title: Votes`"),
        ("a: 1\nb: .inf", r"some\.yaml:2: '\.inf' is nothing that JSON can say"),
        ("a: 1\nb: !!int x", r"some\.yaml:2: "),
        ("b:\n  <<: 3", r"some\.yaml:2: `<<` takes keys and values, not 3"),
        ("a: [", r"some\.yaml:1: this is neither YAML nor JSON: .* found the end of the file while parsing"),
        ("a: &a [*a]", "holds itself"),
        (laughs(9), r"some\.yaml:1: aliases, such as \*name, repeat this and more: 1,000,000 characters"),
        (f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 11)}]", r"some\.yaml:1: aliases"),
        ("a0: &a0 {x: 1}\n" + grown("{{<<: [{}]}}", 9), r"some\.yaml:1: aliases"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, text)


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml' cannot be read"):
        Document.read(tmp_path / "none.yaml", such="")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError, match=r"bytes\.yaml' cannot be read"):
        Document.read(tmp_path / "bytes.yaml", such="")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("title: x\ntitel: y\n", 2),
        ("databases:\n  d:\n    tables:\n      t:\n        size: 0\n", 5),
        ("databases:\n  d:\n    queries:\n      q: {title: x}\n", 4),
        ("title: x\nsettings:\n  cors: maybe\n", 3),
        ("title: x\nsettings: 3\n", 2),
        ("databases:\n  d:\n    allow: {id: x}\n    tables: 3\n", 4),
    ],
)
def test_metadata_that_is_wrong_is_told_with_file_and_line(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "metadata.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load([path])
    assert str(raised.value).startswith(f"{path}:{line}: ")


def test_json_may_write_a_sign_as_two_halves(tmp_path: Path) -> None:
    assert read(tmp_path, r'{"tree": "\ud83c\udf33", "\ud83c\udf33": 1}').value == {"tree": "🌳", "🌳": 1}
    for half in (r'{"a": "\ud83c"}', r'{"\ud83c": 1}'):
        with pytest.raises(ConfigError, match=r"some\.yaml:1: .* is nothing that JSON can say"):
            read(tmp_path, half)


def test_a_key_stands_where_it_was_written_and_not_where_what_is_merged_was(tmp_path: Path) -> None:
    document = read(tmp_path, "base: &b\n  x: 1\nother:\n  <<: *b\n  x: 3\n")
    assert document.value["other"] == {"x": 3}
    assert document.line(("other", "x")) == 5
