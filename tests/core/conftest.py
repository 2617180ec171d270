"""Real databases, described as a bake describes them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import apsw
import pytest
from starlette.testclient import TestClient

from baked_core.app import create_app
from baked_core.bundle import Baked
from baked_core.manifest import Column, Database, File, ForeignKey, Index, Manifest, Table, View
from baked_core.sql import quote

Bake = Callable[..., Baked]
Serve = Callable[..., TestClient]


@pytest.fixture
def bake(tmp_path: Path) -> Bake:
    """Make a Bundle of databases, each from SQL or from a function that fills a connection."""

    def bake(
        *,
        settings: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        files: Mapping[str, str] | None = None,
        **databases: str | Callable[[apsw.Connection], object],
    ) -> Baked:
        root = tmp_path / "bundle"
        root.mkdir(exist_ok=True)
        made = {name: _make(root, name, content) for name, content in databases.items()}
        for path, text in (files or {}).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        listed = {path: File(len(t.encode()), sha256(t.encode()).hexdigest()) for path, t in (files or {}).items()}
        manifest = Manifest("baked-data 0", made, listed, settings or {}, metadata or {})
        (root / "manifest.json").write_bytes(manifest.to_json())
        return Baked.open(root)

    return bake


@pytest.fixture
def serve(bake: Bake) -> Iterator[Serve]:
    """Serve databases made by ``bake``; redirects are not followed."""
    clients: list[TestClient] = []

    def serve(*, token: str | None = None, **baked: Any) -> TestClient:
        client = TestClient(create_app(bake(**baked), verify_token=token), follow_redirects=False)
        clients.append(client)
        return client

    yield serve
    for client in clients:
        client.close()


def _make(root: Path, name: str, content: str | Callable[[apsw.Connection], object]) -> Database:
    path = root / f"databases/{name}.db"
    path.parent.mkdir(exist_ok=True)
    connection = apsw.Connection(str(path))
    _ = connection.execute(content) if isinstance(content, str) else content(connection)
    made = describe(connection, name)
    connection.close()
    data = path.read_bytes()
    return replace(made, file=f"databases/{name}.db", size=len(data), sha256=sha256(data).hexdigest())


def describe(connection: apsw.Connection, name: str) -> Database:
    """Describe a database as the Manifest does."""
    relations = list(connection.execute("select name, type, wr from pragma_table_list where schema = 'main'"))
    tables = {t: _table(connection, t, without_rowid=bool(wr)) for t, kind, wr in relations if kind != "view"}
    tables = {t: table for t, table in tables.items() if not t.startswith("sqlite_")}
    tables = {t: replace(table, incoming=_incoming(tables, t)) for t, table in tables.items()}
    views = {v: View(v, _columns(connection, v)) for v, kind, _ in relations if kind == "view"}
    return Database(name, "", 0, 4096, "", 0, tables, views)


def _columns(connection: apsw.Connection, relation: str) -> tuple[Column, ...]:
    rows = connection.execute(f"pragma table_xinfo({quote(relation)})")
    return tuple(
        Column(n, kind, bool(notnull), None, pk, hidden > 1)
        for _, n, kind, notnull, _, pk, hidden in rows
        if hidden != 1
    )


def _table(connection: apsw.Connection, name: str, *, without_rowid: bool) -> Table:
    columns = _columns(connection, name)
    sql, virtual = "", None
    for (sql,) in connection.execute("select sql from sqlite_schema where name = ?", (name,)):
        virtual = (
            sql.lower().partition(" using ")[2].partition("(")[0] if sql.lower().startswith("create virtual") else None
        )
    taken = {column.name.lower() for column in columns}
    rowid = None if without_rowid else next((n for n in ("rowid", "_rowid_", "oid") if n not in taken), None)
    return Table(
        name,
        columns,
        int(connection.execute(f"select count(*) from {quote(name)}").get),
        tuple(c.name for c in sorted(columns, key=lambda c: c.primary_key) if c.primary_key),
        rowid,
        _indexes(connection, name),
        _foreign_keys(connection, name),
        virtual=virtual,
        sql=sql,
    )


def _indexes(connection: apsw.Connection, table: str) -> tuple[Index, ...]:
    found = list(connection.execute(f"pragma index_list({quote(table)})"))
    return tuple(Index(name, (), bool(unique), bool(partial), origin) for _, name, unique, origin, partial in found)


def _foreign_keys(connection: apsw.Connection, table: str) -> tuple[ForeignKey, ...]:
    found = list(connection.execute(f"pragma foreign_key_list({quote(table)})"))
    return tuple(ForeignKey((own,), other_table, (other,)) for _, _, other_table, own, other, *_ in found)


def _incoming(tables: Mapping[str, Table], name: str) -> tuple[ForeignKey, ...]:
    return tuple(
        ForeignKey(key.other_columns, table.name, key.columns)
        for table in tables.values()
        for key in table.foreign_keys
        if key.other_table == name
    )
