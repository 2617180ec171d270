"""The figures of a column are what a look at the first rows of its table finds, and never a reason to fail."""

import json
import random
from contextlib import closing

import apsw
import pytest

from baked_core.manifest import Column, Figures
from baked_publish.figures import LONG
from baked_publish.manifest import describe

COUNT = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)"


def columns(sql: str, name: str = "t") -> dict[str, Column]:
    with closing(apsw.Connection(":memory:")) as connection:
        connection.execute(sql)
        database = describe(connection, name="db", file="f", size=1, sha256="")
    relation = database.tables.get(name) or database.views[name]
    return {column.name: column for column in relation.columns}


def figures(sql: str, name: str = "t") -> dict[str, Figures | None]:
    return {column.name: column.figures for column in columns(sql, name).values()}


def test_what_is_counted() -> None:
    found = figures(
        "create table t(id integer primary key, word, day, list, mixed collate nocase);"
        """insert into t(word, day, list, mixed) values
        ('a', '2026-01-31', '[]', 'X'), ('a', '2026-01-31T10:00', '["p"]', 'x'), ('b', '2026-13-01', '{}', 5),
        (null, 20260131, 'x', x'00'), ('', null, null, cast(x'ff' as text))"""
    )
    assert found == {
        "id": None,
        "word": Figures(4, 3),
        "day": Figures(4, 4, days=2),
        "list": Figures(4, 4, arrays=2),
        "mixed": Figures(5, 4),
    }


@pytest.mark.parametrize("seed", range(5))
def test_they_are_what_python_counts(seed: int) -> None:
    """Random values, twice as many as are looked at, beside an index that would give others first."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    pool = [None, 1, "1", "2026-02-28", "2026-02-28 x", "[1]", "[", "é", *range(draw.randrange(60))]
    values = draw.choices(pool, k=2000)
    with closing(apsw.Connection(":memory:")) as connection:
        connection.execute("create table t(a); create index i on t(a)")
        connection.executemany("insert into t values(?)", [(value,) for value in values])
        (column,) = describe(connection, name="db", file="f", size=1, sha256="").tables["t"].columns
    first = [value for value in values[:1000] if value is not None]
    days, arrays = first.count("2026-02-28"), first.count("[1]")
    assert column.figures == Figures(len(first), len(set(first)), days, arrays)


def test_an_index_does_not_choose_the_rows() -> None:
    sql = f"create table t(a); create index i on t(a); {COUNT} insert into t select i % 7 from n order by i % 7"
    mixed = f"create table t(a); create index i on t(a); {COUNT} insert into t select i % 7 from n"
    assert figures(sql) == {"a": Figures(1000, 3)}
    assert figures(mixed) == {"a": Figures(1000, 7)}


@pytest.mark.parametrize("plan", ["create index i on t(b, a)", "create index i on t(b desc); analyze"])
def test_no_plan_chooses_what_is_found_of_a_view_that_is_looked_at_whole(plan: str) -> None:
    """Of a longer one the first rows are, and which those are SQLite decides."""
    made = f"create table t(a, b); {COUNT} insert into t select i % 7, i % 300 from n limit 1000;"
    view = "create view v as select a, b from t where b >= 0;"
    assert figures(f"{made} {view} {plan}", "v") == figures(made + view, "v")


def test_a_key_of_two_columns_and_a_table_without_rowid_have_figures() -> None:
    sql = "create table t(a, b, primary key(a, b)) without rowid; insert into t values (1, 1), (1, 2)"
    assert figures(sql) == {"a": Figures(2, 1), "b": Figures(2, 2)}


@pytest.mark.parametrize("taken", ["rowid", "rowid, _rowid_", "rowid, _rowid_, oid"])
def test_columns_called_like_the_rowid(taken: str) -> None:
    names = taken.split(", ")
    found = figures(f"create table t({taken}); insert into t values ({', '.join('7' for _ in names)})")
    assert found == dict.fromkeys(names, Figures(1, 1))


def test_a_long_value_leaves_its_column_out_and_no_other() -> None:
    long = json.dumps(["x" * LONG])
    found = figures(f"create table t(a, b); insert into t values ('{long}', '[1]'), ('[2]', '[2]')")
    assert found == {"a": Figures(), "b": Figures(2, 2, arrays=2)}
    assert figures(f"create table t(a); insert into t values (zeroblob({LONG}))") == {"a": Figures(1, 1)}


def test_a_table_of_many_columns() -> None:
    names = [f"c{number}" for number in range(250)]
    found = figures(f"create table t({', '.join(names)}); insert into t values ({', '.join('1' for _ in names)})")
    assert found == dict.fromkeys(names, Figures(1, 1))


def test_an_empty_table() -> None:
    assert figures("create table t(a)") == {"a": Figures()}


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("create table t(a); create view v as select a, date('now') as today from t", "v"),
        ("create table t(a); insert into t values (-1 << 63); alter table t add column b as (abs(a))", "t"),
    ],
)
def test_what_is_not_looked_at(sql: str, name: str) -> None:
    """A view may say something else each day; the other cannot be read at all."""
    found = figures(sql, name)
    assert found
    assert set(found.values()) == {None}


def test_a_virtual_table_has_figures() -> None:
    assert figures("create virtual table t using fts5(a); insert into t values ('x'), ('y')") == {"a": Figures(2, 2)}
    assert figures("create virtual table t using rtree(id, a, b); insert into t values (7, 1, 2)")["a"] == Figures(1, 1)


def test_a_collation_that_only_its_maker_knows() -> None:
    with closing(apsw.Connection(":memory:")) as connection:
        connection.create_collation("ours", lambda a, b: (a > b) - (a < b))
        connection.execute("create table t(a collate ours); insert into t values ('x')")
        connection.create_collation("ours", None)
        database = describe(connection, name="db", file="f", size=1, sha256="")
    assert [column.figures for column in database.tables["t"].columns] == [None]
