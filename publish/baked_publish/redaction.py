"""Redaction: the one place that knows which texts nobody may see, and takes them out of all that is told.

It is one for the whole process on purpose: a secret is one whoever speaks, be it a report, a result or a traceback.
"""

import json
import re
from typing import Any, Final

from baked_publish.shapes import is_list, is_object

HIDDEN: Final = "[secret]"
SHORTEST: Final = 4
"""Characters of a secret that is taken out of texts; a shorter one would take words apart and hide nothing."""
ID: Final = "[id]"
IDS: Final = re.compile(
    r"(?i)\b(?:\d{8}-\d{6}-[0-9a-f]{8}(?:-\d+)?"  # a deployment
    r"|(?:sha256:)?[0-9a-f]{12,64}"  # a digest, a machine, the number of a project
    r"|[a-z][a-z0-9-]*-r(?=[0-9a-z]*\d)[0-9a-z]{6,8}"  # a revision of Cloud Run
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)\b"  # an account
)
_known: set[str] = set()
_private: set[str] = set()


def keep_secret(text: str) -> None:
    """Take ``text`` out of all that is told from now on, as it is and as it stands within JSON."""
    if len(text) >= SHORTEST:
        _known.update({text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]})


def keep_private(name: str) -> None:
    """Take ``name``, which says whose something is, out of all that is told in public from now on."""
    if len(name) >= SHORTEST:
        _private.add(name)


def hidden(text: str) -> str:
    """Return ``text`` without what is secret."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def without_ids(text: str) -> str:
    """Return ``text`` without digests, revisions, accounts, machines and projects, for a log that is public."""
    text = IDS.sub(ID, text)
    for name in sorted(_private, key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", ID, text)
    return text


def as_json(value: Any, option: int | None = None) -> str:
    """Return ``value`` as JSON with each of its texts ``hidden``: a secret of digits takes no number apart."""
    import orjson  # noqa: PLC0415 - a report without JSON does without it

    return orjson.dumps(_hidden(orjson.loads(orjson.dumps(value))), option=option).decode()


def _hidden(value: Any) -> Any:
    if is_object(value):
        return {key: _hidden(each) for key, each in value.items()}
    if is_list(value):
        return [_hidden(each) for each in value]
    return hidden(value) if isinstance(value, str) else value
