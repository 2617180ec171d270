"""Redaction: the one place that knows which texts nobody may see, and takes them out of all that is told.

It is one for the whole process on purpose: a secret is one whoever speaks, be it a report, a result or a traceback.
"""

import json
from typing import Final

HIDDEN: Final = "[secret]"
SHORTEST: Final = 4
"""Characters of a secret that is taken out of texts; a shorter one would take words apart and hide nothing."""
_known: set[str] = set()


def keep_secret(text: str) -> None:
    """Take ``text`` out of all that is told from now on, as it is and as it stands within JSON."""
    if len(text) >= SHORTEST:
        _known.update({text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]})


def hidden(text: str) -> str:
    """Return ``text`` without what is secret."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
