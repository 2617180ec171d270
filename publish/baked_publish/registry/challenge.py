"""Challenges: what a registry asks for with 401, as RFC 9110 and the distribution project's token scheme say it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PAIR: Final = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


@dataclass(frozen=True, slots=True)
class Challenge:
    """One scheme of a WWW-Authenticate header, with its parameters."""

    scheme: str
    """In lower case: ``bearer`` or ``basic``."""
    said: Mapping[str, str]


def challenge(header: str) -> Challenge | None:
    """Read a header; Bearer is taken before Basic where both are offered. None if neither is."""
    found: dict[str, Challenge] = {}
    for part in re.split(r"(?i)(?:^|,\s*)(?=(?:bearer|basic)\b)", header):
        scheme, _, rest = part.strip().partition(" ")
        pairs = {key.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain for key, quoted, plain in PAIR.findall(rest)}
        found.setdefault(scheme.lower(), Challenge(scheme.lower(), pairs))
    return found.get("bearer") or found.get("basic")
