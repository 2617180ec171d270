"""The page about metadata: its example works, and every key that is known stands on it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from baking import baked_of
from house import CHECKOUT
from starlette.testclient import TestClient

from baked_core.app import create_app
from baked_publish.config import DATABASE, IDLE_SETTINGS, QUERY, ROOT, TABLE, Config, load

PAGE = (CHECKOUT / "docs" / "metadata.md").read_text("utf-8")
DATA = """
create table trees(id integer primary key, name, species, height real, planted, website);
insert into trees values(1, 'Old oak', 'oak', 20.5, '1850-01-01', 'https://example.org/oak'),
    (2, 'Ash', 'ash', 9, null, '');
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    (tmp_path / "m.yaml").write_text(example[1])
    return load([tmp_path / "m.yaml"])


@pytest.fixture
def client(tmp_path: Path, config: Config) -> Iterator[TestClient]:
    baked = baked_of(tmp_path, metadata=config.metadata, settings=config.settings, trees=DATA)
    assert list(config.check(baked.manifest.databases)) == []
    with TestClient(create_app(baked)) as client:
        yield client


def test_the_example_shows_all_that_it_says(client: TestClient) -> None:
    page = client.get("/trees/trees").text
    for text in (
        "All trees",
        "sorted by height descending",
        "Measured with a rangefinder",
        "City council",
        "CC BY 4.0",
    ):
        assert text in page
    assert page.index("Old oak") < page.index("Ash")
    assert [row["id"] for row in client.get("/trees/tall.json?least=10").json()["rows"]] == [1]
    assert client.get("/trees/trees.json?_sort=planted").status_code == 400


@pytest.mark.parametrize("level", [ROOT, DATABASE, TABLE, QUERY], ids=lambda level: level.what)
def test_every_key_stands_on_the_page(level: object) -> None:
    assert isinstance(level, type(ROOT))
    missing = [key for key in (*level.keys, *level.below, *IDLE_SETTINGS) if f"`{key}" not in PAGE]
    assert missing == []
