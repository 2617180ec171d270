"""The page about permissions: its example does what it says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from baking import baked_of
from house import CHECKOUT
from starlette.testclient import TestClient

from baked_core.app import create_app
from baked_core.permissions.rules import ACTIONS
from baked_publish.audience import unseen
from baked_publish.config import load
from baked_publish.report import Silent

PAGE = (CHECKOUT / "docs" / "permissions.md").read_text("utf-8")
OFFICE = """
create table salaries(id integer primary key, person integer references people(id), raised integer, amount integer);
create table people(id integer primary key, name text, email text);
create view salaries_by_year as select raised, avg(amount) as amount from salaries group by raised;
insert into people values(1, 'Ann', 'ann@example.org');
insert into salaries values(1, 1, 2020, 5000), (2, 1, 2024, 6000);
"""
SECRETS = {name: f"{name}-has-a-long-token" for name in ("alice", "bob")}


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    (tmp_path / "bob").write_text(SECRETS["bob"] + "\n")
    (tmp_path / "m.yaml").write_text(example[1].replace("/run/secrets/bob", str(tmp_path / "bob")))
    monkeypatch.setenv("ALICE_TOKEN", SECRETS["alice"])
    config = load([tmp_path / "m.yaml"])
    baked = baked_of(tmp_path, metadata=config.metadata, office=OFFICE, drafts="create table notes(a)")
    config.require_permissions(baked.manifest.databases, Silent())
    assert list(config.check(baked.manifest.databases)) == []
    assert SECRETS["alice"] not in baked.manifest.to_json().decode()
    with TestClient(create_app(baked)) as client:
        yield client


@pytest.mark.parametrize(
    ("place", "nobody", "alice", "bob"),
    [
        ("/office/salaries.json", 404, 200, 404),
        ("/office/people.json", 200, 200, 200),
        ("/office/people.json?email=x", 400, 400, 400),
        ("/office/salaries_by_year.json", 200, 200, 200),
        ("/office/raises.json?since=2021", 404, 200, 200),
        ("/drafts.json", 404, 404, 200),
        ("/drafts/notes.json", 404, 404, 200),
        ("/office/-/query.json?sql=select+name+from+people", 403, 200, 200),
        ("/office.db", 403, 403, 403),
        ("/drafts.db", 404, 404, 200),
    ],
)
def test_the_example_does_what_it_says(client: TestClient, place: str, nobody: int, alice: int, bob: int) -> None:
    tokens = [{}, *({"authorization": f"Bearer {SECRETS[name]}"} for name in ("alice", "bob"))]
    assert [client.get(place, headers=each).status_code for each in tokens] == [nobody, alice, bob]


def test_actors_are_as_told(client: TestClient) -> None:
    answer = client.get("/-/actor.json", headers={"authorization": f"Bearer {SECRETS['bob']}"})
    assert answer.json()["actor"] == {"id": "bob", "roles": ["editor"]}


def test_every_action_stands_on_the_page() -> None:
    assert [action for action in ACTIONS["file"] if f"`{action}`" not in PAGE] == []


def test_what_a_bake_tells_of_the_example_stands_on_the_page(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    (tmp_path / "m.yaml").write_text(example[1])
    baked = baked_of(
        tmp_path, metadata=load([tmp_path / "m.yaml"]).metadata, office=OFFICE, drafts="create table notes(a)"
    )
    lines = list(unseen(baked.manifest, baked.paths))
    assert f"```\n{lines[1]}\n```" in PAGE
    assert lines[0] == "drafts: not for everybody: all of it"
