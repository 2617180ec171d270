"""The corpus: hostile queries and URLs, each with what must come back, read from the files of ``tests/attacks/corpus``.

An entry is one attack: ``sql`` (sent to the SQL page, ``as`` json, csv or html) or ``url``, and what it ``gives``: a
status, or several with ``|`` between them, then either rows as JSON or a pattern that the body holds. ``«9×text»``
stands for the text nine times over, ``{folder}`` for a folder that must stay empty.
"""  # noqa: RUF002 - the sign that the files use

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

CORPUS = Path(__file__).parents[1] / "attacks" / "corpus"
_MANY = re.compile(r"«(\d+)×([^«»]*)»")  # noqa: RUF001 - the sign that the files use
_SAFE = "!\"$'()*,-./:;<>?@[\\]^_`{|}~="


@dataclass(frozen=True)
class Attack:
    """One hostile request, and what must come back."""

    group: str
    number: int
    short: str
    """The request as the file has it."""
    how: str
    """``sql`` or ``url``."""
    format: str
    gives: str

    def __str__(self) -> str:
        plain = re.sub(r"[^ -~]+", "_", self.short)
        return f"{self.group} {self.number} {plain[:60]}"

    def target(self, folder: Path) -> bytes:
        """Return the target of the request line."""
        text = unfolded(self.short).replace("{folder}", str(folder))
        if self.how == "url":
            return quote(text, safe=_SAFE + "%&+").encode()
        suffix = "" if self.format == "html" else f".{self.format}"
        return f"/attacked/-/query{suffix}?sql={quote(text, safe=_SAFE)}".encode()

    def fits(self, status: int, body: bytes) -> str:
        """Return what is wrong with an answer; nothing if it is what must come back."""
        wanted, _, words = self.gives.partition(" ")
        if str(status) not in wanted.split("|"):
            return f"{status} is not {self.gives}: {body[:300]!r}"
        if words.startswith("["):
            return _differs(json.loads(body), json.loads(words))
        said = _said(body)
        return "" if re.search(words, said) else f"{words!r} is not in {said[:300]!r}"


def _said(body: bytes) -> str:
    """Return the error that a body of JSON tells, or the text of any other."""
    with suppress(ValueError, TypeError, KeyError):
        return str(json.loads(body)["error"])
    return unescape(body.decode(errors="replace"))


def _differs(body: Any, wanted: Any) -> str:
    found = [list(row.values()) for row in body["rows"]]
    return "" if found == wanted else f"the rows are {found!r}, not {wanted!r}"


def unfolded(text: str) -> str:
    """Write out what stands for a text many times over, also one inside another."""
    while (written := _MANY.sub(lambda found: int(found[1]) * found[2], text)) != text:
        text = written
    return text


def attacks(*groups: str) -> Iterator[Attack]:
    """Yield every attack of the files that are named so, of all files without a name."""
    for file in sorted(CORPUS.glob("*.yaml")):
        group = file.stem.partition("_")[2]
        if groups and group not in groups:
            continue
        for number, entry in enumerate(yaml.safe_load(file.read_text("utf-8")), 1):
            how = "sql" if "sql" in entry else "url"
            yield Attack(group, number, str(entry[how]), how, entry.get("as", "json"), str(entry["gives"]))
