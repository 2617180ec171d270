"""Build the demo's database: every airport of the world, its country and its time zone.

``python examples/airports/build.py airports.db`` makes the file new; nothing is downloaded. The rows come from the
PyPI package ``airportsdata`` (MIT licence), the names of countries from ``tzdata`` (its data is in the public domain).
The same versions of these, and of SQLite, give the same bytes.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import airportsdata
import apsw

SCHEMA = """
create table countries(
  code text primary key,  -- ISO 3166-1 alpha-2
  name text not null
);
create table timezones(
  name text primary key
);
create table airports(
  icao text primary key,
  iata text,
  name text not null,
  city text,
  subdivision text,
  country text not null references countries(code),
  elevation numeric,
  latitude real not null,
  longitude real not null,
  timezone text not null references timezones(name),
  lid text
);
create view airports_by_country as
  select countries.code, countries.name, count(*) as airports, max(elevation) as highest
  from airports join countries on countries.code = airports.country group by countries.code;
"""
INDEXES = """
create index airports_iata on airports(iata);
create index airports_country on airports(country);
create index airports_timezone on airports(timezone);
"""
FIELDS = ("icao", "iata", "name", "city", "subd", "country", "elevation", "lat", "lon", "tz", "lid")
NOT_IN_ISO_3166 = {"XK": "Kosovo"}


def main(target: Path) -> None:
    """Write the database to ``target``, complete or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    try:
        fill(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def fill(path: Path) -> None:
    """Write tables, rows and indexes into the new file ``path``."""
    loaded: Iterable[Mapping[str, Any]] = airportsdata.load().values()
    airports = [tuple(value(airport[field]) for field in FIELDS) for airport in loaded]
    used = {airport[FIELDS.index("country")] for airport in airports}
    connection = apsw.Connection(os.fspath(path))
    with connection:
        connection.execute(SCHEMA)
        connection.executemany("insert into countries values (?, ?)", [each for each in countries() if each[0] in used])
        connection.executemany(
            "insert into timezones values (?)", sorted({(airport[FIELDS.index("tz")],) for airport in airports})
        )
        connection.executemany("insert into airports values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", sorted(airports))
        connection.execute(INDEXES)
    wrong = list(connection.execute("pragma foreign_key_check"))
    connection.close()
    if wrong:
        raise SystemExit(f"{len(wrong)} rows name a country or time zone that is not there, for example {wrong[0]}")


def countries() -> Iterator[tuple[str, str]]:
    """Yield code and name of every country, sorted by code."""
    table = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text("utf-8")
    rows = dict(line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    yield from sorted({**rows, **NOT_IN_ISO_3166}.items())


def value(cell: str | float) -> str | float | None:
    """Return ``cell`` as SQLite should hold it: nothing as NULL, whole feet as integers."""
    if cell == "":
        return None
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


if __name__ == "__main__":
    main(Path(sys.argv[1]))
