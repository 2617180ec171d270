"""The closure of what is private: what follows from one table or column, on real schemas."""

import re
from pathlib import Path

import pytest
from baking import baked_of

from baked_core.manifest import Database
from baked_core.permissions.closure import Closure, mentions, told
from baked_core.permissions.policy import Policy

SCHEMA = """
create table person(id integer primary key, name text, mail text, born integer,
  loud text generated always as (upper("mail")) virtual,
  louder text as (loud || '!') stored, [comma, (odd)] text as (replace(name, ',', '(')) virtual,
  year integer as (born + 1));
create table "odd ""name"(a, b);
create table persona(id integer primary key, mail text);
create virtual table found using fts5(name, mail, content=person);
create virtual table quoted using fts4(content="odd ""name", a);
create virtual table bare using fts5(name, content='');
create virtual table terms using fts5vocab(found, 'col');
create virtual table persona_fts using fts5(mail);
create virtual table places using rtree(id, x0, x1);
create table places_note(a);
create table found_extra(a);
"""


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Database:
    return baked_of(tmp_path, data=SCHEMA).manifest.databases["data"]


def hidden(database: Database, *denied: str, **columns: list[str]) -> set[str]:
    return set(Closure(database, columns, {}).policy(denied).hidden)


def test_nothing_follows_from_nothing(database: Database) -> None:
    assert hidden(database) == set()
    assert not Closure(database, {}, {}).policy(())


def test_an_index_follows_its_table_with_all_that_is_made_of_it(database: Database) -> None:
    shadows = {f"found_{end}" for end in ("data", "idx", "docsize", "config")}
    assert hidden(database, "person") == {"person", "found", "terms", *shadows}
    assert hidden(database, "PERSON") == hidden(database, "person")
    assert "quoted" in hidden(database, 'odd "name')


def test_the_table_does_not_follow_its_index(database: Database) -> None:
    assert "person" not in hidden(database, "found")
    assert "terms" in hidden(database, "found")


def test_an_rtree_hides_its_shadows_and_no_other_table_that_is_called_alike(database: Database) -> None:
    assert hidden(database, "places") == {"places", "places_node", "places_rowid", "places_parent"}
    assert "found_extra" not in hidden(database, "found")


def test_a_full_text_table_without_content_follows_by_its_name(database: Database) -> None:
    assert "persona_fts" in hidden(database, "persona")
    assert "persona_fts" not in hidden(database, "person")


def test_a_hidden_column_hides_what_may_hold_copies_of_it(database: Database) -> None:
    found = hidden(database, person=["mail"])
    assert {"found", "found_data", "terms", "persona_fts"} <= found
    assert not {"person", "persona", "quoted", "places", "bare"} & found
    assert "bare" in hidden(database, person=["name"])


@pytest.mark.parametrize(
    ("column", "computed"),
    [
        ("mail", {"mail", "loud", "louder"}),
        ("MAIL", {"mail", "loud", "louder"}),
        ("name", {"name", "comma, (odd)"}),
        ("born", {"born", "year"}),
        ("loud", {"loud", "louder"}),
    ],
)
def test_generated_columns_follow_what_they_are_computed_from(
    database: Database, column: str, computed: set[str]
) -> None:
    assert Closure(database, {"person": [column]}, {}).columns == {"person": computed}


def test_a_view_follows_what_it_reads(database: Database) -> None:
    reads = {
        "one": frozenset({("person", "name"), ("one", "name")}),
        "two": frozenset({("person", "mail")}),
        "all": frozenset({("person", "")}),
        "broken": None,
    }
    closure = Closure(database, {"person": ["mail"]}, reads)
    policy = closure.policy(())
    assert {"two", "broken"} <= policy.hidden
    assert not {"one", "all"} & policy.hidden
    assert closure.shows("", reads["two"], policy)
    assert not closure.shows("", reads["all"], policy)
    assert {"one", "two", "all", "broken"} <= Closure(database, {}, reads).policy(["person"]).hidden


@pytest.mark.parametrize("join", ["natural join person", "join person using(mail)", "Natural Left Join 'person'"])
def test_columns_that_a_join_compares_unseen_are_found_in_its_words(join: str) -> None:
    sql, reads = f"select count(*) from persona {join}", frozenset({("persona", "")})
    assert Closure.shows(sql, reads, Policy.of(["person"]))
    assert Closure.shows(sql, reads, Policy.of([], {"person": ["mail"]}))
    assert not Closure.shows(sql, reads, Policy.of(["places"]))


@pytest.mark.parametrize(
    ("sql", "name", "there"),
    [
        ("fts5(a, content=person)", "person", True),
        ("fts5(a, content='person')", "Person", True),
        ('fts5(a, content="odd ""name")', 'odd "name', True),
        ("fts5(a, content=personal)", "person", False),
        ("fts5(a, content=[a.b])", "a.b", True),
        ("fts5(a, content=[axb])", "a.b", False),
    ],
)
def test_a_name_is_found_as_a_word(sql: str, name: str, there: bool) -> None:  # noqa: FBT001 - a case
    assert mentions(sql, name) is there


def test_the_sql_of_a_table_is_told_without_what_is_held_back(database: Database) -> None:
    person = database.tables["person"]
    assert told(person, Policy.of(["places"])) == person.sql
    sql = told(person, Policy.of([], {"person": ["mail", "loud", "louder"]}))
    assert not re.search("mail|loud", sql)
    assert sql.startswith('CREATE TABLE "person" (\n  "id" INTEGER,\n  "name" TEXT')
    assert told(database.tables["found"], Policy.of(["person"])) == ""
