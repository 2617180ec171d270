"""Permissions in the metadata: each kind of mistake is an error, because what is ignored would be public."""

import re
from pathlib import Path
from typing import Any

import pytest

from baked_core.manifest import Column, Database, Table, View
from baked_publish.config import Config, load
from baked_publish.errors import ConfigError
from baked_publish.report import Silent

DIGEST = "0" * 64
DATABASES = {
    "d": Database(
        *("d", "databases/d.db", 0, 4096, "", 0),
        tables={
            "t": Table("t", (Column("id", primary_key=1), Column("mail"), Column("name")), 0, ("id",), "rowid"),
            "f": Table("f", (Column("mail"),), 0, virtual="fts5"),
        },
        views={"v": View("v", (Column("mail"),))},
    )
}


def loaded(folder: Path, *texts: str) -> Config:
    files = [folder / f"{number}.yaml" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    return load(files)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "allow: true",
            "allow: false",
            "allow: {}",
            "allow: {id: alice}",
            "allow: {id: [alice, 7]}",
            "allow: {id: '*'}",
        ),
        *("allow: {unauthenticated: true}", "allow: [{id: alice}, {roles: staff}]", "allow_sql: {id: alice}"),
        "permissions: {view-instance: true, view-database: {id: a}, view-database-download: false, execute-sql: {}}",
        "permissions: {view-table: {id: a}, view-query: true}",
        "databases: {d: {allow: {id: a}, allow_sql: false, permissions: {execute-sql: {}, view-table: true}}}",
        "databases: {d: {tables: {t: {allow: {id: a}, permissions: {view-table: {}}, hidden_columns: [mail]}}}}",
        "databases: {d: {queries: {q: {sql: select 1, allow: {id: a}, permissions: {view-query: {}}}}}}",
        "tokens: {alice: {$env: TOKEN}}",
        "tokens: {alice: {$file: /run/secrets/token}}",
        f"tokens: {{alice: {{sha256: '{DIGEST}'}}}}",
        f"tokens: {{alice: [{{$env: NEW}}, {{sha256: '{DIGEST}'}}]}}",
        "tokens: {alice: {token: {$env: TOKEN}, actor: {roles: [staff]}}}",
    ],
)
def test_what_datasette_knows_is_taken(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text).metadata


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("allow:", "'allow' is None, it must be true, false"),
        ("allow: alice", "'allow' is 'alice', it must be true, false"),
        ("allow: []", "it must be true, false"),
        ("allow: [alice]", "it must be true, false"),
        ("allow: {unauthenticated: yes please}", "it must be true, false"),
        ("allow: {id: {a: b}}", "it must be true, false"),
        ("allow: {id: null}", "it must be true, false"),
        (
            "databases: {d: {tables: {t: {allow_sql: true}}}}",
            "'databases.d.tables.t.allow_sql' is not a key of a table",
        ),
        ("databases: {d: {tables: {t: {allows: true}}}}", "not a key of a table, did you mean 'allow'?"),
        ("permissions: {insert-row: {id: a}}", "there is nothing else to permit"),
        ("permissions: {view-tables: {id: a}}", "an allow block for each of some of execute-sql, view-database,"),
        ("databases: {d: {permissions: {view-instance: true}}}", "there is nothing else to permit"),
        ("databases: {d: {tables: {t: {permissions: {view-query: true}}}}}", "some of view-table; there is nothing"),
        ("permissions: {view-table: nobody}", "an allow block for each"),
        ("databases: {d: {tables: {t: {hidden_columns: mail}}}}", "it must be a list of texts"),
        ("tokens: [a]", "'tokens' is not right, it must be tokens by the name"),
        ("tokens: {alice: {sha256: '00'}}", "'tokens' is not right"),
        ("tokens: {alice: []}", "'tokens' is not right"),
        ("tokens: {alice: {$env: ''}}", "'tokens' is not right"),
        ("tokens: {alice: {token: {$env: A}, roles: [a]}}", "'tokens' is not right"),
        ("databases: {d: {tokens: {alice: {$env: A}}}}", "'databases.d.tokens' is not a key of a database"),
    ],
)
def test_what_would_be_ignored_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert said in str(caught.value)


@pytest.mark.parametrize("value", ["topsecret", "[topsecret]", "{token: topsecret}", "{$env: A, clear: topsecret}"])
def test_a_token_in_clear_is_refused_and_not_printed(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"tokens: {{alice: {value}}}")
    assert "never the token itself" in str(caught.value)
    assert "topsecret" not in str(caught.value)


def required(metadata: dict[str, Any]) -> None:
    Config({"databases": metadata}).require_permissions(DATABASES, Silent())


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"x": {"allow": False}}, "a database 'x' that is not published"),
        ({"x": {"tables": {"t": {"allow": False}}}}, "a database 'x' that is not published"),
        ({"d": {"tables": {"T": {"allow": False}}}}, "a table d.T that is not there"),
        (
            {"d": {"tables": {"tt": {"permissions": {"view-table": False}}}}},
            "d.tt that is not there, did you mean 't'?",
        ),
        ({"d": {"tables": {"tt": {"hidden_columns": ["mail"]}}}}, "a table d.tt that is not there"),
        ({"d": {"tables": {"t": {"hidden_columns": ["mial"]}}}}, "d.t.mial that is not there, did you mean 'mail'?"),
        ({"d": {"tables": {"t": {"hidden_columns": ["MAIL"]}}}}, "d.t.MAIL that is not there"),
        ({"d": {"tables": {"t": {"hidden_columns": ["id"]}}}}, "belongs to the key that leads to each row"),
        ({"d": {"tables": {"v": {"hidden_columns": ["mail"]}}}}, "d.v is no ordinary table"),
        ({"d": {"tables": {"f": {"hidden_columns": ["mail"]}}}}, "d.f is no ordinary table"),
    ],
)
def test_a_permission_of_what_is_not_there_is_an_error(said: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ConfigError) as caught:
        required(said)
    assert wrong in str(caught.value)


def test_a_permission_of_what_is_there_is_none() -> None:
    required({"d": {"allow": True, "tables": {"t": {"hidden_columns": ["mail"]}, "v": {"allow": False}}}, "x": {}})


class Heard(Silent):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, message: str) -> None:
        self.warnings.append(message)


@pytest.mark.parametrize(
    ("metadata", "warned"),
    [
        ({"allow": {"id": "alice"}}, True),
        ({"databases": {"d": {"queries": {"q": {"sql": "x", "allow": [{"id": "alice"}]}}}}}, True),
        ({"databases": {"d": {"permissions": {"view-table": {"id": "*"}}}}}, True),
        ({"allow": {"unauthenticated": True}}, False),
        ({"allow": {"id": "alice"}, "tokens": {"alice": {"$env": "A"}}}, False),
        ({"databases": {"d": {"tables": {"t": {"allow": False}}, "queries": {"q": "select 1"}}}}, False),
    ],
)
def test_a_door_without_a_key_is_warned_of(metadata: dict[str, Any], warned: bool) -> None:  # noqa: FBT001 - a case
    heard = Heard()
    Config(metadata).require_permissions(DATABASES, heard)
    assert bool(heard.warnings) is warned


def test_blocks_of_two_files_are_never_mixed(tmp_path: Path) -> None:
    strong = "allow: {id: alice}\npermissions: {view-table: {id: alice}}\ntokens: {alice: {$env: NEW}}"
    weak = "allow: {roles: a}\npermissions: {view-table: {roles: a}, view-query: false}\ntokens: {alice: {$file: a}}"
    found = loaded(tmp_path, strong, weak).metadata
    assert found["allow"] == {"id": "alice"}
    assert found["permissions"] == {"view-table": {"id": "alice"}, "view-query": False}
    assert found["tokens"] == {"alice": {"$env": "NEW"}}


def test_a_permission_of_what_is_not_there_is_told_with_its_line(tmp_path: Path) -> None:
    weak, strong = tmp_path / "weak.yml", tmp_path / "strong.yml"
    weak.write_text("databases:\n  d:\n    tables:\n      tt:\n        allow: false\n")
    strong.write_text("title: Ours\n")
    with pytest.raises(ConfigError, match=rf"{re.escape(str(weak))}:4: permissions are given for a table d\.tt "):
        load((strong, weak)).require_permissions(DATABASES, Silent())
