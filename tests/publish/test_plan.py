"""The plan: what differs between what is live and what was baked."""

from typing import Any

from msgspec.structs import replace

from baked_core.manifest import Column, Database, File, ForeignKey, Index, Manifest, Table, View
from baked_publish.plan import compare, losses


def table(count: int = 10, *columns: str, hidden: bool = False) -> Table:
    return Table("t", tuple(Column(name, "TEXT") for name in columns or ("a",)), count, hidden=hidden)


def manifest(sha: str = "1", **tables: Table) -> Manifest:
    named = {name: replace(each, name=name) for name, each in tables.items()}
    return Manifest("baked-data 1", {"db": Database("db", "databases/db.db", 4096, 4096, sha, 1, named)})


def told(live: Manifest | None, baked: Manifest) -> list[tuple[Any, ...]]:
    return [(change.kind, change.what, change.before, change.after) for change in compare(live, baked)]


def test_a_first_publish_adds_everything() -> None:
    assert told(None, manifest(t=table())) == [("add", "database db", None, "10 rows, 4,096 bytes")]


def test_nothing_changed_is_no_change() -> None:
    assert told(manifest(t=table()), manifest(t=table())) == []


def test_other_values_in_as_many_rows_are_told() -> None:
    assert told(manifest("1", t=table()), manifest("2", t=table())) == [
        ("change", "database db", "10 rows, 4,096 bytes", "as many, but others")
    ]


def test_rows_tables_and_columns_are_told_old_and_new() -> None:
    live = manifest("1", t=table(10, "a", "b"), gone=table())
    baked = manifest("2", t=table(12, "a", "c"), new=table(3))
    assert told(live, baked)[1:] == [
        ("remove", "table db.gone", "10 rows", None),
        ("add", "table db.new", None, "3 rows"),
        ("change", "table db.t", "10 rows", "12 rows"),
        ("remove", "column b of table db.t", "TEXT", None),
        ("add", "column c of table db.t", None, "TEXT"),
    ]


def test_keys_indexes_and_views_are_told() -> None:
    def having(sha: str, changed: Table, *views: View) -> Manifest:
        made = manifest(sha, t=changed)
        return replace(made, databases={"db": replace(made.databases["db"], views={each.name: each for each in views})})

    old = replace(
        table(),
        foreign_keys=(ForeignKey(("a",), "o", ("id",)),),
        indexes=(Index("i", ("a",), unique=False, partial=False, origin="c"),),
    )
    new = replace(
        table(), primary_keys=("a",), indexes=(Index("auto", ("a",), unique=True, partial=False, origin="pk"),)
    )
    kept, changed = View("kept", (), sql="1"), View("changed", (), sql="1")
    live = having("1", old, kept, changed, View("gone", ()))
    baked = having("2", new, kept, replace(changed, sql="2"), View("new", ()), View("inner", (), hidden=True))
    assert told(live, baked)[1:] == [
        ("change", "primary key of table db.t", "none", "a"),
        ("remove", "foreign key a to o (id) of table db.t", None, None),
        ("remove", "index i (a) of table db.t", None, None),
        ("change", "view db.changed", None, None),
        ("remove", "view db.gone", None, None),
        ("add", "view db.new", None, None),
    ]


def test_hidden_tables_are_not_told() -> None:
    assert len(told(manifest("1", t=table(1, hidden=True)), manifest("2", t=table(2, hidden=True)))) == 1


def test_settings_metadata_app_and_site_are_told() -> None:
    live = manifest(t=table())
    baked = replace(
        live,
        settings={"max_returned_rows": 5},
        metadata={"title": "New"},
        files={"app/x.py": File(1, "1"), "site/templates/t.html": File(1, "2")},
        generator="baked-data 2",
    )
    assert told(live, baked) == [
        ("change", "setting max_returned_rows", None, "5"),
        ("add", "metadata", None, None),
        ("change", "serving app", "baked-data 1", "baked-data 2"),
        ("change", "site (templates, plugins, static files)", None, None),
    ]


def test_losses_name_what_vanishes_or_shrinks_by_more_than_the_share() -> None:
    live = manifest(t=table(100), kept=table(100), gone=table())
    baked = manifest(t=table(49), kept=table(50))
    assert losses(live, baked, 50) == (
        "table 'db'.'t' shrinks from 100 to 49 rows",
        "table 'db'.'gone' is gone",
    )
    assert losses(live, replace(baked, databases={}), 50) == ("database 'db' is gone",)
    assert losses(None, baked, 50) == ()
    assert losses(live, live, 0) == ()
