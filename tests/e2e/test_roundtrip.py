"""Databases of every kind go through the bake and come back over JSON equal to what SQLite says."""

import base64
import math
import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from uuid import uuid4

import apsw
import pytest
from httpx2 import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from baked_core.app import create_app
from baked_core.bundle import Baked
from baked_core.urls import tilde_encode
from baked_publish.bake import BakeOptions
from baked_publish.builders.directory import Directory
from baked_publish.ingredients import Ingredients, baking
from baked_publish.report import Silent

NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n%/?#.'\"[]~"), min_size=1, max_size=12
).filter(lambda name: not name.casefold().startswith("sqlite_") and not name.startswith("_"))
VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    st.binary(max_size=20),
)
KINDS = ("rowid", "without rowid", "compound", "strict", "generated", "both", "refers", "broken text")
MOST_PAGES = 60
"""Pages of one database that are looked at."""


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a table: its kind, its name and columns, and rows of every storage class."""
    columns = draw(st.lists(NAMES, min_size=3, max_size=4, unique_by=str.casefold))
    keys = draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=12, unique=True))
    rows = [(key, draw(VALUES), draw(VALUES)) for key in keys]
    return {"kind": draw(st.sampled_from(KINDS)), "name": draw(NAMES), "columns": columns[:3], "rows": rows}


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def make(path: Path, table: dict[str, Any]) -> None:
    """Write the table, and a view of it."""
    key, one, two = map(quoted, table["columns"])
    name = quoted(table["name"])
    sql = {
        "rowid": f"create table {name} ({key} integer primary key, {one}, {two})",
        "without rowid": f"create table {name} ({key} integer primary key, {one}, {two}) without rowid",
        "compound": f"create table {name} ({key} integer, {one}, {two}, primary key ({key}, {two}))",
        "strict": f"create table {name} ({key} integer primary key, {one} any, {two} any) strict",
        "generated": f"create table {name} ({key} integer primary key, {one}, {two}, g as (typeof({one})) stored)",
        "both": f"create table {name} ({key} integer, {one}, {two}, primary key ({two} desc, {key})) without rowid",
        "refers": f"create table {name} ({key} integer primary key, {one} references {name}({key}), {two})",
        "broken text": f"create table {name} ({key} integer primary key, {one}, {two})",
    }[table["kind"]]
    path.unlink(missing_ok=True)
    connection = apsw.Connection(str(path))
    connection.execute(sql)
    insert = f"insert into {name} ({key}, {one}, {two}) values (?, ?, ?)"
    for row in table["rows"]:
        with suppress(apsw.ConstraintError):  # the same key twice, or NULL in one that must not be
            connection.execute(insert, row)
    if table["kind"] == "broken text":
        connection.execute(f"update {name} set {one} = cast({one} as text) where typeof({one}) = 'blob'")
    connection.execute(f"create view {quoted(table['name'] + ' seen')} as select {one} from {name}")
    for module, columns in (("fts5", f"{one}, {two}"), ("fts4", f"{one}, {two}"), ("rtree", "id, x1, x2")):
        if not ({"id", "rank", "rowid", "docid"} & {each.casefold() for each in table["columns"]}):
            with suppress(apsw.SQLError):  # some names are no names of columns there
                connection.execute(
                    f"create virtual table {quoted(table['name'] + ' ' + module)} using {module}({columns})"
                )
    connection.close()


def told(value: Any) -> Any:
    """Return what JSON says of a value of SQLite."""
    if isinstance(value, bytes):
        return {"$base64": True, "encoded": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def as_told(connection: apsw.Connection, name: str) -> Iterator[dict[str, Any]]:
    """Read a table by hand, text by its bytes: SQLite takes any for text."""
    names = [column for _, column, *_ in connection.execute(f"pragma table_xinfo({quoted(name)})")]
    cells = [
        f"typeof({c}), case typeof({c}) when 'text' then cast({c} as blob) else {c} end" for c in map(quoted, names)
    ]
    for row in connection.execute(f"select {', '.join(cells)} from {quoted(name)}"):
        values = zip(names, row[::2], row[1::2], strict=True)
        yield {
            column: value.decode(errors="replace") if kind == "text" else told(value) for column, kind, value in values
        }


def linked(client: TestClient, start: str) -> Iterator[tuple[str, Response]]:
    """Follow every link of every page, from ``start``, and ask for each page as JSON and CSV as well."""
    found, asked = deque([start]), {start}
    while found and len(asked) < MOST_PAGES * 4:
        url = found.popleft()
        answer = client.get(url)
        yield url, answer
        if answer.headers["content-type"].startswith("text/html") and len(asked) < MOST_PAGES:
            for link in re.findall(r'(?:href|src)="([^"]+)"', answer.text):
                target = urljoin(url, unescape(link)).partition("#")[0].removeprefix("http://testserver")
                if target.startswith("/") and target not in asked:
                    asked.add(target)
                    found.append(target)


def pages(client: TestClient, url: str) -> Iterator[dict[str, Any]]:
    """Walk every page of a table."""
    following: str | None = url
    while following:
        answer = client.get(following)
        assert answer.status_code == 200, answer.text
        yield from answer.json()["rows"]
        following = answer.json()["next_url"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("roundtrip")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(table=tables(), number=st.integers(0, 2**48))
def test_every_row_comes_back_equal(folder: Path, table: dict[str, Any], number: int) -> None:
    source, baked = folder / f"{number} #?%.db", folder / f"{number}.baked"
    if baked.exists():
        return
    make(source, table)
    with baking([source], Ingredients(), BakeOptions(), Silent()) as bundle:
        Directory(bundle).write_whole(baked, Silent())
    connection = apsw.Connection(str(source))
    rows = list(as_told(connection, table["name"]))
    connection.close()
    with TestClient(create_app(Baked.open(baked))) as client:
        url = f"/{tilde_encode(source.stem)}/{tilde_encode(table['name'])}.json?_size=5"
        seen = list(pages(client, url))
    assert bundle.manifest.databases[source.stem].tables[table["name"]].count == len(rows)
    assert sorted(map(repr, seen)) == sorted(map(repr, rows))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(table=tables())
def test_every_link_of_every_page_leads_somewhere(folder: Path, table: dict[str, Any]) -> None:
    source, baked = folder / "linked #?%.db", folder / f"{uuid4()}.baked"
    make(source, table)
    with baking([source], Ingredients(), BakeOptions(), Silent()) as bundle:
        Directory(bundle).write_whole(baked, Silent())
    with TestClient(create_app(Baked.open(baked))) as client:
        for url, answer in linked(client, "/"):
            dangling = table["kind"] == "refers" and answer.status_code == 404 and "no row" in answer.text
            assert answer.status_code == 200 or dangling, (url, answer.text[:500])
