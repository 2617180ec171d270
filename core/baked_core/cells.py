"""Cells: how a value shows in HTML, and where it leads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from baked_core.manifest import Database, ForeignKey, Table
from baked_core.page import Page, RowPage, TablePage
from baked_core.table_query import untyped_key
from baked_core.urls import Urls, exact_key
from baked_core.values import Row, Value


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
        text = value if isinstance(value, str) else repr(value)
        shown = text[: self._most] if self._most else text
        return Cell(column, kind, shown, self._leads_to(column, value), len(shown) < len(text))

    def tds(self, columns: Sequence[str], row: Row) -> Markup:
        """Return one row as ``<td>`` elements; made here because a template takes three times as long."""
        cells = (
            f'<td class="{cell.kind}" data-column="{escape(cell.column)}">{_inner(cell)}</td>'
            for cell in self.row(columns, row)
        )
        return Markup("".join(cells))  # noqa: S704 - every value was escaped above

    def inner(self, cell: Cell) -> Markup:
        """Return what stands inside the element of one cell."""
        return Markup(_inner(cell))  # noqa: S704 - escaped there

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
        return ""

    def _referred(self, database: Database, key: ForeignKey, value: str | float) -> str:
        other = database.tables.get(key.other_table)
        if other is None:
            return ""
        if other.primary_keys == key.other_columns or (not other.primary_keys and key.other_columns == (other.rowid,)):
            return self._urls.row(database.name, other.name, [value])
        return self._urls.path(database.name, other.name, query=[(f"{key.other_columns[0]}__exact", str(value))])


def _inner(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.kind == "null":
        return '<span class="null">null</span>'
    if cell.kind == "blob":
        return f'<span class="blob">{text} of binary data</span>'
    if cell.url:
        follow = ' rel="nofollow noopener"' if cell.url.startswith("http") else ""
        text = f'<a href="{escape(cell.url)}"{follow}>{text}</a>'
    return text + '<span class="cut">…</span>' if cell.cut else text


def _table_of(page: Page) -> Table | None:
    if isinstance(page, TablePage):
        return page.relation if isinstance(page.relation, Table) else None
    return page.table if isinstance(page, RowPage) else None
