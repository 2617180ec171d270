"""Atom feeds: rows that are entries of one, because their columns are named ``atom_id``, ``atom_title``..."""

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

from baked_core.errors import BadRequest
from baked_core.values import Value

NEEDED: Final = ("atom_id", "atom_title", "atom_updated")
"""What every entry of a feed has (RFC 4287, 4.1.2)."""
MORE: Final = ("atom_link", "atom_content", "atom_content_html", "atom_author_name", "atom_author_uri")

_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:").match
_CONTROL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def is_feed(columns: Collection[str]) -> bool:
    """Tell whether rows of these columns are entries of a feed."""
    return set(NEEDED) <= set(columns)


def moment(value: Value, number: int) -> str:
    """Return a time as RFC 3339 writes it; one without a zone is UTC. Raises BadRequest for what is no time."""
    try:
        found = datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise BadRequest(
            "atom_updated of entry {number} is {value!r}: a feed needs a time such as 2026-11-25T12:00:00Z",
            number=number,
            value=str(value)[:80],
        ) from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iri(value: Value, page: str) -> str:
    """Return an entry's id as an IRI: as it is, or else as a part of the address of its ``page``."""
    from urllib.parse import quote  # noqa: PLC0415 - few ask for feeds

    said = text(value)
    return said if _IRI(said) else f"{page}#{quote(said)}"


def text(value: Value) -> str:
    """Return a value as text that XML can hold."""
    if isinstance(value, bytes):
        raise BadRequest("a feed holds text: an atom_ column has binary data in it")
    return _CONTROL.sub("\ufffd", "" if value is None else str(value))
