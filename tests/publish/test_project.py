"""``publish.yaml``: what it makes the defaults, what is wrong in it by line, and the checks before visitors come."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from house import CHECKOUT
from jsonschema_rs import meta
from line import ROWS, make_database, program

from baked_publish.errors import ConfigError, TargetError
from baked_publish.expectations import Expectation
from baked_publish.keeper.record import Record
from baked_publish.project import Project
from baked_publish.schema import schema

PROJECT = """
databases: data/*.db
metadata:
  title: From the file
settings:
  default_page_size: 7
accept: [items.name]
keep: 1
targets:
  local:
    name: site
    workers: 1
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Make a folder with a project in it."""
    (tmp_path / "here" / "data").mkdir(parents=True)
    make_database(tmp_path / "here" / "data" / "data.db", 1)
    (tmp_path / "here" / "publish.yaml").write_text(PROJECT)
    return tmp_path / "here"


@pytest.fixture
def env(tmp_path: Path, here: Path) -> Iterator[dict[str, str]]:
    """Keep what is published in a folder of the test, and take it down."""
    env = {"BAKED_STATE_HOME": str(tmp_path / "state")}
    yield env
    program("unpublish", "local", "site", "--yes", env=env, cwd=here.parent)


def said(here: Path, env: dict[str, str], *words: object, code: int = 0) -> Any:
    done = program(*words, "--json", env=env, cwd=here)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def add(here: Path, text: str) -> None:
    path = here / "publish.yaml"
    path.write_text(path.read_text() + text)


def test_publish_alone_publishes_to_the_default_target(here: Path, env: dict[str, str]) -> None:
    done = said(here, env)
    assert (done["action"], done["deployment"]["target"], done["deployment"]["name"]) == ("published", "local", "site")
    page = httpx.get(f"{done['url']}/data/items.json").json()
    assert len(page["rows"]) == 7
    assert "From the file" in httpx.get(done["url"]).text
    assert said(here, env, "status", "local")["live"]["name"] == "site"
    assert said(here, env, "local")["action"] == "unchanged"


def test_a_flag_is_stronger_than_the_environment_and_that_than_the_file(here: Path, env: dict[str, str]) -> None:
    add(here, "    start_timeout: 31.0\n")
    surely = {**env, "BAKED_LOCAL_WORKERS": "2"}
    told = said(here, surely, "config")["targets"]["local"]
    assert {(each["name"], each["value"], each["source"]) for each in told} >= {
        ("name", "site", "publish.yaml"),
        ("workers", 2, "environment, BAKED_LOCAL_WORKERS"),
        ("start_timeout", 31.0, "publish.yaml"),
        ("keep", 1, "publish.yaml"),
    }
    done = said(here, surely, "local", "--workers", 3, "-s", "default_page_size", 9, "--name", "other", "--dry-run")
    assert done["action"] == "planned"
    assert done["changes"][-1]["what"] == "other on this machine"
    for words, workers in (((), 2), (("--workers", 1), 1)):
        done = said(here, surely, "local", *words)
        folder = Path(env["BAKED_STATE_HOME"]) / "local" / "site" / "deployments" / done["deployment"]["revision"]
        record = Record.read(folder)
        assert record is not None
        assert record.workers == workers


def test_an_environment_that_cannot_be_read_is_told_whoever_asks(here: Path, env: dict[str, str]) -> None:
    for words in (("config",), ("config", "--check")):
        done = said(here, {**env, "BAKED_LOCAL_WORKERS": "many"}, *words, code=2)
        assert done["error"]["message"] == (
            "workers of local (environment, BAKED_LOCAL_WORKERS): 'many' is not a valid integer."
        )


def test_files_on_the_command_line_take_the_place_of_the_databases(here: Path, env: dict[str, str]) -> None:
    other = make_database(here / "other.db", 2)
    assert list(said(here, env, "check", other)["looked"]) == ["other"]
    assert list(said(here, env, "check")["looked"]) == ["data"]


def test_a_database_has_bake_options_of_its_own(here: Path, env: dict[str, str]) -> None:
    make_database(here / "data" / "other.db", 1)
    own = "databases:\n  - data/*.db\n  - path: data/other.db\n    exclude: [items]\n    index_foreign_keys: false\n"
    path = here / "publish.yaml"
    path.write_text(path.read_text().replace("databases: data/*.db\n", own) + "bake: {index_foreign_keys: true}\n")
    told = said(here, env, "config")["own"]
    assert told == {str(here / "data" / "other.db"): {"exclude": ["items"], "index_foreign_keys": False}}
    made = said(here, env, "bake", "-o", "baked")["databases"]
    assert {name: "items" in each["tables"] for name, each in made.items()} == {"data": True, "other": False}
    made = said(here, env, "bake", "data/other.db", "-o", "again")["databases"]
    assert "items" not in made["other"]["tables"]
    (here / "link").symlink_to("data")
    for number, way in enumerate(
        ("link/other.db", here / "data" / ".." / "data" / "other.db", Path("..") / here.name / "data" / "other.db")
    ):
        made = said(here, env, "bake", way, "-o", f"way {number}")["databases"]
        assert "items" not in made["other"]["tables"], f"{way} is the same file"
    path.write_text(path.read_text().replace("[items]", "[itms]"))
    assert "did you mean 'items'?" in said(here, env, "bake", "-o", "third", code=3)["error"]["message"]


def test_a_rollback_keeps_as_many_as_the_file_says_and_all_where_nobody_says_it(
    here: Path, env: dict[str, str]
) -> None:
    for version in (1, 2, 3):
        make_database(here / "data" / "data.db", version)
        said(here, env, "local", "--keep", 9)
    assert said(here.parent, env, "rollback", "local", "site", "--within", 5)["action"] == "rolled back"
    assert len(said(here, env, "history", "local")["deployments"]) == 3
    said(here, env, "rollback", "local", "--within", "0.00001", code=TargetError.exit_code)
    said(here, env, "rollback", "local")
    assert len(said(here, env, "history", "local")["deployments"]) == 2


def test_without_a_file_publish_shows_its_help(tmp_path: Path) -> None:
    done = program(cwd=tmp_path)
    assert "Exit codes" in done.stdout + done.stderr


WRONG = [
    ("kep: 3", "1:", "'kep' is not a key, did you mean 'keep'?"),
    ("databases: 3", "1:", "databases is 3"),
    ("keep: many", "1:", "keep is 'many', it must be a whole number"),
    ("keep: 3\nkeep: 4", "2:", "a second time"),
    ("targets:\n  lokal: {}", "2:", "'lokal' is not a target, did you mean 'local'?"),
    ("targets:\n  local:\n    prot: 1", "3:", "'prot' is not a key of targets.local, did you mean 'port'?"),
    ("targets:\n  docker:\n    restart: never", "3:", "it must be one of: unless-stopped, always"),
    ("checks:\n  - sql: select 1", "2:", "needs one of at_least, at_most, equals, no_rows"),
    ("checks:\n  - at_least: 1", "2:", "needs 'sql'"),
    ("checks:\n  - sql: select 1\n    at_last: 1", "3:", "did you mean 'at_least'?"),
    (
        "databases:\n  - data.db\n  - path: x.db\n    exlude: [a]",
        "4:",
        "'exlude' is not a key of databases.1, did you mean 'exc",
    ),
    ("databases:\n  - fts: []", "2:", "databases.0 needs 'path'"),
    ("databases:\n  - 3", "2:", "databases.0 is 3, it must be a text or keys and values"),
    ("bake:\n  vacuum: 1", "2:", "bake.vacuum is 1, it must be true or false"),
    ("accept: items.name", "1:", "it must be a list"),
    ("settings:\n  default_page_sise: 3", "2:", "'default_page_sise'"),
    ("metadata:\n  titel: x", "2:", "did you mean 'title'?"),
    (
        "metadata:\n  databases:\n    d:\n      tables: {t: {\n        size: 0}}",
        "5:",
        "'databases.d.tables.t.size' is 0",
    ),
    ("metadata: &m\n  a: *m", "", "holds itself"),
    ("a: [", "", "is neither YAML nor JSON"),
    ("keep: .nan", "1:", "'.nan' is nothing that JSON can say"),
    ("name: !!binary aGVsbG8=", "1:", "'aGVsbG8=' is nothing that JSON can say"),
    ('name: "\\ud800"', "1:", "is nothing that JSON can say"),
    ("static: [1]", "1:", "static.0 is 1, it must be a text"),
    ("- a", "1:", "keys and values are needed"),
    ("keep: -1", "1:", "keep is -1, it must be at least 0"),
    ("targets: {fly: {rate: 0}}", "1:", "rate is 0, it must be at least 0.01"),
    ("targets: {fly: {drain: -1.5}}", "1:", "drain is -1.5, it must be at least 0"),
    ("targets: {cloudrun: {tags: -1}}", "1:", "tags is -1, it must be at least 0"),
    ("max_row_loss: 101", "1:", "max_row_loss is 101, it must be at most 100"),
    ("keep: true", "1:", "keep is true, it must be a whole number"),
    ("name:", "1:", "name is empty, it must be a text"),
    ("targets:\n  fly:\n    autostop: off", "3:", "autostop is false: write 'off' in quotes"),
    ("targets: {cloudrun: {secret: [[A, b, c]]}}", "1:", "it must have 2 parts"),
    ("checks: [{sql: select 1, at_least: 1, no_rows: true}]", "1:", "asks for no rows and for a value as well"),
    ("checks: [{sql: select 1, no_rows: false}]", "1:", "no_rows is false, it must be true"),
    ("name: x\n  keep: 3", "2:", "mapping values are not allowed here"),
]


@pytest.mark.parametrize(("text", "line", "words"), WRONG)
def test_what_is_wrong_is_told_by_line(tmp_path: Path, text: str, line: str, words: str) -> None:
    path = tmp_path / "publish.yaml"
    whole = text if text.startswith(("databases", "- a")) else f"{text}\ndatabases: data.db\n"
    path.write_text(whole)
    with pytest.raises(ConfigError) as caught:
        Project.read(path)
    assert words in str(caught.value)
    assert f"publish.yaml:{line}" in str(caught.value) or not line


def test_the_program_tells_it_with_its_exit_code(here: Path, env: dict[str, str]) -> None:
    add(here, "kep: 3\n")
    for words in ((), ("local",), ("config", "--check")):
        done = said(here, env, *words, code=4)
        assert "did you mean 'keep'?" in done["error"]["message"]
    assert program("plugins", cwd=here).returncode == 0


def test_a_glob_that_finds_nothing_is_told(here: Path, env: dict[str, str]) -> None:
    shutil.rmtree(here / "data")
    assert "data/*.db" in said(here, env, code=4)["error"]["message"]
    assert said(here, env, "status", "local", code=11)


# Checks

CHECKS = f"""
checks:
  - sql: select count(*) from items
    at_least: {ROWS}
  - name: every item has a name
    sql: select 1 from items where name is null
    no_rows: true
  - sql: select version from state
    equals: 1
"""


def test_checks_are_asked_of_the_bake_and_of_the_candidate(here: Path, env: dict[str, str]) -> None:
    add(here, CHECKS + "    database: data\n")
    add(here, "")
    done = program(env=env, cwd=here)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("holds: every item has a name") == 2


def test_a_check_that_fails_stops_before_anything_is_built(here: Path, env: dict[str, str]) -> None:
    add(here, CHECKS)
    live = said(here, env)
    make_database(here / "data" / "data.db", 2, rows=ROWS - 1)
    done = program(env=env, cwd=here)
    assert done.returncode == 15
    assert f"select count(*) from items: {ROWS - 1} found, expected at least {ROWS}" in done.stderr
    assert "select version from state: 2 found, expected 1" in done.stderr
    assert "build" not in done.stderr
    assert said(here, env, "status", "local")["live"]["revision"] == live["deployment"]["revision"]


def test_a_check_holds_where_visitors_may_not_send_sql(here: Path, env: dict[str, str]) -> None:
    path = here / "publish.yaml"
    path.write_text(path.read_text().replace("settings:", "settings:\n  default_allow_sql: off") + CHECKS)
    done = said(here, env)
    asked = f"{done['url']}/-/verify?_only=query&database=data&sql=select+1"
    assert httpx.get(asked).status_code == 404
    assert httpx.get(asked, headers={"Authorization": "Bearer guess"}).status_code == 404
    assert httpx.get(f"{done['url']}/data/-/query.json?sql=select+1").status_code == 403


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select 1 from nowhere", "no such table: nowhere"),
        ("select 1, 2", "2 columns found"),
        ("select 1 where 0", "no rows"),
        ("delete from items", "readonly"),
        ("select 'many'", "'many' found, expected a number"),
    ],
)
def test_a_check_that_cannot_be_answered_is_told(here: Path, env: dict[str, str], sql: str, words: str) -> None:
    add(here, f'checks: [{{sql: "{sql}", at_least: 1}}]\n')
    assert words in said(here, env, code=15)["error"]["message"]


def test_what_is_expected() -> None:
    assert Expectation("", at_least=1).amiss([[1]]) is None
    assert Expectation("", at_most=1).amiss([[2]]) == "2 found, expected at most 1"
    assert Expectation("", no_rows=True).amiss([]) is None
    assert Expectation("", no_rows=True).amiss([[None]]) == "one row found, expected none"
    assert Expectation("", equals="a").amiss([["a"]]) is None


# init, schema


def test_init_writes_a_file_that_is_right(tmp_path: Path) -> None:
    make_database(tmp_path / "votes.db", 1)
    done = said(tmp_path, {}, "init")
    assert (done["target"], done["name"], done["databases"]) == ("local", "votes", ["votes.db"])
    assert said(tmp_path, {}, "config", "--check")["databases"] == ["votes.db"]
    assert "--overwrite" in said(tmp_path, {}, "init", code=2)["error"]["message"]
    said(tmp_path, {}, "init", "votes.db", "--to", "docker", "--name", "polls", "--overwrite")
    assert Project.read(tmp_path / "publish.yaml").target == "docker"


def test_init_takes_options_of_the_target_and_writes_nothing_that_is_wrong(tmp_path: Path) -> None:
    make_database(tmp_path / "votes.db", 1)
    said(tmp_path, {}, "init", "--to", "cloudrun", "-o", "region", "europe-west1", "-o", "max-instances", 3)
    text = (tmp_path / "publish.yaml").read_text()
    assert "    region: europe-west1\n    max_instances: 3\n" in text
    (tmp_path / "publish.yaml").unlink()
    for words, code, told in (
        (("no.db",), 3, "there is no file 'no.db'"),
        (("--to", "fly", "--name", "Bad Name"), 4, "'Bad Name' cannot be an app's name"),
        (("--to", "fly", "-o", "regoin", "ams"), 4, "did you mean 'region'?"),
        (("--to", "fly", "-o", "memory", "lots"), 4, "it must be a whole number"),
    ):
        assert told in said(tmp_path, {}, "init", *words, code=code)["error"]["message"]
        assert not (tmp_path / "publish.yaml").exists()


def test_the_schema_is_one_and_lies_beside_the_documentation() -> None:
    made = schema()
    meta.validate(made)
    assert json.loads((CHECKOUT / "docs" / "publish.schema.json").read_text("utf-8")) == json.loads(json.dumps(made))
    assert {"local", "docker", "registry"} <= set(made["properties"]["targets"]["properties"])
