"""Conditions of a table page in the words of its language, each with the address of the page without it."""

from collections.abc import Iterator, Sequence

from baked_core.filters import OPERATORS, Filter
from baked_core.page import Link, TablePage
from baked_core.request import Request
from baked_core.search import Search, is_search
from baked_core.strings import Strings
from baked_core.table_query import ARGUMENTS, columns_of
from baked_core.through import Through

Pair = tuple[str, str]


def conditions(page: TablePage, request: Request, say: Strings) -> list[Link]:
    """Return the conditions: searches, filters, those through other tables, and SQL."""
    return [Link(text, _without(page, request, pair)) for text, pair in _told(page, request, say)]


def _told(page: TablePage, request: Request, say: Strings) -> Iterator[tuple[str, Pair]]:
    """Yield each condition in words, beside the argument that asks for it."""
    query, known = page.query, columns_of(page.relation)
    pairs = [pair for pair in request.args.pairs if pair[1]]
    searches = [pair for pair in pairs if pair[0] == "_search" or is_search(pair[0], known)]
    filters = [pair for pair in request.args.pairs if pair[0] not in ARGUMENTS and not is_search(pair[0], known)]
    yield from zip([_searched(each, say) for each in query.searches], searches, strict=False)
    yield from zip([_filtered(each, say) for each in query.filters], filters, strict=False)
    yield from zip([_through(each, say) for each in query.through], _named(pairs, "_through"), strict=False)
    yield from zip(query.wheres, _named(pairs, "_where"), strict=False)


def _named(pairs: Sequence[Pair], name: str) -> list[Pair]:
    return [pair for pair in pairs if pair[0] == name]


def _searched(search: Search, say: Strings) -> str:
    if search.column:
        return say("table.search_in", column=search.column, text=search.text)
    return say("table.search_for", text=search.text)


def _filtered(found: Filter, say: Strings) -> str:
    words = f"{found.column.name} {say.operator(found.operator)}"
    return f"{words} {say.value(found.value)}" if found.operator.takes_value else words


def _through(found: Through, say: Strings) -> str:
    column = f"{found.key.other_table}.{found.column.name}"
    return f"{column} {say.operator(OPERATORS['exact'])} {say.value(found.value)}"


def _without(page: TablePage, request: Request, pair: Pair) -> str:
    pairs = list(request.args.without("_next"))
    pairs.remove(pair)
    return request.urls.path(page.database.name, page.relation.name, query=pairs)
