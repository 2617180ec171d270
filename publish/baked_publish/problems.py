"""Problems: what the JSON Schema of ``publish.yaml`` finds wrong, in a person's words."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from baked_publish.document import JSON, At
from baked_publish.suggest import nearest

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

KINDS: Final = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys and values",
}
WORDS: Final = {True: ("on", "yes"), False: ("off", "no")}
"""What YAML takes for a truth value, though somebody may mean the word."""


def problems(error: "ValidationError", held: JSON) -> Iterator[tuple[At, str]]:
    """Yield place and words of what the schema ``held`` finds wrong."""
    at, kind = tuple(error.instance_path), error.kind
    where = ".".join(map(str, at))
    if isinstance(kind, kind.AdditionalProperties):
        known = list(_within(held, error.schema_path[:-1])["properties"])
        for key in kind.unexpected:
            of = f" of {where}" if where else ""
            yield (*at, key), f"{key!r} is not a key{of}{nearest(key, known)}"
    elif isinstance(kind, kind.Required):
        yield at, f"{where or 'the file'} needs {kind.property!r}"
    elif isinstance(kind, kind.AnyOf) and "sql" in str(error.instance):
        yield at, f"{where} needs one of at_least, at_most, equals, no_rows"
    elif isinstance(kind, kind.Not):
        yield at, f"{where} asks for no rows and for a value as well: make two checks of it"
    else:
        yield at, f"{where} is {_shown(error.instance)}{_wanted(error)}"


def _wanted(error: "ValidationError") -> str:
    """Say what a value must be instead."""
    kind = error.kind
    if isinstance(kind, kind.Type):
        return f", it must be {' or '.join(KINDS[each] for each in kind.types if each in KINDS)}"
    if isinstance(kind, kind.Enum):
        options = [each if isinstance(each, str) else _shown(each) for each in kind.options]
        near = nearest(str(error.instance), options) or _spelled(error.instance, options)
        return f"{near}; it must be one of: {', '.join(options)}"
    if isinstance(kind, kind.Minimum | kind.Maximum):
        return f", it must be at {'least' if isinstance(kind, kind.Minimum) else 'most'} {kind.limit}"
    if isinstance(kind, kind.MinItems | kind.MaxItems):
        return f": it must have {kind.limit} parts"
    if isinstance(kind, kind.Constant):
        return f", it must be {_shown(kind.expected_value)}"
    return ", which cannot be: see docs/publish-yaml.md"


def _shown(value: Any) -> str:
    """Return a value as the file writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "empty" if value is None else repr(value)


def _spelled(value: Any, options: Sequence[str]) -> str:
    """Return a hint where YAML took a word such as ``off`` for a truth value."""
    words = WORDS[value] if isinstance(value, bool) else ()
    return "".join(f": write '{each}' in quotes, without them it is no word" for each in words if each in options)


def _within(held: Any, path: Sequence[str | int]) -> Any:
    """Return the part of a schema that lies at ``path``."""
    found = held
    for each in path:
        found = found[each]
    return found
