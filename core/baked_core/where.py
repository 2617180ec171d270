"""Conditions that strangers write: ``_where`` of a URL, checked to be one whole expression and nothing beyond it."""

import re
from typing import Final

from baked_core.args import Args
from baked_core.errors import BadRequest, Forbidden
from baked_core.sql import Clause

_TOKEN: Final = re.compile(
    r"""
    '(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\]
    | --[^\n]*(?:\n|\Z) | /\*.*?\*/
    | (?P<sign>['"`\[();?:@$] | /\*)
    """,
    re.VERBOSE | re.DOTALL,
)
"""What may hide a bracket, or the sign that a condition may not hold by itself."""


def parse(args: Args, *, allow_sql: bool) -> tuple[str, ...]:
    """Return the conditions of a URL; raise BadRequest for one that is cut, Forbidden if visitors may write no SQL."""
    found = tuple(value for value in args.all("_where") if value.strip())
    if found and not allow_sql:
        raise Forbidden("SQL of your own is switched off here: use filters instead of _where")
    for sql in found:
        _check(sql)
    return found


def clause(sql: str) -> Clause:
    """Return a condition in brackets, whose last line may be a comment."""
    return Clause(f"(\n{sql}\n)")


def _check(sql: str) -> None:
    depth = 0
    for token in _TOKEN.finditer(sql):
        sign = token["sign"]
        depth += {"(": 1, ")": -1}.get(sign or "", 0)
        if depth < 0 or sign not in {None, "(", ")"}:
            raise BadRequest(
                "_where={sql!r} is not one whole condition: look at {sign!r} at {place}",
                sql=sql,
                sign=sign,
                place=token.start() + 1,
            )
    if depth or not _TOKEN.sub(lambda found: "" if found[0].startswith(("--", "/*")) else "x", sql).strip():
        raise BadRequest("_where={sql!r} is not one whole condition: a bracket is left open, or it is empty", sql=sql)
