"""The heads of a table's columns: what each is called, where a click leads, and what else its menu offers."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Final

from markupsafe import Markup
from msgspec import Struct

from baked_core.cells import escape
from baked_core.metadata import texts
from baked_core.page import Link, TablePage
from baked_core.renderers.naming import css_class
from baked_core.request import Request
from baked_core.strings import Strings
from baked_core.table_query import key_of
from baked_core.urls import Query, argument

REMEMBERED: Final = 4096
"""Columns whose words are remembered."""

LINKS: Final = 6
"""Links of each head and its menu."""
_ACTIONS: Final = ("up", "down", "count", "filled", "hide")


class Head(Struct, frozen=True):
    """The head of a column: its name, what is said of it, and where a click leads."""

    name: str
    type: str
    """What the table's definition says, such as ``INTEGER``."""
    description: str
    unit: str
    url: str
    """Where a click leads; empty if nobody may sort by it."""
    sorted: str
    """``ascending``, ``descending`` or ``none``, as ``aria-sort`` says it."""
    actions: tuple[Link, ...] = ()
    """What else can be done with the column."""


class _Words(Struct, frozen=True):
    """What is the same on every page of a table, as HTML."""

    name: str
    argument: str
    """The name as an argument of a URL."""
    css: str
    small: str
    """Type and unit below the name."""
    about: str
    """What its button is called."""
    top: str
    """What stands above the actions in its menu."""


class _Places(Struct, frozen=True):
    """Beginnings of addresses, to which arguments are added; as they are, or as HTML."""

    page: str
    unsorted: str
    labels: Sequence[str]
    """What the actions are called."""
    write: Callable[[str], str] = str


class Heads:
    """The heads of one page, in order; and written as HTML here, because a template takes four times as long."""

    def __init__(self, page: TablePage, request: Request, say: Strings) -> None:
        self._page, self._say, self._urls = page, say, request.urls
        self._described, self._units = texts(page.metadata, "columns"), texts(page.metadata, "units")
        self._types = {column.name: column.type for column in page.relation.columns}
        self._plain = request.args.without("_next")
        unsorted = request.args.without("_sort", "_sort_desc", "_next")
        labels = [say(f"column.{each}") for each in _ACTIONS]
        self._raw = _Places(_open(self._path(self._plain)), _open(self._path(unsorted)), labels)
        self._faceted = {each.facet.column.name for each in page.facets}
        self._facets = request.serving.settings.allow_facet
        self._fixed = frozenset(key_of(page.relation))
        request.urls.ink.spend(LINKS * len(page.columns) * max(len(self._raw.page), len(self._raw.unsorted)))

    def __iter__(self) -> Iterator[Head]:
        """Yield each head, for templates that write their own."""
        for name, words in self._columns:
            yield Head(
                name=name,
                type=self._types.get(name, ""),
                description=self._described.get(name, ""),
                unit=self._units.get(name, ""),
                url=self._sorting(name, words, self._raw),
                sorted=self._direction(name),
                actions=tuple(Link(text, url) for text, url in self._offers(name, words, self._raw)),
            )

    @cached_property
    def described(self) -> list[Head]:
        """The heads that something is said of."""
        return [head for head in self if head.description] if self._described else []

    def cells(self, numbers: frozenset[str]) -> Markup:
        """Write the ``<th>`` elements; ``numbers`` are the columns that stand to the right."""
        written = [self._cell(at, name, words, name in numbers) for at, (name, words) in enumerate(self._columns, 1)]
        return Markup("\n".join(written))  # noqa: S704 - all was escaped

    @property
    def menus(self) -> Markup:
        """The menus that the heads open."""
        written = [self._menu(at, name, words) for at, (name, words) in enumerate(self._columns, 1)]
        return Markup("\n".join(written))  # noqa: S704 - all was escaped

    @cached_property
    def _columns(self) -> list[tuple[str, _Words]]:
        types, units, described = self._types, self._units, self._described
        return [
            (name, _words(self._say, name, types.get(name, ""), units.get(name, ""), described.get(name, "")))
            for name in self._page.columns
        ]

    @cached_property
    def _html(self) -> _Places:
        page, unsorted, *labels = map(escape, (self._raw.page, self._raw.unsorted, *self._raw.labels))
        return _Places(page, unsorted, labels, escape)

    def _cell(self, at: int, name: str, words: _Words, number: bool) -> str:  # noqa: FBT001 - private
        url, way = self._sorting(name, words, self._html), self._direction(name)
        link = f'<a href="{url}" rel="nofollow">{words.name}</a>' if url else words.name
        menu = f'<button type="button" class="menu" popovertarget="column-{at}" aria-label="{words.about}">⋯</button>'
        css = f"{words.css} num" if number else words.css
        return f'<th class="col-{css}" scope="col" aria-sort="{way}">{link}{menu}{words.small}</th>'

    def _menu(self, at: int, name: str, words: _Words) -> str:
        offers = self._offers(name, words, self._html)
        items = "\n".join([f'<li><a href="{url}" rel="nofollow">{text}</a></li>' for text, url in offers])
        return f'<div popover id="column-{at}" class="column-menu">\n{words.top}<ul>\n{items}\n</ul>\n</div>'

    def _path(self, query: Query) -> str:
        return self._urls.path(self._page.database.name, self._page.relation.name, query=query)

    def _direction(self, name: str) -> str:
        sort = self._page.sort
        return "none" if sort is None or sort.column != name else "descending" if sort.descending else "ascending"

    def _sorting(self, name: str, words: _Words, places: _Places) -> str:
        """Return where a click on a head leads; empty if nobody may sort by it."""
        if name not in self._page.sortable:
            return ""
        way = "_sort_desc" if self._direction(name) == "ascending" else "_sort"
        return f"{places.unsorted}{way}={words.argument}"

    def _offers(self, name: str, words: _Words, places: _Places) -> Iterator[tuple[str, str]]:
        """Yield what a column's menu offers beside its description: the words, and where they lead."""
        (up, down, count, filled, hide), argument = places.labels, words.argument
        if name in self._page.sortable:
            yield up, f"{places.unsorted}_sort={argument}"
            yield down, f"{places.unsorted}_sort_desc={argument}"
        if self._facets and name not in self._faceted:
            yield count, f"{places.page}_facet={argument}"
        if (f"{name}__notblank", "1") not in self._plain:
            yield filled, f"{places.page}{argument}__notblank=1"
        if name not in self._fixed and len(self._page.columns) > 1:
            shown = tuple(pair for pair in self._plain if pair != ("_col", name))
            fewer = len(shown) < len(self._plain)
            yield hide, places.write(self._path(shown)) if fewer else f"{places.page}_nocol={argument}"


def _open(url: str) -> str:
    """Return ``url`` as the beginning of one with another argument."""
    return f"{url}{'&' if '?' in url else '?'}"


@lru_cache(REMEMBERED, typed=True)
def _words(say: Strings, name: str, kind: str, unit: str, description: str) -> _Words:
    shown, kind = escape(name), escape(kind.lower())
    below = ", ".join(filter(None, [kind, f'<span class="unit">{escape(unit)}</span>' if unit else ""]))
    facts = ", ".join(filter(None, [kind, escape(say("column.unit", unit=unit)) if unit else ""]))
    return _Words(
        name=shown,
        argument=argument(name),
        css=css_class(name),
        small=f"<small>{below}</small>" if below else "",
        about=escape(say("column.about", column=name)),
        top=f"<h2>{shown}</h2>\n"
        + (f'<p class="facts">{facts}</p>\n' if facts else "")
        + (f"<p>{escape(description)}</p>\n" if description else ""),
    )
