"""Parameters: the names that a query has places for, read from its text as SQLite's tokenizer reads it."""

import re
from typing import Final

_TOKEN: Final = re.compile(
    r"""
    '[^']*(?:'|\Z) | "[^"]*(?:"|\Z) | `[^`]*(?:`|\Z) | \[[^\]]*(?:\]|\Z)
    | --[^\n]*(?:\n|\Z) | /\*.*?(?:\*/|\Z)
    | [A-Za-z0-9_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*
    | \?(?P<number>[0-9]*)
    | [$@\#:](?P<name>(?:[A-Za-z0-9_$\x80-\U0010ffff]|::)+(?:\([^)\s]*\))?)
    """,
    re.VERBOSE | re.DOTALL,
)
"""What may hide a parameter, names, and parameters themselves."""


def parameters(sql: str) -> tuple[str, ...]:
    """Return the names of the parameters in ``sql`` in order, each once; no database is asked."""
    found = (token["number"] or token["name"] for token in _TOKEN.finditer(sql))
    return tuple(dict.fromkeys(name for name in found if name))
