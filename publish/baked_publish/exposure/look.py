"""The look at one database file: every table, and what is left of deleted rows."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw

from baked_core.manifest import Database, Table
from baked_publish.exposure.column import Column
from baked_publish.exposure.credentials import is_available
from baked_publish.exposure.exposure import Exposure, Looked, Survey
from baked_publish.exposure.leftovers import leftovers
from baked_publish.exposure.names import internal
from baked_publish.exposure.reading import read
from baked_publish.report import Report
from baked_publish.sqlite_uri import file_uri

NO_LIBRARY = "keys and tokens were not looked for: the library kingfisher-secret-scanner is not installed here"


def look(database: Database, path: Path, report: Report, *, every_row: bool = False) -> Survey:
    """Look at the frozen file at ``path``; memory and time are bounded, unless every row is asked for."""
    uri = file_uri(path, immutable=True)
    found: list[Exposure] = []
    looked: dict[str, Looked] = {}
    unread = [] if is_available() else [NO_LIBRARY]
    with closing(apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)) as connection:
        for table in tables(database):
            report.detail(f"looking at {database.name}.{table.name}")
            try:
                rows, exposures = look_at(connection, database.name, table, every_row=every_row)
            except apsw.Error as exc:
                unread.append(f"{table.name}: {exc}")
                continue
            found += exposures
            looked[table.name] = Looked(table.count, rows)
    found += leftovers(database.name, path)
    return Survey(tuple(found), looked, tuple(unread))


def tables(database: Database) -> Iterator[Table]:
    """Yield the tables that hold values of their own, hidden ones as well: whoever downloads the file has them."""
    virtual = [table.name for table in database.tables.values() if table.virtual]
    for table in database.tables.values():
        shadow = table.hidden and any(table.name.startswith(f"{name}_") for name in virtual)
        if not shadow and not table.name.startswith("sqlite_"):
            yield table


def look_at(connection: apsw.Connection, database: str, table: Table, *, every_row: bool) -> tuple[int, list[Exposure]]:
    """Return how many rows of ``table`` were looked at, and what was found; raise apsw.Error if it can't be read."""
    columns = {column.name: Column(column.name) for column in table.columns}
    rows = 0
    for block in read(connection, table, every_row=every_row):
        rows += block.rows
        for name, values in block.values.items():
            if values:
                columns[name].look(values)
    found = [each for column in columns.values() for each in column.exposures(database, table.name)]
    if table.count and (about := internal(table.name)):
        found.insert(0, Exposure(database, table.name, None, "internal", about, table.count, table.count))
    return rows, found
