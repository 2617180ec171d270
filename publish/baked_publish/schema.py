"""The JSON Schema of ``publish.yaml``, made of the options classes: each option is written once."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from baked_core.settings import SETTINGS, Setting
from baked_publish import plugins
from baked_publish.bake import BakeOptions
from baked_publish.config import IDLE_SETTINGS
from baked_publish.deadline import Limit
from baked_publish.expectations import Expectation
from baked_publish.ingredients import Ingredients
from baked_publish.wish import Wish

JSON = dict[str, Any]
TEXT: Final[JSON] = {"type": "string"}
TEXTS: Final[JSON] = {"type": "array", "items": TEXT}
KEPT: Final = ("accept", "keep", "max_row_loss", "within")
"""What a project says of every publish; the rest of a Wish is said each time."""
SITE: Final = ("template_dir", "plugins_dir", "static")
PLAIN: Final[Mapping[Any, JSON]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: TEXT,
    Path: TEXT,
}

OF_SETTINGS: Final[Mapping[type, JSON]] = {
    bool: {"enum": [True, False, "on", "off", "true", "false", 0, 1]},
    int: {"type": ["integer", "string"]},
    str: TEXT,
}
"""As the app reads them: Datasette's settings are often written as text."""


def schema(targets: Iterable[str] | None = None) -> JSON:
    """Return the schema for a file with ``targets``, by default all that are installed."""
    names = sorted({each.target for each in plugins.installed()} if targets is None else targets)
    own = {name: _target(plugins.load(name).options) for name in names}
    wishes = {key: each for key, each in {**_properties(Wish), **_properties(Limit)}.items() if key in KEPT}
    site = {key: each for key, each in _properties(Ingredients).items() if key in SITE}
    properties: JSON = {
        "databases": {
            "description": "Paths or globs of databases, CSV or JSON, beside this file; or one folder.",
            "type": ["string", "array"],
            "minItems": 1,
            "items": _database(),
        },
        "name": {**TEXT, "description": "What it is called on every target that does not say another name."},
        "target": {"description": "Where `publish` alone publishes to.", "enum": names},
        "metadata": {
            "description": "A file, or metadata itself: titles, licences, descriptions.",
            "oneOf": [TEXT, {"type": "object"}],
        },
        "settings": {**_settings(), "description": "Settings of the serving app by name."},
        "bake": {**_object(_properties(BakeOptions)), "description": "How databases are frozen."},
        **site,
        **wishes,
        "checks": {"description": "What must hold before visitors come.", "type": "array", "items": _check()},
        "targets": {**_object(own), "description": "Options of each target, and its name there."},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "publish.yaml of baked-data",
        **_object(properties),
        "required": ["databases"],
    }


def _target(options: type) -> JSON:
    """Return the schema of one target's options; of a target that has none of its own, its name may stand alone."""
    return {**_object(_properties(options, named=True)), "type": ["object", "null"]}


def _database() -> JSON:
    """Return the schema of one database: a path, or a path with options of its own; keys are of an object alone."""
    about = "A path or glob; as keys and values, with options of the bake for these databases alone."
    path: JSON = {"path": {**TEXT, "description": "Path or glob beside this file."}}
    own = _object({**path, **_properties(BakeOptions)})
    return {**own, "type": ["string", "object"], "required": ["path"], "description": about}


def _check() -> JSON:
    kinds: JSON = {**_properties(Expectation), "no_rows": {"const": True}}
    values = [{"required": [each]} for each in ("at_least", "at_most", "equals")]
    return {
        **_object(kinds),
        "required": ["sql"],
        "anyOf": [*values, {"required": ["no_rows"]}],
        "dependentSchemas": {"no_rows": {"not": {"anyOf": values}}},
    }


def _settings() -> JSON:
    """Return the schema of the app's settings, those of Datasette's that do nothing here among them."""
    idle: JSON = {name: {"description": f"Does nothing here: {why}."} for name, why in IDLE_SETTINGS.items()}
    return _object({**idle, **{name: _setting(each) for name, each in SETTINGS.items()}})


def _setting(setting: Setting) -> JSON:
    about: JSON = {"description": setting.help, "default": setting.default}
    return {**about, "enum": list(setting.choices)} if setting.choices else {**about, **OF_SETTINGS[setting.type]}


def _object(properties: JSON) -> JSON:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _properties(options: type, *, named: bool = False) -> JSON:
    hints = get_type_hints(options)
    of_name: JSON = {"name": {**TEXT, "description": "What it is called on this target."}} if named else {}
    return {**of_name, **{each.name: _property(each, hints[each.name]) for each in fields(options)}}


def _property(each: Field[Any], hint: Any) -> JSON:
    about: JSON = {"description": each.metadata["help"]} if "help" in each.metadata else {}
    bounds = zip(("minimum", "maximum"), each.metadata.get("bounds", ()), strict=False)
    about |= {key: bound for key, bound in bounds if bound is not None}
    plain = each.default is not MISSING and isinstance(each.default, bool | int | float | str)
    return {**of_hint(hint), **about, **({"default": each.default} if plain else {})}


def of_hint(hint: Any) -> JSON:
    """Return the schema of a type that an option may have."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in {Union, UnionType}:
        kinds = [of_hint(each) for each in arguments if each is not NoneType]
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return {"type": "array", "items": of_hint(arguments[0])}
        parts, length = [of_hint(each) for each in arguments], len(arguments)
        return {"type": "array", "prefixItems": parts, "minItems": length, "maxItems": length}
    return dict(PLAIN.get(hint, {}))
