"""Cells: how a value shows in HTML, and where it leads."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape as escape_html
from math import isfinite
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from markupsafe import Markup
from msgspec import Struct

from baked_core.manifest import Database, ForeignKey, Table
from baked_core.metadata import types
from baked_core.page import Page, RowPage, TablePage
from baked_core.strings import Strings
from baked_core.table_query import key_of, untyped_key
from baked_core.urls import Urls, argument, encode_key, exact_key
from baked_core.values import Row, Value

SMALL: Final = 10_000
"""Numbers below it need no separator, and are often years."""
LONG: Final = 120
"""Characters beyond which a table shows the first two lines of a text: of fewer it shows all, on a phone in four."""

_CODE: Final = re.compile(r"(?:^|_|\b)(?:id|year|code|zip|postcode|fips|isbn|phone|rowid)s?$", re.IGNORECASE).search
_SPECIAL: Final = re.compile("[&<>\"']").search
_KEY: Final = re.compile("[A-Za-z0-9_-]+").fullmatch
"""A key that stands in an address as it is."""
_EXACT: Final = frozenset((int, str))
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+").fullmatch

Show = Callable[[Value], str]
"""Writes a value that is not NULL as the HTML inside its element."""


class Cell(Struct, frozen=True):
    """One value of a row's page."""

    column: str
    kind: str
    """``null``, ``number``, ``text`` or ``blob``."""
    inner: Markup


class Cells:
    """Writes the values of one page."""

    def __init__(self, page: Page, urls: Urls, most: int, say: Strings) -> None:
        self._urls = urls
        self._most = 0 if isinstance(page, RowPage) else most
        self._say = say
        self._database: Database | None = getattr(page, "database", None)
        self._table = _table_of(page)
        self._untyped = () if self._table is None else untyped_key(self._table)
        self._keys: Mapping[str, ForeignKey] = (
            {} if self._table is None else {k.columns[0]: k for k in self._table.foreign_keys if len(k.columns) == 1}
        )
        self._names = frozenset((*self._keys, *(() if self._table is None else key_of(self._table))))
        self._types = types(page.metadata)
        self.null = escape(say("cell.null"))
        self.point = say("number.point")

    def record(self, page: RowPage) -> Iterator[Cell]:
        """Yield the cells of a row's own page."""
        words = dict(zip(page.labels, page.label_rows[0], strict=True)) if page.label_rows else {}
        url = self.row_url(page.key, page.columns, page.rows[0])
        for column, value in zip(page.columns, page.rows[0], strict=True):
            inner = self._inner(column, value, words.get(column), url)
            yield Cell(column, _kind(value), Markup(inner))  # noqa: S704 - it was escaped

    def refers(self, column: str) -> bool:
        """Tell whether the values of ``column`` lead to rows of another table."""
        return column in self._keys

    def number(self, column: str) -> Show:
        """Return what writes the numbers of a column: quantities grouped; a year, a code or a key as it is."""
        grouped = self._say.number
        if column in self._names or _CODE(column):
            return repr
        return lambda value: grouped(value) if isinstance(value, int | float) and _is_large(value) else repr(value)

    def value(self, column: str) -> Show:
        """Return what writes any value of a column; a reference leads to its row."""
        number, text, key = self.number(column), self.text(column), self._keys.get(column)

        def show(value: Value) -> str:
            if isinstance(value, bytes):
                return self.blob(column, value)
            return text(value) if isinstance(value, str) else number(value)

        if key is None or self._database is None:
            return show
        leads = self._leads(self._database, key)
        return lambda value: _link(leads(value), show(value)) if not isinstance(value, bytes) else show(value)

    def plain(self, column: str, values: Sequence[Value]) -> Sequence[str] | None:
        """Return the texts of a column as they are, if none of them asks for more; decided for all at once."""
        texts: list[str] = [value if isinstance(value, str) else "" for value in values]
        most = min(self._most or LONG, LONG)
        if column in self._types or max(map(len, texts), default=0) > most:
            return None
        everything = "\0".join(texts)
        return None if _SPECIAL(everything) or "://" in everything else texts

    def numbers(self, column: str, values: Sequence[Value]) -> list[str]:
        """Write the numbers of a column; what stands for NULL does not matter."""
        show = self.number(column)
        told: list[Any] = [value for value in values if value is not None]
        if show is repr or (told and min(told) > -SMALL and max(told) < SMALL):
            return list(map(repr, values))
        return ["" if value is None else show(value) for value in values]

    def labels(self, column: str, values: Sequence[Value], words: Sequence[Value]) -> list[str]:
        """Write the references of a column with their words; what comes again is written once."""
        if not (set(map(type, words)) == {str} and set(map(type, values)) <= _EXACT):
            return list(map(self.labelling(column), values, words))  # what is equal may still not look the same
        label, pairs = self.labelling(column), list(zip(values, words, strict=True))
        known = {(value, word): label(value, word) for value, word in set(pairs)}
        return [known[pair] for pair in pairs]

    def labelling(self, column: str) -> Callable[[Value, Value], str]:
        """Return what writes a reference with the words of the row that it names beside it."""
        bare = self.value(column)
        if self._database is None:
            return lambda value, _: self.null if value is None else bare(value)
        leads = self._leads(self._database, self._keys[column])

        def label(value: Value, word: Value) -> str:
            if word in {None, ""} or isinstance(value, bytes) or value is None:
                return self.null if value is None else bare(value)
            own = escape(str(value))
            words = self.blob(column, word) if isinstance(word, bytes) else self.short(str(word))
            link = _link(leads(value), words)
            return link if words == own else f'{link} <span class="key">{own}</span>'

        return label

    def text(self, column: str) -> Show:
        """Return what writes the texts of a column: a web address as a link, a long one with its first lines."""
        kind = self._types.get(column)

        def show(value: Value) -> str:
            text = str(value)
            if kind == "json":
                return self._long(_indented(text))
            if text.startswith(("https://", "http://")) and not any(map(str.isspace, text)):
                return self._web(text)
            if kind == "email" and _EMAIL(text):
                return _link(f"mailto:{text}", escape(text))
            return self._long(text)

        return show

    def blob(self, column: str, value: bytes, row_url: str = "") -> str:
        """Write how large binary data is; it can be downloaded below the page of its row."""
        text = escape(self._say("cell.blob", count=len(value)))
        if not row_url:
            return f'<span class="blob">{text}</span>'
        url = f"{row_url}.blob?{urlencode([('_blob_column', column)])}"
        return f'<a class="blob" href="{escape(url)}" rel="nofollow">{text}</a>'

    def row_urls(self, key: Sequence[str], columns: Sequence[str], rows: Sequence[Row]) -> list[str]:
        """Return where the page of each row is."""
        if len(key) == 1 and self._table is not None and self._database is not None:
            place, base = columns.index(key[0]), self._urls.path(self._database.name, self._table.name)
            keys = [row[place] for row in rows]
            if set(map(type, keys)) == {int}:
                return [f"{base}/{value!r}" for value in keys]
        return [self.row_url(key, columns, row) for row in rows]

    def row_url(self, key: Sequence[str], columns: Sequence[str], row: Row) -> str:
        """Return where the row's own page is; empty if it has none."""
        if self._table is None or self._database is None or not key:
            return ""
        values = [row[columns.index(name)] for name in key]
        if None in values:
            return ""
        return self._urls.row(self._database.name, self._table.name, exact_key(values, self._untyped))

    def short(self, text: str) -> str:
        """Write the beginning of a text, as much as a table shows."""
        if not self._most or len(text) <= self._most:
            return escape(text)
        return f'{escape(text[: self._most])}<span class="cut">{escape(self._say("cell.cut"))}</span>'

    def _inner(self, column: str, value: Value, word: Value, url: str) -> str:
        if value is None:
            return f'<span class="null">{self.null}</span>'
        if isinstance(value, bytes):
            return self.blob(column, value, url)
        return self.value(column)(value) if word is None else self.labelling(column)(value, word)

    def _web(self, url: str) -> str:
        return _link(url, self.short(url), ' rel="nofollow noopener"')

    def _long(self, text: str) -> str:
        shown = self.short(text)
        return f'<div class="long">{shown}</div>' if len(text) > LONG else shown

    def _leads(self, database: Database, key: ForeignKey) -> Callable[[Value], str]:
        """Return what makes the address of the row that a foreign key's value names."""
        other, urls = database.tables.get(key.other_table), self._urls
        if other is None:
            return lambda _: ""
        if other.primary_keys == key.other_columns or (not other.primary_keys and key.other_columns == (other.rowid,)):
            base = f"{urls.path(database.name, other.name)}/"
            return lambda value: base + (value if type(value) is str and _KEY(value) else encode_key((value,)))
        start = f"{urls.path(database.name, other.name)}?{argument(f'{key.other_columns[0]}__exact')}="
        return lambda value: start + argument(str(value))


def escape(text: str) -> str:
    """Escape ``text`` for HTML; most hold nothing to escape."""
    return escape_html(text) if _SPECIAL(text) else text


def escape_all(texts: Sequence[str]) -> Sequence[str]:
    """Escape ``texts`` for HTML, as they are if none of them holds anything to escape."""
    return list(map(escape, texts)) if _SPECIAL("\0".join(texts)) else texts


def _link(url: str, inner: str, more: str = "") -> str:
    return f'<a href="{escape(url)}"{more}>{inner}</a>' if url else inner


def _kind(value: Value) -> str:
    if value is None:
        return "null"
    return "blob" if isinstance(value, bytes) else "text" if isinstance(value, str) else "number"


def _is_large(value: float) -> bool:
    return abs(value) >= SMALL and isfinite(value)


def _indented(text: str) -> str:
    try:
        return orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return text


def _table_of(page: Page) -> Table | None:
    if isinstance(page, TablePage):
        return page.relation if isinstance(page.relation, Table) else None
    return page.table if isinstance(page, RowPage) else None
