"""What lies nearby where an error is: the way back, and the address that was probably meant."""

from http import HTTPStatus
from typing import Final

from baked_core.args import Args
from baked_core.errors import Words
from baked_core.page import Link
from baked_core.request import Request
from baked_core.urls import tilde_decode, tilde_encode
from baked_core.views.database import crumbs

_DEEP: Final = 2
"""The names of a path that are a database's and a table's."""


def way_back(request: Request) -> tuple[Link, ...]:
    """Return the way from the index down to what there is of the path: a database, a table in it."""
    databases, names = request.serving.databases, _names(request)[:_DEEP]
    if not names or names[0] not in databases:
        return crumbs(request)
    entry = databases[names[0]].entry
    there = len(names) == _DEEP and (names[1] in entry.tables or names[1] in entry.views)
    return crumbs(request, *names) if there else crumbs(request, names[0])


def meant(request: Request, status: int, words: Words) -> tuple[Link, ...]:
    """Return a link to the address with the nearest known name in the place of the wrong one, the first value."""
    wrong = next(iter(words.values.values()), None)
    if not words.near or not isinstance(wrong, str):
        return ()
    if status == HTTPStatus.NOT_FOUND:
        names = _names(request)
        if wrong not in names[:_DEEP]:
            return ()
        segments = request.path.removeprefix(request.urls.root).strip("/").split("/")
        segments[names.index(wrong)] = tilde_encode(words.near)
        return (Link(words.near, request.urls.own(*segments)),)
    pairs = Args.parse(request.query).pairs
    mended = [_mended(name, value, wrong, words.near) for name, value in pairs]
    if sum(one != other for one, other in zip(pairs, mended, strict=True)) != 1:
        return ()
    return (Link(words.near, request.urls.same("/" + request.path.lstrip("/"), mended)),)


def _names(request: Request) -> list[str]:
    return [tilde_decode(each) for each in request.path.removeprefix(request.urls.root).split("/") if each]


def _mended(name: str, value: str, wrong: str, near: str) -> tuple[str, str]:
    """Put ``near`` in the place of ``wrong``: an argument, its value, or one side of ``COLUMN__OPERATOR``."""
    if wrong in value.split(","):
        return name, ",".join(near if each == wrong else each for each in value.split(","))
    column, sign, operator = name.rpartition("__")
    if wrong in {name, column, operator}:
        return near if name == wrong else (near + sign + operator if column == wrong else column + sign + near), value
    return (f"_search_{near}" if name == f"_search_{wrong}" else name), value
