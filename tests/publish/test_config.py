"""Metadata and settings: what is read, what is refused and how it is told."""

from pathlib import Path
from typing import Any

import pytest

from baked_core.manifest import Column, Database, Table
from baked_publish.config import Config, load
from baked_publish.errors import ConfigError

OF_065 = """
title: Trees of the city
license: CC BY 4.0
source_url: https://example.org/trees
extra_css_urls: [/static/own.css]
databases:
  trees:
    source: City council
    queries:
      tallest: select * from trees order by height desc
      by_species: {sql: "select * from trees where species = :species", title: By species, params: [species]}
    tables:
      trees:
        sort_desc: height
        size: 50
        hidden: false
        label_column: name
        facets: [species, {array: tags}]
        columns: {height: Height above ground}
        units: {height: m}
    plugins: {map: {key: {$env: MAP_KEY}}}
"""
OF_1 = """
settings: {default_page_size: 10, max_returned_rows: 500, default_allow_sql: false}
databases:
  trees: {tables: {trees: {sort: name, column_types: {height: number}}}}
"""


def loaded(folder: Path, *texts: str, settings: tuple[tuple[str, str], ...] = ()) -> Config:
    files = []
    for number, text in enumerate(texts):
        files.append(folder / f"{number}.yaml")
        files[-1].write_text(text)
    return load(files, settings)


def test_a_metadata_file_of_065_is_read_as_it_is(tmp_path: Path) -> None:
    metadata = loaded(tmp_path, OF_065).metadata
    assert metadata["title"] == "Trees of the city"
    assert metadata["databases"]["trees"]["tables"]["trees"]["units"] == {"height": "m"}
    assert metadata["databases"]["trees"]["plugins"] == {"map": {"key": {"$env": "MAP_KEY"}}}


def test_a_datasette_file_of_1_brings_its_settings(tmp_path: Path) -> None:
    config = loaded(tmp_path, OF_1)
    assert config.settings == {"default_page_size": 10, "max_returned_rows": 500, "default_allow_sql": False}
    assert "settings" not in config.metadata


def test_two_files_are_merged_the_first_the_stronger(tmp_path: Path) -> None:
    table = loaded(tmp_path, OF_1, OF_065).metadata["databases"]["trees"]["tables"]["trees"]
    assert (table["sort"], table["sort_desc"]) == ("name", "height")


def test_a_flag_is_stronger_than_a_file_and_only_differences_are_kept(tmp_path: Path) -> None:
    settings = (("max_returned_rows", "7"), ("default_page_size", "100"), ("cors", "off"))
    assert loaded(tmp_path, OF_1, settings=settings).settings == {
        "default_allow_sql": False,
        "max_returned_rows": 7,
        "cors": False,
    }


def test_json_is_read_as_well(tmp_path: Path) -> None:
    assert loaded(tmp_path, '{"title": "x", "databases": {"d": {"tables": {}}}}').metadata["title"] == "x"


def test_dates_stay_as_they_were_written(tmp_path: Path) -> None:
    assert loaded(tmp_path, "about: 2026-01-31\n").metadata == {"about": "2026-01-31"}


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert loaded(tmp_path, "# later\n") == Config()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("titel: x", r"'titel' is not a key of a file, did you mean 'title'\?"),
        (
            "databases: {d: {tables: {t: {sortdesc: a}}}}",
            r"'databases\.d\.tables\.t\.sortdesc' is not a key of a table",
        ),
        ("databases: {d: {querys: {}}}", r"did you mean 'queries'\?"),
        ("databases: {d: {queries: {q: {sequel: x}}}}", "'databases.d.queries.q.sequel' is not a key of a query"),
        ("databases: {d: {tables: {t: {hidden: perhaps}}}}", "is 'perhaps', it must be true or false"),
        ("databases: {d: {tables: {t: {size: 0}}}}", "is 0, it must be a whole number above 0"),
        ("databases: {d: {tables: {t: {units: [m]}}}}", "it must be texts by name"),
        ("databases: {d: {queries: {q: {title: x}}}}", "'databases.d.queries.q' has no sql"),
        ("databases: {d: {queries: {q: {sql: x, write: true}}}}", "what is published can only be read"),
        ("databases: {d: {queries: {q: {sql: x, is_private: true}}}}", "'databases.d.queries.q.is_private' is refused"),
        ("databases: {d: {queries: {q: {sql: x, on_error_message: y}}}}", "it belongs to queries that write"),
        ("databases: {d: {tables: {t: {facets: [{map: a}]}}}}", r"must be a list of columns, each its name, \{array"),
        ("databases: {d: {tables: {t: {facets: [3]}}}}", "must be a list of columns"),
        ("databases: {d: {tables: {t: {searchmode: fuzzy}}}}", "is 'fuzzy', it must be raw or escaped"),
        ("databases: {d: {tables: {t: {column_types: {a: 3}}}}}", "it must be a type by column"),
        ("extra_css_urls: [{href: x}]", "must be a list of URLs"),
        ("extra_js_urls: /x.js", "must be a list of URLs"),
        ("title: [x]", "'title' is .*, it must be a text"),
        ("databases: [d]", "'databases' must hold one database by name"),
        ("databases: {d: 3}", "'databases.d' must hold keys and values, not 3"),
        ("title: a\ntitle: b", r"\.yaml:2: the key 'title' stands here a second time"),
        ("title: [", "is neither YAML nor JSON"),
        ("- a", "keys and values are needed, such as `title: Votes`"),
        ("settings: {max_rows: 3}", "there is no setting 'max_rows'"),
        ("settings: {max_returned_rows: many}", "it must be a whole number, 0 or more"),
    ],
)
def test_what_is_not_right_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        loaded(tmp_path, text)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("max_returned_row", "5", r"there is no setting 'max_returned_row', did you mean 'max_returned_rows'\?"),
        ("cors", "maybe", "setting 'cors' is 'maybe', it must be on or off"),
        ("sql_time_limit_ms", "-1", "must be a whole number, 0 or more"),
        ("sql_time_limit_ms", "1.5", "must be a whole number, 0 or more"),
        ("max_insert_rows", "3", "setting 'max_insert_rows' does nothing here: what is published can only be read"),
        ("template_debug", "on", "setting 'template_debug' does nothing here: pages never show their variables"),
    ],
)
def test_a_wrong_setting_is_told_with_what_is_wanted(name: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load([], [(name, value)])


def test_what_datasette_only_needs_to_write_is_left_out_of_its_file_and_told(tmp_path: Path) -> None:
    found = loaded(tmp_path, "settings: {max_insert_rows: 3, allow_signed_tokens: off, default_page_size: 5}")
    assert found.settings == {"default_page_size": 5}
    assert list(found.check({})) == [
        "setting 'max_insert_rows' does nothing here: what is published can only be read",
        "setting 'allow_signed_tokens' does nothing here: nobody signs in here: give out tokens instead",
    ]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.yaml' cannot be read"):
        load([tmp_path / "nothing.yaml"])


def config(**databases: Any) -> Config:
    return Config({"databases": databases})


def test_what_nobody_has_is_warned_of_with_the_nearest() -> None:
    known = {"d": Database("d", "f", 1, 1, "", 0, {"trees": Table("trees", (Column("height"),), 1)})}
    assert list(config(e={}).check(known)) == ["metadata names a database 'e' that is not published"]
    assert list(config(d={"tables": {"tree": {}}}).check(known)) == [
        "metadata names a table d.tree that is not there, did you mean 'trees'?"
    ]
    assert list(config(d={"tables": {"trees": {"units": {"heigth": "m"}}}}).check(known)) == [
        "metadata names a column d.trees.heigth that is not there, did you mean 'height'?"
    ]
    assert list(config(d={"tables": {"trees": {"units": {"height": "m"}}}}).check(known)) == []


@pytest.mark.parametrize(
    "said",
    [
        {"sort": "heigth"},
        {"sort_desc": "heigth"},
        {"label_column": "heigth"},
        {"sortable_columns": ["heigth"]},
        {"facets": ["heigth"]},
        {"facets": [{"date": "heigth"}]},
        {"column_types": {"heigth": "url"}},
    ],
)
def test_every_key_that_names_a_column_is_looked_at(said: Any) -> None:
    known = {"d": Database("d", "f", 1, 1, "", 0, {"trees": Table("trees", (Column("height"),), 1)})}
    told = "metadata names a column d.trees.heigth that is not there, did you mean 'height'?"
    assert list(config(d={"tables": {"trees": said}}).check(known)) == [told]


def test_a_query_with_the_name_of_a_table_is_warned_of() -> None:
    known = {"d": Database("d", "f", 1, 1, "", 0, {"trees": Table("trees", (Column("height"),), 1)})}
    told = list(config(d={"queries": {"trees": "select 1"}}).check(known))
    assert told == ["query d.trees cannot be reached, a table has its name: give it another"]


def test_hidden_tables_are_known() -> None:
    assert config(d={"tables": {"a": {"hidden": True}, "b": {"hidden": False}}}).hidden("d") == {"a"}
