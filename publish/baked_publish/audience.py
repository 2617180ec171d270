"""The Audience: tell the publisher what somebody does not see who is not known, and what went with it."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import apsw

from baked_core.canned import all_of
from baked_core.manifest import Database, Manifest, Table, View
from baked_core.metadata import hidden_columns
from baked_core.permissions.closure import Reads
from baked_core.permissions.judge import Judge
from baked_core.permissions.rules import Rules
from baked_core.permissions.sight import Sight
from baked_core.reads import reads
from baked_core.settings import Settings
from baked_publish.sqlite_uri import file_uri


def unseen(manifest: Manifest, files: Mapping[str, Path]) -> Iterator[str]:
    """Yield a line for each database in which anything is not public; ``files`` are the databases' files by name.

    A view or query that needs a plugin's function cannot be judged here: it counts as one that reads what is private.
    """
    allow_sql = Settings.of(manifest.settings).default_allow_sql
    rules = Rules(manifest.metadata, allow_sql=allow_sql)
    if not rules:
        return

    def reading(name: str, statements: Mapping[str, str]) -> Mapping[str, Reads | None]:
        return _reading(files[name], statements)

    sight, _ = Judge(manifest, reading, allow_sql=allow_sql).sight(None)
    for database in manifest.databases.values():
        if parts := list(_parts(database, manifest, rules, sight)):
            yield f"{database.name}: not for everybody: {'; '.join(parts)}"


def _parts(database: Database, manifest: Manifest, rules: Rules, sight: Sight) -> Iterator[str]:
    name = database.name
    if not sight.reaches(name):
        yield "all of it"
        return
    relations: list[Table | View] = [*database.tables.values(), *database.views.values()]
    listed = [each.name for each in relations if not _is_shadow(each)]
    hidden = [each for each in listed if (name, each) not in sight.relations]
    chosen = [each for each in hidden if not rules.table(None, name, each)]
    queries = [each.name for each in all_of(manifest.metadata, name) if (name, each.name) not in sight.queries]
    columns = [f"{table}.{each}" for table, found in hidden_columns(manifest.metadata, name).items() for each in found]
    closed = [each for each in queries if not rules.query(None, name, each)]
    yield from _listed("", [*chosen, *sorted(columns), *_queries(closed, ())])
    yield from _listed("with them ", [*(each for each in hidden if each not in chosen), *_queries(queries, closed)])
    if name not in sight.sql:
        yield "SQL"
    if name not in sight.files:
        yield "the file"


def _queries(names: Iterable[str], without: Collection[str]) -> Iterator[str]:
    return (f"query {name}" for name in names if name not in without)


def _listed(before: str, names: list[str]) -> Iterator[str]:
    if names:
        yield before + ", ".join(names)


def _is_shadow(relation: Table | View) -> bool:
    return isinstance(relation, Table) and relation.hidden and relation.virtual is None


def _reading(file: Path, statements: Mapping[str, str]) -> Mapping[str, Reads | None]:
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(file_uri(file, immutable=True), flags=flags)
    try:
        return {name: reads(connection, sql) for name, sql in statements.items()}
    finally:
        connection.close()
