"""Permissions in the metadata: whether they are of a shape that the app enforces, and of things that are there.

What would be ignored would be public: a misspelled name is an error here, not a warning.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from baked_core.manifest import Database, Table
from baked_core.permissions.rules import ACTIONS, KEYS
from baked_publish.shapes import is_list, is_object
from baked_publish.suggest import nearest

ALLOW: Final = "true, false, {KEY: VALUE} such as {id: alice}, or a list of these: see docs/permissions.md"
TOKENS: Final = (
    "tokens by the name of who has them, each {$env: NAME}, {$file: PATH} or {sha256: DIGEST}, never the token itself: "
    "see docs/permissions.md"
)

_DIGEST: Final = re.compile("[0-9a-fA-F]{64}").fullmatch
_OF_TABLES: Final = KEYS - {"tokens"}


def is_allow(value: Any) -> bool:
    """Tell whether ``value`` is an allow block."""
    if is_list(value):
        return bool(value) and all(is_object(each) and is_allow(each) for each in value)
    return isinstance(value, bool) or (is_object(value) and all(map(_is_wanted, value.items())))


def _is_wanted(pair: tuple[str, Any]) -> bool:
    name, value = pair
    if name == "unauthenticated":
        return isinstance(value, bool)
    return all(isinstance(each, str | int | float) for each in (value if is_list(value) else [value]))


def is_permissions(value: Any, level: str) -> bool:
    """Tell whether ``value`` holds an allow block for each of some actions that belong to ``level``."""
    return is_object(value) and set(value) <= ACTIONS[level] and all(map(is_allow, value.values()))


def permissions(level: str) -> str:
    """Say what a block ``permissions`` may hold."""
    return f"an allow block for each of some of {', '.join(sorted(ACTIONS[level]))}; there is nothing else to permit"


def is_tokens(value: Any) -> bool:
    """Tell whether ``value`` says of each token where it is kept, and never what it is."""
    return is_object(value) and all(map(_is_reader, value.values()))


def _is_reader(value: Any) -> bool:
    if not (is_object(value) and "token" in value):
        return _is_secret(value)
    secrets = value["token"] if is_list(value["token"]) else [value["token"]]
    known = set(value) <= {"token", "actor"} and is_object(value.get("actor", {}))
    return known and bool(secrets) and all(map(_is_secret, secrets))


def _is_secret(value: Any) -> bool:
    if is_list(value):
        return bool(value) and all(map(_is_secret, value))
    if not is_object(value) or len(value) != 1:
        return False
    kind, told = next(iter(value.items()))
    text = isinstance(told, str) and bool(told)
    return text and (kind in {"$env", "$file"} or (kind == "sha256" and bool(_DIGEST(told))))


def keys(level: str) -> Mapping[str, tuple[Callable[[Any], bool], str]]:
    """Return the keys of one level that say who may see what, with what each must hold."""
    found: dict[str, tuple[Callable[[Any], bool], str]]
    found = {"allow": (is_allow, ALLOW), "permissions": (partial(is_permissions, level=level), permissions(level))}
    if level in {"file", "database"}:
        found["allow_sql"] = (is_allow, ALLOW)
    return {**found, "tokens": (is_tokens, TOKENS)} if level == "file" else found


def misplaced(metadata: Mapping[str, Any], databases: Mapping[str, Database]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong with permissions of things that are not there, or that could not be kept, by their keys."""
    for name, about in metadata.get("databases", {}).items():
        tables, at = about.get("tables", {}), ("databases", name)
        if name not in databases:
            if _OF_TABLES & about.keys() or any(_OF_TABLES & each.keys() for each in tables.values()):
                near = nearest(name, databases)
                yield at, f"permissions are given for a database {name!r} that is not published{near}"
            continue
        known = {**databases[name].tables, **databases[name].views}
        for table, said in tables.items():
            below = (*at, "tables", table)
            if _OF_TABLES & said.keys() and table not in known:
                yield (
                    below,
                    f"permissions are given for a table {name}.{table} that is not there{nearest(table, known)}",
                )
            elif said.get("hidden_columns"):
                wrong = _unhidable(f"{name}.{table}", known[table], said["hidden_columns"])
                yield from (((*below, "hidden_columns"), each) for each in wrong)


def _unhidable(where: str, table: Any, columns: list[str]) -> Iterator[str]:
    """Yield why some columns cannot be kept from readers."""
    if not isinstance(table, Table) or table.virtual is not None:
        yield f"{where} is no ordinary table, so its columns cannot be hidden: leave them out of its definition"
        return
    known = [column.name for column in table.columns]
    for column in columns:
        if column not in known:
            yield f"hidden_columns names a column {where}.{column} that is not there{nearest(column, known)}"
        elif column in table.primary_keys:
            yield (
                f"hidden_columns names {where}.{column}, which belongs to the key that leads to each row: "
                "hide the table with allow, or leave the column out with --exclude-column"
            )


def unreachable(metadata: Mapping[str, Any]) -> bool:
    """Tell whether something asks for a reader who is known, and nothing tells how one could be."""
    return not metadata.get("tokens") and any(_asks(block) for block in _blocks(metadata))


def _asks(block: Any) -> bool:
    return any(map(_asks, block)) if is_list(block) else is_object(block) and bool(block.keys() - {"unauthenticated"})


def _blocks(level: Any) -> Iterator[Any]:
    """Yield every allow block of the metadata."""
    yield from (level[key] for key in ("allow", "allow_sql") if key in level)
    yield from level.get("permissions", {}).values()
    for below in ("databases", "tables", "queries"):
        for each in level.get(below, {}).values():
            if is_object(each):
                yield from _blocks(each)
