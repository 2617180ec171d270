"""The grid: the rows of a page as the body of an HTML table, written column by column.

The values of a column are of one kind nearly always: what its cells look like is decided once for all of them.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Final

from markupsafe import Markup
from msgspec import Struct

from baked_core.cells import Cells, escape, escape_all
from baked_core.page import DataPage, TablePage
from baked_core.values import Value

DECIMALS: Final = 6
"""Digits after the point up to which numbers stand under each other by their point."""

_NULL: Final = type(None)
_NUMBERS: Final = frozenset((int, float))
_WHOLE: Final = frozenset((int,))
_TEXT: Final = frozenset((str,))
_PLAIN: Final = frozenset((int, float, str))


class Grid(Struct, frozen=True):
    """A table's body, and what its head must know of it."""

    body: Markup
    """The ``<tr>`` elements."""
    numbers: frozenset[str]
    """The columns that hold numbers, which stand to the right."""
    arrow: bool
    """Whether each row begins with a cell that leads to its page; else its key leads there, if anything does."""


class _Column(Struct, frozen=True):
    name: str
    values: Sequence[Value]
    kinds: frozenset[type]
    """The types of its values, NULL left out."""
    gaps: bool
    """Whether any value is NULL."""
    words: Sequence[Value] = ()
    """The labels beside its values, where it is a reference that has them."""

    @property
    def number(self) -> bool:
        return bool(self.kinds) and self.kinds <= _NUMBERS and not self.words


def grid(page: DataPage, cells: Cells, css: Callable[[str], str], of_row: Callable[[str], str]) -> Grid:
    """Write the rows of ``page``; ``of_row`` names the link to a row's page by the row's key."""
    columns = _columns(page)
    urls = _row_urls(page, cells)
    linked = _linked(page, columns, cells) if urls else None
    arrow = bool(urls) and linked is None
    parts: list[Iterable[str]] = []
    between = "<tr>"  # what stands before the next cell's own
    if arrow:
        parts += [repeat(between), _arrows(page, urls, of_row)]
        between = ""
    for column in columns:
        inner = _linking(column, urls, cells) if column is linked else _inner(column, urls, cells)
        begin = f'<td class="col-{css(column.name)}{" num" if column.number else ""}'
        pads = _pads(inner, cells.point) if float in column.kinds and column.number else None
        if column.gaps or pads:
            parts += [repeat(between), _tds(column, inner, begin, pads, cells.null)]
            between = ""
        else:  # every cell begins and ends alike
            parts += [repeat(f'{between}{begin}">'), inner]
            between = "</td>"
    body = "\n".join(map("".join, zip(*parts, repeat(f"{between}</tr>", len(page.rows)), strict=False)))
    numbers = frozenset(column.name for column in columns if column.number)
    return Grid(Markup(body), numbers, arrow)  # noqa: S704 - all was escaped


def _columns(page: DataPage) -> list[_Column]:
    labels = dict(zip(page.labels, zip(*page.label_rows, strict=True), strict=False)) if page.label_rows else {}
    values = zip(*page.rows, strict=True)
    return [
        _Column(name, each, kinds - {_NULL}, _NULL in kinds, labels.get(name, ()))
        for name, each in zip(page.columns, values, strict=False)
        for kinds in (frozenset(map(type, each)),)
    ]


def _row_urls(page: DataPage, cells: Cells) -> Sequence[str]:
    if not isinstance(page, TablePage) or not page.key:
        return ()
    return cells.row_urls(page.key, page.columns, page.rows)


def _linked(page: DataPage, columns: Sequence[_Column], cells: Cells) -> _Column | None:
    """Return the column whose cells lead to their rows: a key of one column that says something and leads nowhere."""
    key = page.key if isinstance(page, TablePage) else ()
    found = next((column for column in columns if (column.name,) == key), None)
    if found is None or cells.refers(found.name) or not found.kinds <= _PLAIN or "" in found.values:
        return None
    return found


def _linking(column: _Column, urls: Sequence[str], cells: Cells) -> list[str]:
    texts = map(repr, column.values) if column.kinds == _WHOLE else map(cells.short, map(str, column.values))
    places = escape_all(urls)
    return [f'<a href="{url}">{text}</a>' if url else "" for text, url in zip(texts, places, strict=True)]


def _arrows(page: DataPage, urls: Sequence[str], of_row: Callable[[str], str]) -> list[str]:
    """Write the cells before all others, each with a link that is called by the row's key."""
    places = [page.columns.index(name) for name in page.key] if isinstance(page, TablePage) else []
    keys = [", ".join([str(row[at]) for at in places]) for row in page.rows]
    return [
        f'<td class="link"><a href="{escape(url)}" aria-label="{escape(of_row(key))}">→</a></td>'
        if url
        else '<td class="link"></td>'
        for key, url in zip(keys, urls, strict=True)
    ]


def _inner(column: _Column, urls: Sequence[str], cells: Cells) -> Sequence[str]:
    """Write what stands inside the cells; what stands for NULL does not matter."""
    name, values, kinds = column.name, column.values, column.kinds
    if column.words:
        return cells.labels(name, values, column.words)
    if bytes in kinds and urls:
        show = cells.value(name)
        return [
            cells.blob(name, value, url) if isinstance(value, bytes) else show(value)
            for value, url in zip(values, urls, strict=True)
        ]
    show = cells.value(name)
    if not cells.refers(name):
        if column.number:
            return cells.numbers(name, values)
        if kinds == _TEXT:
            plain = cells.plain(name, values)
            if plain is not None:
                return plain
            show = cells.text(name)
    return ["" if value is None else show(value) for value in values]


def _tds(column: _Column, inner: Sequence[str], begin: str, pads: Sequence[str] | None, null: str) -> list[str]:
    """Write whole cells, where they begin in different ways."""
    empty = f'{begin} null">{null}</td>'
    return [
        empty if value is None else f'{begin}{pad}">{text}</td>'
        for value, text, pad in zip(column.values, inner, pads or repeat(""), strict=False)
    ]


def _pads(texts: Sequence[str], point: str) -> list[str] | None:
    """Return the class that moves each number to where its point stands under the others'; None if all do anyway."""
    digits = [len(text) - at - 1 if (at := text.rfind(point)) >= 0 else -1 for text in texts]
    most = max(digits)
    if most > DECIMALS or len(set(digits)) == 1:
        return None
    return [f" w{most}" if each < 0 else f" p{most - each}" if each < most else "" for each in digits]
