"""Kinds: what a key of the metadata may hold, each a check and the words that say what it wants."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Any, Final

from baked_publish.shapes import is_list, is_object

Check = Callable[[Any], bool]
Kind = tuple[Check, str]

_DATE: Final = re.compile(r"\d{4}(-\d\d(-\d\d)?)?").fullmatch
_TAG: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*").fullmatch


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _switch(value: Any) -> bool:
    return isinstance(value, bool)


def _texts(value: Any) -> bool:
    return is_list(value) and all(isinstance(each, str) for each in value)


def _named_texts(value: Any) -> bool:
    return is_object(value) and all(isinstance(each, str | int | float) for each in value.values())


def _anything(_value: Any) -> bool:
    return True


def _facets(value: Any) -> bool:
    return is_list(value) and all(isinstance(each, str) or _facet(each) for each in value)


def _facet(value: Any) -> bool:
    return is_object(value) and len(value) == 1 and set(value) <= {"array", "date"} and _named_texts(value)


def _assets(value: Any) -> bool:
    return is_list(value) and all(isinstance(each, str) or _asset(each) for each in value)


def _asset(value: Any) -> bool:
    return is_object(value) and isinstance(value.get("url"), str) and set(value) <= {"url", "sri", "module"}


def _mode(value: Any) -> bool:
    return value in {"raw", "escaped"}


def _language(value: Any) -> bool:
    return isinstance(value, str) and _TAG(value) is not None


def _date(value: Any) -> bool:
    if not isinstance(value, str | int) or not _DATE(text := str(value)):
        return False
    with suppress(ValueError):
        return bool(date.fromisoformat(f"{text}-01-01"[:10]))
    return False


def _no(value: Any) -> bool:
    return value is False


def _types(value: Any) -> bool:
    return is_object(value) and all(
        isinstance(each, str) or (is_object(each) and isinstance(each.get("type"), str)) for each in value.values()
    )


TEXT: Final[Kind] = (_text, "a text")
WHOLE: Final[Kind] = (_whole, "a whole number above 0")
SWITCH: Final[Kind] = (_switch, "true or false")
TEXTS: Final[Kind] = (_texts, "a list of texts")
NAMED: Final[Kind] = (_named_texts, "texts by name")
OPEN: Final[Kind] = (_anything, "anything")
BY_NAME: Final[Kind] = (lambda value: value is None or is_object(value), "values by name")
FACETS: Final[Kind] = (_facets, "a list of columns, each its name, {array: NAME} or {date: NAME}")
ASSETS: Final[Kind] = (_assets, "a list of URLs, each a text or {url: URL, sri: HASH, module: true}")
MODE: Final[Kind] = (_mode, "raw or escaped")
READS: Final[Kind] = (_no, "false, or left out: what is published can only be read")
TYPES: Final[Kind] = (_types, "a type by column: url, email, json")
LANGUAGE: Final[Kind] = (_language, "a language as BCP 47 names it, such as en or de-AT")
DATE: Final[Kind] = (_date, "a date such as 2026-11-25, 2026-11 or 2026")
