"""Convert: CSV, TSV, JSON and newline-delimited JSON into SQLite, the same bytes on any machine.

sqlite-utils finds the columns' types. The file is written by apsw, whose SQLite comes with it: the system's writes its
own version number into the header, so that two machines would make two files. The table is named as the file.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Any, Final

import apsw
import orjson

from baked_core.sql import quote
from baked_publish.errors import SourceError, StorageError
from baked_publish.report import Report
from baked_publish.shapes import is_list, is_object

BATCH: Final = 1000
SAMPLE: Final = 1 << 16
BIGGEST: Final = 2**63 - 1
LONGEST_CELL: Final = 1 << 30
MOST_COLUMNS: Final = 2000
"""Of a table, unless SQLite was built otherwise."""


class Kind(Enum):
    """A format that can be turned into SQLite."""

    CSV = "csv"
    TSV = "tsv"
    JSON = "json"
    NDJSON = "ndjson"


SUFFIXES: Final = {
    ".csv": Kind.CSV,
    ".tsv": Kind.TSV,
    ".tab": Kind.TSV,
    ".json": Kind.JSON,
    ".geojson": Kind.JSON,
    ".ndjson": Kind.NDJSON,
    ".jsonl": Kind.NDJSON,
    ".nl": Kind.NDJSON,
}


def convertible(file: Path) -> Kind | None:
    """Return the format that the suffix of ``file`` names, or None."""
    return SUFFIXES.get(file.suffix.lower())


def convert(file: Path, kind: Kind, made: Path, report: Report) -> Path:
    """Write the rows of ``file`` as the one table of the new SQLite file ``made``, and return its path.

    Cells that are whole or decimal numbers in every row become numbers; codes such as ``00501`` stay text, as does
    what does not fit 64 bits. In a column of numbers an empty cell is NULL. JSON's nested values stay as JSON text.
    Raises SourceError, naming file and line, for what cannot be read, StorageError when the disk is full.
    """
    try:
        if kind in {Kind.CSV, Kind.TSV}:
            columns = _types(_csv_rows(file, kind))
            rows = (_cells(row, columns) for row in _csv_rows(file, kind))
        else:
            columns = _json_types(_json_rows(file, kind))
            rows = (tuple(_value(row.get(name)) for name in columns) for row in _json_rows(file, kind))
        _check_columns(file, kind, columns)
        count = _write(made, file.stem, columns, rows)
    except (UnicodeDecodeError, csv.Error, orjson.JSONDecodeError) as exc:
        raise SourceError(f"{str(file)!r} cannot be read as {kind.value.upper()} in UTF-8: {exc}") from exc
    except OSError as exc:
        raise SourceError(f"{str(file)!r} cannot be read: {exc.strerror}") from exc
    except apsw.SQLError as exc:
        raise SourceError(f"{str(file)!r} cannot be a table of SQLite: {exc}; rename the file or the column") from exc
    except apsw.FullError as exc:
        raise StorageError(f"no room to turn {str(file)!r} into SQLite at {str(made.parent)!r}: free some") from exc
    report.info(f"{count:,} rows, {len(columns)} columns")
    return made


def _csv_rows(file: Path, kind: Kind) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV or TSV file, every one as wide as its header."""
    csv.field_size_limit(LONGEST_CELL)
    with file.open(encoding="utf-8-sig", newline="") as opened:
        lines = csv.reader(opened, dialect=_dialect(opened, kind), strict=True)
        header = next(lines, list[str]())
        _check_header(file, header)
        for cells in lines:
            if len(cells) != len(header):
                if not cells:  # a blank line
                    continue
                raise SourceError(
                    f"{str(file)!r} line {lines.line_num} has {len(cells)} cells, its header {len(header)}: "
                    "mend the line"
                )
            yield dict(zip(header, cells, strict=True))


def _dialect(opened: io.TextIOWrapper, kind: Kind) -> type[csv.Dialect]:
    """Find the separator in the first line; quoting is always by doubled quotes."""
    first = opened.readline(SAMPLE)
    opened.seek(0)

    class Found(csv.excel):
        delimiter = "\t" if kind is Kind.TSV else max(",;\t|", key=first.count)

    return Found


def _check_header(file: Path, header: list[str]) -> None:
    if not any(header):
        raise SourceError(f"{str(file)!r} has no header: its first line must name the columns")
    folded = [name.casefold() for name in header]
    twice = [name for name in header if folded.count(name.casefold()) > 1]
    if twice:
        raise SourceError(f"{str(file)!r} names the column {twice[0]!r} twice: rename one of them")
    if "" in header:
        raise SourceError(f"{str(file)!r} has no name for column {header.index('') + 1}: name it in the first line")


def _check_columns(file: Path, kind: Kind, columns: Iterable[str]) -> None:
    """Raise SourceError for more columns than SQLite has room for, and for names that are one name to SQLite."""
    names: dict[str, str] = {}
    for name in columns:
        if (other := names.setdefault(_folded(name), name)) != name:
            raise SourceError(f"{str(file)!r} has the columns {other!r} and {name!r}, one to SQLite: rename one")
    if len(names) > MOST_COLUMNS:
        fix = "split it into several tables"
        if kind is Kind.JSON:
            fix = "if its keys are those of rows, write a list of objects, one a row, with the key as one of its values"
        raise SourceError(f"{str(file)!r} has {len(names):,} columns, SQLite takes at most {MOST_COLUMNS:,}: {fix}")


def _folded(name: str) -> str:
    """Return a name as SQLite compares it: ASCII alone knows no case."""
    return "".join(each.lower() if each.isascii() else each for each in name)


def _types(rows: Iterable[dict[str, str]]) -> dict[str, str]:
    """Return each column's SQLite type: what sqlite-utils finds, unless a number would lose what its text says."""
    from sqlite_utils.utils import TypeTracker  # noqa: PLC0415 - 200 ms that SQLite files do without

    tracker, filled, codes = TypeTracker(), set[str](), set[str]()
    for row in tracker.wrap(rows):
        for name, cell in row.items():
            if cell and name not in codes:
                filled.add(name)
                if not _is_number(cell):
                    codes.add(name)
    numbers = {"integer": "INTEGER", "float": "REAL"}
    return {
        name: numbers.get(kind, "TEXT") if name in filled - codes else "TEXT" for name, kind in tracker.types.items()
    }


def _is_number(cell: str) -> bool:
    """Tell whether ``cell`` says no more than a number does: no leading zeros, plus sign, spaces or 64-bit overflow."""
    digits = cell.removeprefix("-")
    if not digits[:1].isdigit() or not digits.isascii() or "_" in digits or digits != digits.strip():
        return False
    if digits.isdigit():
        return (digits == "0" or digits[0] != "0") and int(digits) <= BIGGEST
    return digits[0] != "0" or digits[1:2] in {".", "e", "E"}


def _cells(row: dict[str, str], columns: dict[str, str]) -> tuple[Any, ...]:
    return tuple(
        cell
        if columns[name] == "TEXT"
        else (int(cell) if columns[name] == "INTEGER" else float(cell))
        if cell
        else None
        for name, cell in row.items()
    )


def _json_rows(file: Path, kind: Kind) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON list, of the one list in a JSON object, or of one line each."""
    if kind is Kind.NDJSON:
        with file.open("rb") as opened:
            for number, line in enumerate(opened, 1):
                if line.strip():
                    yield _object(file, orjson.loads(line), f"line {number}")
        return
    value = orjson.loads(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    if is_object(value):
        lists = [each for each in value.values() if is_list(each) and each and is_object(each[0])]
        value = lists[0] if len(lists) == 1 else [value]
    if not is_list(value) or not value:
        raise SourceError(f"{str(file)!r} holds no list of objects: one object a row is wanted")
    for number, each in enumerate(value, 1):
        yield _object(file, each, f"row {number}")


def _object(file: Path, value: Any, where: str) -> dict[str, Any]:
    if not is_object(value):
        raise SourceError(f"{str(file)!r} {where} is {type(value).__name__}, not an object: one object a row is wanted")
    return value


def _json_types(rows: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return the columns in the order they appear; a column of one kind of number is declared so."""
    kinds: dict[str, set[type]] = {}
    for row in rows:
        for name, value in row.items():
            kind: type = value.__class__
            kinds.setdefault(name, set()).add(kind)
    return {name: _json_type(seen - {type(None)}) for name, seen in kinds.items()}


def _json_type(seen: set[type]) -> str:
    if seen and seen <= {int, bool}:
        return "INTEGER"
    return "REAL" if seen and seen <= {int, float, bool} else "TEXT" if seen <= {str, dict, list} else ""


def _value(value: Any) -> Any:
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    if isinstance(value, int) and not -BIGGEST - 1 <= value <= BIGGEST:
        return str(value)
    return value


def _write(made: Path, table: str, columns: dict[str, str], rows: Iterable[tuple[Any, ...]]) -> int:
    names = ", ".join(f"{quote(name)} {kind}".rstrip() for name, kind in columns.items())
    if not names:
        raise SourceError(f"{table!r} has no rows from which columns could be known: give it at least one")
    insert = f"insert into {quote(table)} values ({', '.join('?' * len(columns))})"  # noqa: S608 - quoted
    count = 0
    connection = apsw.Connection(str(made))
    try:
        connection.execute("pragma journal_mode=off; pragma synchronous=off; begin").fetchall()
        connection.execute(f"create table {quote(table)} ({names})")
        rows = iter(rows)
        while batch := list(islice(rows, BATCH)):
            connection.executemany(insert, batch)
            count += len(batch)
        connection.execute("commit")
    finally:
        connection.close()
    return count
