"""Strings: the words of the pages in one language, each kept in one file, ``templates/strings/en.json``."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import orjson
from markupsafe import Markup, escape

from baked_core.errors import ManifestError, Words
from baked_core.filters import Operator
from baked_core.metadata import Metadata
from baked_core.static import templates
from baked_core.values import is_number

ENGLISH: Final = "en"

Texts = Mapping[str, str | Mapping[str, str]]


class Strings:
    """Says what a page has to say; called with a key and the values that its text has places for."""

    def __init__(self, language: str, texts: Texts) -> None:
        self.language = language
        """As ``<html lang>`` names it."""
        self._texts = texts
        self._group = str(texts["number.group"])
        self._point = str(texts["number.point"])

    def __call__(self, key: str, /, count: float | None = None, **values: Any) -> str:
        """Return the text of ``key``; with ``count`` in the form that the number asks for."""
        text = self._texts[key]
        if not isinstance(text, str):
            text = text["one" if count == 1 else "other"]
        return text.format(count="" if count is None else self.number(count), **values) if "{" in text else text

    def markup(self, key: str, /, **values: Any) -> Markup:
        """Return the text of ``key`` with markup in its places; all else is escaped."""
        return Markup(escape(self._texts[key])).format(**values)  # noqa: S704 - escaped

    def title(self, english: str) -> str:
        """Return the title of one of the app's own pages; as it is where the language has none."""
        return str(self._texts.get(f"title.{english}", english))

    def value(self, value: str) -> str:
        """Write a value of a condition: a number as it is, a text in quotes."""
        return value if is_number(value) else self("quoted", text=value)

    def error(self, words: Words) -> str:
        """Say what went wrong; in English where the language has no words for it, or not with those values."""
        text = self._texts.get(f"error.{words.text}", words.text)
        try:
            said = str(text).format(**words.values) if words.values else str(text)
        except (LookupError, ValueError, AttributeError):
            said = str(Words(words.text, words.values))
        return said[:1].upper() + said[1:]

    def operator(self, operator: Operator) -> str:
        """Return the words of a filter operator."""
        return str(self._texts.get(f"operator.{operator.name}", operator.label))

    def date(self, iso: str) -> str:
        """Write a date that may leave out its day, or its month as well: ``2026-11-25``, ``2026-11``, ``2026``."""
        year, month, day, *_ = *map(int, iso.split("-")), 0, 0
        if not month:
            return str(year)
        return self("date.day" if day else "date.month", day=day, month=self(f"month.{month}"), year=year)

    def number(self, value: float) -> str:
        """Group the digits of a number."""
        text = f"{value:,}"
        if self._group == "," and self._point == ".":
            return text
        return text.translate({ord(","): self._group, ord("."): self._point})


def of_site(root: Path | None, metadata: Metadata) -> Strings:
    """Return the strings of the language that metadata names; the publisher's own file goes before ours.

    Raises ManifestError if there is no file of that language.
    """
    language = str(metadata.get("language") or ENGLISH)
    site = None if root is None else root / "site" / "templates" / "strings"
    found = [folder for folder in (templates() / "strings", site) if folder and (folder / f"{language}.json").is_file()]
    if not found:
        raise ManifestError(
            f"there are no strings for language {language!r}: put templates/strings/{language}.json into the site, "
            "a copy of en.json in that language, or leave 'language' out"
        )
    texts = dict(_read(templates() / "strings" / f"{ENGLISH}.json"))
    for folder in found:
        texts |= _read(folder / f"{language}.json")
    return Strings(language, texts)


@cache
def english() -> Strings:
    """Return our own words."""
    return of_site(None, {})


def _read(path: Path) -> Texts:
    try:
        found: Any = orjson.loads(path.read_bytes())
    except ValueError as exc:
        raise ManifestError(f"{path.name} is not JSON: {exc}") from exc
    if not isinstance(found, dict):
        raise ManifestError(f"{path.name} holds no strings: it must map each key to a text")
    return cast("Texts", found)
