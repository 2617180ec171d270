"""What a bake does to a private copy only when asked; what is left out is really gone."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from baked_core.manifest import Database
from baked_publish.bake import BakeOptions, bake
from baked_publish.config import Config
from baked_publish.errors import SourceError
from baked_publish.report import Silent
from baked_publish.site import Site
from baked_publish.sources import Source

NUMBER = "+49-555-0100-"
SCHEMA = f"""
create table people(id integer primary key, name text, phone text, note text);
create index people_phone on people(phone);
create table visits(id integer primary key, person integer references people(id), place text, day text);
create table places(name text primary key, town text) without rowid;
insert into people select value, 'name ' || value, '{NUMBER}' || value, 'note {NUMBER}' from
    (with recursive n(value) as (select 1 union all select value + 1 from n limit 300) select value from n);
insert into visits select id, id, 'here', '2026-01-01' from people;
create virtual table people_fts using fts5(name, note, content='people');
insert into people_fts(people_fts) values ('rebuild');
create trigger keep after insert on visits begin update people set note = '' where id = new.person; end;
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.db"
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(SCHEMA)
    return path


def frozen(*paths: Path, options: BakeOptions) -> tuple[Database, bytes]:
    """Bake, and return the first database's description and bytes."""
    sources = [Source(path.stem, path, path) for path in paths]
    with bake(sources, Site(), Config(), options, Silent()) as bundle:
        name = sources[0].name
        file = next(each for each in bundle.files if each.path == f"databases/{name}.db")
        return bundle.manifest.databases[name], file.source.read_bytes()


def test_the_source_is_never_changed(data: Path) -> None:
    before = data.read_bytes()
    options = BakeOptions(
        index_foreign_keys=True, exclude=("people_fts",), exclude_column=("people.phone",), vacuum=True
    )
    frozen(data, options=options)
    assert data.read_bytes() == before
    assert [each.name for each in data.parent.iterdir()] == ["data.db"]


def test_an_excluded_column_is_gone_from_every_page(data: Path) -> None:
    options = BakeOptions(exclude=("people_fts",), exclude_column=("people.phone", "people.note"))
    database, content = frozen(data, options=options)
    assert [column.name for column in database.tables["people"].columns] == ["id", "name"]
    assert database.tables["people"].count == 300
    assert not database.tables["people"].indexes
    assert NUMBER.encode() not in content
    assert NUMBER.encode() in data.read_bytes()


def test_an_excluded_table_is_gone_with_its_full_text_and_its_bytes(data: Path) -> None:
    database, content = frozen(data, options=BakeOptions(exclude=("people",)))
    assert set(database.tables) == {"visits", "places"}
    assert NUMBER.encode() not in content


def test_what_was_deleted_before_is_gone_after_a_vacuum(data: Path) -> None:
    with closing(apsw.Connection(str(data))) as connection:
        connection.execute("delete from people; insert into people_fts(people_fts) values ('delete-all')")
    assert NUMBER.encode() in data.read_bytes()
    _, content = frozen(data, options=BakeOptions(vacuum=True))
    assert NUMBER.encode() not in content


def test_foreign_keys_are_indexed_once_by_a_stable_name(data: Path) -> None:
    database, _ = frozen(data, options=BakeOptions(index_foreign_keys=True))
    assert [(index.name, index.columns) for index in database.tables["visits"].indexes] == [
        ("idx_visits_person", ("person",))
    ]


def test_full_text_is_made_and_found(data: Path) -> None:
    database, content = frozen(data, options=BakeOptions(fts=("visits:place,day",)))
    assert database.tables["visits"].fts_table == "visits_fts"
    copy = data.with_name("copy.db")
    copy.write_bytes(content)
    with closing(apsw.Connection(str(copy))) as connection:
        found = connection.execute("select count(*) from visits_fts where visits_fts match 'here'").get
    assert found == 300


@pytest.mark.parametrize(
    "options",
    [
        BakeOptions(vacuum=True),
        BakeOptions(index_foreign_keys=True, fts=("visits:place",)),
        BakeOptions(exclude=("people",), exclude_column=("visits.day",)),
    ],
)
def test_the_same_wishes_give_the_same_bytes(data: Path, options: BakeOptions) -> None:
    assert frozen(data, options=options) == frozen(data, options=options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (BakeOptions(exclude=("peopel",)), r"no table 'peopel', did you mean 'people'\?"),
        (BakeOptions(exclude_column=("people.fone",)), r"no column 'people\.fone', did you mean 'people\.phone'\?"),
        (BakeOptions(exclude_column=("people",)), r"no column 'people'.*write TABLE\.COLUMN"),
        (BakeOptions(exclude_column=("people.id",)), "it belongs to the primary key"),
        (BakeOptions(exclude_column=("people.note",)), "exclude people_fts as well"),
        (BakeOptions(fts=("visits",)), r"--fts 'visits' names no columns: write TABLE:COLUMN"),
        (BakeOptions(fts=("visits:plaice",)), r"has no column 'plaice', did you mean 'place'\?"),
        (BakeOptions(fts=("people:name",)), "is indexed by 'people_fts' already"),
        (BakeOptions(fts=("places:town",)), "WITHOUT ROWID"),
    ],
)
def test_what_is_not_possible_is_refused_with_what_to_do(data: Path, options: BakeOptions, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        frozen(data, options=options)


def test_a_view_that_needs_what_is_left_out_is_named(data: Path) -> None:
    with closing(apsw.Connection(str(data))) as connection:
        connection.execute("create view callers as select phone from people")
    with pytest.raises(SourceError, match="view 'callers' needs what is left out"):
        frozen(data, options=BakeOptions(exclude=("people_fts",), exclude_column=("people.phone",)))
    with pytest.raises(SourceError, match="view 'callers' needs what is left out"):
        frozen(data, options=BakeOptions(exclude=("people",)))


def test_a_view_may_be_left_out_as_well(data: Path) -> None:
    with closing(apsw.Connection(str(data))) as connection:
        connection.execute("create view callers as select phone from people")
    database, _ = frozen(data, options=BakeOptions(exclude=("people", "callers")))
    assert not database.views


def test_a_table_of_several_databases_is_written_with_its_database(data: Path) -> None:
    other = data.with_name("other.db")
    other.write_bytes(data.read_bytes())
    with pytest.raises(SourceError, match=r"several databases have a table 'people': write DATABASE\.TABLE"):
        frozen(data, other, options=BakeOptions(exclude=("people",)))
    database, _ = frozen(data, other, options=BakeOptions(exclude=("data.people",)))
    assert "people" not in database.tables
