"""Cells: how a value shows in HTML, and where it leads."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

import orjson
from markupsafe import Markup

from baked_core.manifest import Database, ForeignKey, Table
from baked_core.metadata import types
from baked_core.page import Page, RowPage, TablePage
from baked_core.table_query import key_of, untyped_key
from baked_core.urls import Urls, exact_key
from baked_core.values import Row, Value

SMALL: Final = 10_000
"""Numbers below it need no separator, and are often years."""
LONG: Final = 240
"""Characters beyond which a table shows only the first lines of a text."""

_CODE: Final = re.compile(r"(?:^|_|\b)(?:id|year|code|zip|postcode|fips|isbn|phone|rowid)s?$", re.IGNORECASE).search
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+").fullmatch


@dataclass(frozen=True, slots=True)
class Cell:
    """One value, ready for a template."""

    column: str
    kind: str
    """``null``, ``number``, ``text`` or ``blob``."""
    text: str
    """What is shown; a template escapes it."""
    url: str = ""
    """Where it leads: the row that a foreign key names, or the web."""
    cut: bool = False
    """Whether ``text`` is only the beginning."""


class Cells:
    """Makes the cells of one page."""

    def __init__(self, page: Page, urls: Urls, most: int) -> None:
        self._urls = urls
        self._most = most
        self._database: Database | None = getattr(page, "database", None)
        self._table = _table_of(page)
        self._untyped = () if self._table is None else untyped_key(self._table)
        self._keys: Mapping[str, ForeignKey] = (
            {} if self._table is None else {k.columns[0]: k for k in self._table.foreign_keys if len(k.columns) == 1}
        )
        self._names = frozenset((*self._keys, *(() if self._table is None else key_of(self._table))))
        self._types = types(page.metadata)

    def row(self, columns: Sequence[str], row: Row) -> Iterator[Cell]:
        """Yield the cells of one row."""
        for column, value in zip(columns, row, strict=True):
            yield self.cell(column, value)

    def cell(self, column: str, value: Value) -> Cell:
        """Return the cell of one value."""
        if value is None:
            return Cell(column, "null", "")
        if isinstance(value, bytes):
            return Cell(column, "blob", f"{len(value):,} byte{'' if len(value) == 1 else 's'}")
        kind = "text" if isinstance(value, str) else "number"
        text = self._text(column, value) if isinstance(value, str) else self._number(column, value)
        shown = text[: self._most] if self._most else text
        return Cell(column, kind, shown, self._leads_to(column, value), len(shown) < len(text))

    def tds(
        self,
        columns: Sequence[str],
        row: Row,
        words: Mapping[str, Value] = MappingProxyType({}),
        url: str = "",
    ) -> Markup:
        """Return one row as ``<td>`` elements; made here because a template takes three times as long.

        ``words`` are the labels of foreign keys by column, ``url`` is the row's own page.
        """
        cells = [
            f'<td class="{cell.kind}" data-column="{escape(name)}">{_inner(cell, words.get(name), url)}</td>'
            for name, cell in zip(columns, self.row(columns, row), strict=True)
        ]
        return Markup("".join(cells))  # noqa: S704 - every value was escaped above

    def words(self, page: TablePage, place: int) -> Mapping[str, Value]:
        """Return the labels of the row at ``place`` of a table page, by column."""
        return dict(zip(page.labels, page.label_rows[place], strict=True)) if page.labels else {}

    def _number(self, column: str, value: float) -> str:
        """Group the digits of a quantity; a year, a code or a key stays as it is."""
        if abs(value) < SMALL or column in self._names or _CODE(column) or not isfinite(value):
            return repr(value)
        return f"{value:,}"

    def _text(self, column: str, value: str) -> str:
        if self._types.get(column) != "json":
            return value
        try:
            return orjson.dumps(orjson.loads(value), option=orjson.OPT_INDENT_2).decode()
        except orjson.JSONDecodeError:
            return value

    def inner(self, cell: Cell, word: Value = None, url: str = "") -> Markup:
        """Return what stands inside the element of one cell; see ``tds``."""
        return Markup(_inner(cell, word, url))  # noqa: S704 - escaped there

    def row_url(self, key: Sequence[str], columns: Sequence[str], row: Row) -> str:
        """Return where the row's own page is; empty if it has none."""
        if self._table is None or self._database is None or not key:
            return ""
        values = [row[columns.index(name)] for name in key]
        if None in values:
            return ""
        return self._urls.row(self._database.name, self._table.name, exact_key(values, self._untyped))

    def _leads_to(self, column: str, value: str | float) -> str:
        key = self._keys.get(column)
        if key is not None and self._database is not None:
            return self._referred(self._database, key, value)
        if isinstance(value, str) and value.startswith(("http://", "https://")) and not any(c.isspace() for c in value):
            return value
        if self._types.get(column) == "email" and isinstance(value, str) and _EMAIL(value):
            return f"mailto:{value}"
        return ""

    def _referred(self, database: Database, key: ForeignKey, value: str | float) -> str:
        other = database.tables.get(key.other_table)
        if other is None:
            return ""
        if other.primary_keys == key.other_columns or (not other.primary_keys and key.other_columns == (other.rowid,)):
            return self._urls.row(database.name, other.name, [value])
        return self._urls.path(database.name, other.name, query=[(f"{key.other_columns[0]}__exact", str(value))])


def _inner(cell: Cell, word: Value = None, row_url: str = "") -> str:
    text = escape(cell.text)
    if cell.kind == "null":
        return '<span class="null">null</span>'
    if cell.kind == "blob":
        return _blob(cell, row_url)
    if cell.url:
        follow = ' rel="nofollow noopener"' if cell.url.startswith("http") else ""
        shown = text if word is None or isinstance(word, bytes) else escape(str(word))
        link = f'<a href="{escape(cell.url)}"{follow}>{shown}</a>'
        text = link if shown == text else f'{link} <span class="key">{text}</span>'
    text = f'<div class="long">{text}</div>' if len(cell.text) > LONG else text
    return text + '<span class="cut">… cut</span>' if cell.cut else text


def _blob(cell: Cell, row_url: str) -> str:
    text = f"{escape(cell.text)} of binary data"
    if not row_url:
        return f'<span class="blob">{text}</span>'
    url = f"{row_url}.blob?{urlencode([('_blob_column', cell.column)])}"
    return f'<a class="blob" href="{escape(url)}" rel="nofollow">{text}</a>'


def _table_of(page: Page) -> Table | None:
    if isinstance(page, TablePage):
        return page.relation if isinstance(page.relation, Table) else None
    return page.table if isinstance(page, RowPage) else None
