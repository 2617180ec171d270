"""What the Manifest says of a database is what SQLite says."""

from contextlib import closing
from typing import Any

import apsw
import pytest

from baked_core.manifest import Column, Database, Figures, ForeignKey, Index
from baked_publish.manifest import describe
from baked_publish.report import Silent


class Heard(Silent):
    """A Report that keeps its warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, message: str) -> None:
        self.warnings.append(message)


def described(sql: str, *, report: Heard | None = None, **how: Any) -> Database:
    with closing(apsw.Connection(":memory:")) as connection:
        connection.execute(sql)
        return describe(connection, name="db", file="f", size=1, sha256="", report=report, **how)


def test_columns_keys_and_counts() -> None:
    database = described(
        "create table t(a integer primary key, b text not null default 'x', c as (a + 1), d real);"
        "insert into t(d) values (1), (2), (3)"
    )
    table = database.tables["t"]
    assert table.columns == (
        Column("a", "INTEGER", primary_key=1),
        Column("b", "TEXT", notnull=True, default="'x'", figures=Figures(3, 1)),
        Column("c", generated=True, figures=Figures(3, 3)),
        Column("d", "REAL", figures=Figures(3, 3)),
    )
    assert (table.primary_keys, table.count, table.rowid, table.hidden) == (("a",), 3, "rowid", False)


def test_compound_keys_keep_their_order_and_without_rowid_has_none() -> None:
    table = described("create table t(a, b, c, primary key (c, a)) without rowid").tables["t"]
    assert table.primary_keys == ("c", "a")
    assert table.rowid is None


def test_a_rowid_is_reached_by_a_name_no_column_has() -> None:
    assert described("create table t(rowid text, _ROWID_ text)").tables["t"].rowid == "oid"
    assert described("create table t(rowid, _rowid_, oid)").tables["t"].rowid is None


def test_indexes() -> None:
    table = described(
        "create table t(a unique, b); create index i on t(b, lower(a)); create unique index p on t(b) where b > 1"
    ).tables["t"]
    assert table.indexes == (
        Index("i", ("b", ""), unique=False, partial=False, origin="c"),
        Index("p", ("b",), unique=True, partial=True, origin="c"),
        Index("sqlite_autoindex_t_1", ("a",), unique=True, partial=False, origin="u"),
    )


def test_foreign_keys_are_seen_from_both_sides_whatever_their_spelling() -> None:
    database = described(
        "create table Countries(code text primary key, n); create table pairs(a, b, primary key (a, b));"
        "create table t(c text references COUNTRIES, x, y, foreign key (x, y) references pairs(a, b))"
    )
    assert database.tables["t"].foreign_keys == (
        ForeignKey(("c",), "Countries", ("code",)),
        ForeignKey(("x", "y"), "pairs", ("a", "b")),
    )
    assert database.tables["Countries"].incoming == (ForeignKey(("code",), "t", ("c",)),)
    assert database.tables["pairs"].incoming == (ForeignKey(("a", "b"), "t", ("x", "y")),)


def test_a_reference_to_a_table_that_is_not_there_stays() -> None:
    assert described("create table t(a references gone(b))").tables["t"].foreign_keys == (
        ForeignKey(("a",), "gone", ("b",)),
    )


@pytest.mark.parametrize("content", ["content='docs'", 'content="docs"', "content=docs", "content=[docs]"])
@pytest.mark.parametrize("module", ["fts4", "fts5"])
def test_full_text_tables_are_found_and_hidden_with_their_shadows(module: str, content: str) -> None:
    if (module, content) == ("fts5", "content=[docs]"):
        content = "content='Docs'"
    database = described(f"create table docs(a); create virtual table f using {module}(a, {content})")
    assert database.tables["docs"].fts_table == "f"
    assert database.tables["f"].virtual == module
    assert [name for name, table in database.tables.items() if not table.hidden] == ["docs"]


def test_a_full_text_table_that_stands_alone_belongs_to_no_other() -> None:
    database = described("create table docs(a); create virtual table f using fts5(a)")
    assert database.tables["docs"].fts_table is None


def test_views_and_what_the_metadata_hides() -> None:
    database = described("create table t(a); create view v as select a, a + 1 as b from t", hidden={"t", "v"})
    assert [column.name for column in database.views["v"].columns] == ["a", "b"]
    assert database.views["v"].hidden
    assert database.tables["t"].hidden


def test_a_broken_view_is_hidden_with_a_warning() -> None:
    heard = Heard()
    database = described("create table t(a); create view v as select a from t; drop table t", report=heard)
    assert database.views["v"].hidden
    assert database.views["v"].columns == ()
    assert "view db.v cannot be read and is hidden" in heard.warnings[0]


def test_a_virtual_table_without_its_module_is_hidden_with_a_warning() -> None:
    heard = Heard()
    database = described(
        "create table t(a); pragma writable_schema=on;"
        "insert into sqlite_schema values "
        "('table', 'places', 'places', 0, 'create virtual table places using mod_spatialite(a)');"
        "pragma writable_schema=reset",
        report=heard,
    )
    assert database.tables["places"].hidden
    assert (database.tables["places"].columns, database.tables["places"].count) == ((), 0)
    assert "table db.places cannot be read and is hidden" in heard.warnings[0]


@pytest.mark.parametrize("size", [1, 10, 5_000, 3_000_000])
def test_no_stored_value_is_larger_than_the_largest_row(size: int) -> None:
    database = described(f"create table t(a, b); insert into t values ('äöü', zeroblob({size})), (1.5, null)")
    assert size <= database.largest_row <= size + 100


def test_an_empty_database_has_no_largest_row_to_speak_of() -> None:
    assert described("create table t(a)").largest_row < 100


@pytest.mark.parametrize("name", ['a"b', "a'b", "a`b", "a[b]", "a b", "a\nb", "a%b", "a/b", "🛩", "select", "-", ";--"])
def test_odd_names(name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    database = described(
        f'create table {quoted}({quoted} integer primary key, other references {quoted}); create index {quoted[:-1]}x"'
        f" on {quoted}(other); insert into {quoted} values (1, 1)"
    )
    table = database.tables[name]
    assert (table.count, table.primary_keys, table.columns[0].name) == (1, (name,), name)
    assert table.foreign_keys == (ForeignKey(("other",), name, (name,)),)


def test_sqlites_own_tables_are_left_out() -> None:
    database = described("create table t(a integer primary key autoincrement); analyze; insert into t values (1)")
    assert set(database.tables) == {"t"}
