"""Config: metadata and settings, validated and merged before anything is baked.

The files are Datasette's: ``metadata.yml`` of 0.65 and ``datasette.yaml`` of 1.0, in YAML or JSON. A key that is nearly
a known one is an error that names it: a typo never passes silently. Any other is the publisher's own, and is told of.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from baked_core.manifest import Database
from baked_core.permissions.rules import KEYS
from baked_core.settings import SETTINGS, Setting
from baked_publish import permitted
from baked_publish.document import Document
from baked_publish.errors import ConfigError
from baked_publish.kinds import (
    ASSETS,
    BY_NAME,
    DATE,
    FACETS,
    LANGUAGE,
    MODE,
    NAMED,
    OPEN,
    READS,
    SWITCH,
    TEXT,
    TEXTS,
    TYPES,
    WHOLE,
    Check,
)
from baked_publish.merging import merge
from baked_publish.report import Report
from baked_publish.shapes import inner, is_object
from baked_publish.suggest import nearest

PROJECT: Final = "publish.yaml"
"""The file that a project keeps beside its databases."""
JSON = dict[str, Any]

ABOUT: Final = (
    *("title", "description", "description_html"),
    *("license", "license_url", "source", "source_url", "about", "about_url"),
)
ON: Final = ("success_message", "success_message_sql", "success_redirect", "error_message", "error_redirect")
WRITING: Final = "it belongs to queries that write, and what is published can only be read: take it out"
REFUSED: Final = {
    **dict.fromkeys((f"on_{name}" for name in ON), WRITING),
    "is_private": "it belongs to queries that readers store: write allow: {id: NAME} for a query of one person",
}
"""Keys of a canned query that mean something in Datasette, and why not here."""
IDLE_SETTINGS: Final = {
    **dict.fromkeys(("max_insert_rows", "max_post_body_bytes"), "what is published can only be read"),
    **dict.fromkeys(("allow_signed_tokens", "max_signed_tokens_ttl"), "nobody signs in here: give out tokens instead"),
    "template_debug": "pages never show their variables: look at a template with `publish serve --reload`",
}
"""Settings that mean something in Datasette, and why not here: left out where a file of Datasette's says them."""
ROWIDS: Final = {"rowid", "_rowid_", "oid"}


@dataclass(frozen=True, slots=True)
class Config:
    """What goes into the Manifest beside the databases: plain JSON values only."""

    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Datasette's shape: title, license, ..., ``databases: {NAME: {tables: {NAME: {...}}, queries: {...}}}``."""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Only what differs from the defaults in ``baked_core.settings``."""
    own: tuple[str, ...] = ()
    """Keys of the publisher's own among the metadata, with their places: kept for templates, they mean nothing here."""
    idle: tuple[str, ...] = ()
    """Settings of Datasette's that do nothing here."""
    where: "Place" = field(default=lambda _: "", compare=False, repr=False)
    """Tells file and line of a key, before what is wrong with it; nothing where no file holds it."""

    def check(self, databases: Mapping[str, Database]) -> Iterator[str]:
        """Yield a warning for each key, database, table and column that the metadata names and nobody has."""
        yield from self._unused()
        for name, about in self.metadata.get("databases", {}).items():
            if name not in databases:
                yield f"metadata names a database {name!r} that is not published{nearest(name, databases)}"
                continue
            known = _columns(databases[name])
            for query in about.get("queries", {}):
                if query in known:
                    yield f"query {name}.{query} cannot be reached, a table has its name: give it another"
            for table, details in about.get("tables", {}).items():
                if table not in known:
                    yield f"metadata names a table {name}.{table} that is not there{nearest(table, known)}"
                    continue
                for column in _named(details):
                    if column not in known[table] and column not in ROWIDS:
                        where = f"{name}.{table}.{column}"
                        yield f"metadata names a column {where} that is not there{nearest(column, known[table])}"

    def _unused(self) -> Iterator[str]:
        for key in self.own:
            yield f"metadata key {key!r} means nothing here; it is kept, for templates of your own"
        for name in self.idle:
            yield f"setting {name!r} does nothing here: {IDLE_SETTINGS[name]}"

    def require_permissions(self, databases: Mapping[str, Database], report: Report) -> None:
        """Raise ConfigError for a permission of something that is not there: what it should keep would be public."""
        for at, wrong in permitted.misplaced(self.metadata, databases):
            raise ConfigError(f"{self.where(at)}{wrong}")
        if permitted.unreachable(self.metadata):
            report.warning("metadata asks who a reader is, but there are no tokens: only a plugin can tell")

    def with_plugins(self, told: Iterable[tuple[str, str, Mapping[str, Any]]]) -> "Config":
        """Return it with what plugins are told beside the files: PLUGIN, KEY and value."""
        metadata = self.metadata
        for plugin, key, value in told:
            metadata = merge(dict(metadata), {"plugins": {plugin: {key: value}}})
        return replace(self, metadata=metadata)

    def hidden(self, database: str) -> frozenset[str]:
        """Return the tables and views of ``database`` that the metadata hides."""
        tables = self.metadata.get("databases", {}).get(database, {}).get("tables", {})
        return frozenset(name for name, about in tables.items() if about.get("hidden"))


def _named(table: JSON) -> Iterator[str]:
    """Yield every column that is named by what is said of a table."""
    one = [table[key] for key in ("sort", "sort_desc", "label_column", "fts_pk") if table.get(key)]
    facets = [each if isinstance(each, str) else next(iter(each.values())) for each in table.get("facets", [])]
    mappings = [name for key in ("columns", "units", "column_types") for name in table.get(key, {})]
    yield from dict.fromkeys([*mappings, *one, *facets, *table.get("sortable_columns", [])])


def _columns(database: Database) -> dict[str, list[str]]:
    tables = {table.name: table.columns for table in database.tables.values()}
    views = {view.name: view.columns for view in database.views.values()}
    return {name: [column.name for column in columns] for name, columns in {**tables, **views}.items()}


Place = Callable[[tuple[str, ...]], str]
"""Tells file and line of a key, by the keys that lead there."""


def load(
    files: Sequence[Path],
    settings: Sequence[tuple[str, str]] = (),
    inline: Mapping[str, Any] | None = None,
    place: Place = lambda _: PROJECT,
) -> Config:
    """Read ``files``, the earlier the stronger, and ``settings`` from the command line, stronger than any file.

    ``inline`` is what ``publish.yaml`` says itself, stronger than the files that it names, and ``place`` where.

    Raises ConfigError, naming file, line and value, for what is not known or not of the right kind.
    """
    documents = [Document.read(file, such="title: Votes") for file in reversed(files)]
    said: list[tuple[JSON, Place]] = [(each.value, each.place) for each in documents]
    if inline:
        said.append((dict(inline), place))
    merged: JSON = {}
    values: JSON = {}
    own: list[str] = []
    idle: list[str] = []
    for value, where in said:
        own += _check(value, ROOT, where, ())
        wished = inner(value, "settings")
        idle += [name for name in wished if name in IDLE_SETTINGS]
        for name in wished.keys() - IDLE_SETTINGS.keys():
            values[name] = _setting(name, wished[name], f"{where(('settings', name))}: ")
        merged = merge(merged, {key: each for key, each in value.items() if key != "settings"})
    values |= {name: _setting(name, text) for name, text in settings}
    differing = {name: value for name, value in values.items() if value != SETTINGS[name].default}
    return Config(merged, differing, tuple(dict.fromkeys(own)), tuple(dict.fromkeys(idle)), partial(_where, said))


def _where(said: Sequence[tuple[JSON, Place]], at: tuple[str, ...]) -> str:
    """Return the place of a key in the strongest file that holds it."""
    places = [place(at) for value, place in said if at[-1] in _level(value, at[:-1])]
    return f"{places[-1]}: " if places else ""


def _level(value: Mapping[str, Any], keys: Sequence[str]) -> Mapping[str, Any]:
    for key in keys:
        value = inner(value, key)
    return value


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the file: what its keys may hold, and which keys hold a level of their own for each name."""

    what: str
    keys: Mapping[str, tuple[Check, str]]
    below: Mapping[str, "Level"] = field(default_factory=dict[str, "Level"])


COMMON: Final = {**dict.fromkeys(ABOUT, TEXT), "date": DATE, "plugins": OPEN}
SECRET: Final = {"tokens"}
"""Keys whose value is never printed."""

QUERY: Final = Level(
    "query",
    {
        **COMMON,
        **permitted.keys("query"),
        "sql": TEXT,
        "hide_sql": SWITCH,
        "fragment": TEXT,
        "params": TEXTS,
        "write": READS,
    },
)
TABLE: Final = Level(
    "table",
    {
        **COMMON,
        **permitted.keys("table"),
        "hidden": SWITCH,
        "hidden_columns": TEXTS,
        "sort": TEXT,
        "sort_desc": TEXT,
        "size": WHOLE,
        "sortable_columns": TEXTS,
        "label_column": TEXT,
        "facets": FACETS,
        "facet_size": WHOLE,
        "fts_table": TEXT,
        "fts_pk": TEXT,
        "searchmode": MODE,
        "columns": NAMED,
        "units": NAMED,
        "column_types": TYPES,
    },
)
DATABASE: Final = Level(
    "database",
    {**COMMON, **permitted.keys("database"), "allow_download": SWITCH},
    {"tables": TABLE, "queries": QUERY},
)
ROOT: Final = Level(
    "file",
    {
        **COMMON,
        **permitted.keys("file"),
        "extra_css_urls": ASSETS,
        "extra_js_urls": ASSETS,
        "language": LANGUAGE,
        "settings": BY_NAME,
    },
    {"databases": DATABASE},
)


def _check(value: JSON, level: Level, place: Place, path: tuple[str, ...]) -> Iterator[str]:
    """Yield the place of each key that is the publisher's own; raise ConfigError for what is not right."""
    for key, each in value.items():
        at = (*path, key)
        where = ".".join(at)
        if level is QUERY and key in REFUSED:
            raise ConfigError(f"{place(at)}: {where!r} is refused: {REFUSED[key]}")
        if key in level.below:
            yield from _check_below(each, level.below[key], place, at)
        elif key not in level.keys:
            if key in KEYS:
                raise ConfigError(f"{place(at)}: {where!r} is not a key of a {level.what}: see docs/permissions.md")
            if suggestion := nearest(key, [*level.keys, *level.below]):
                raise ConfigError(f"{place(at)}: {where!r} is not a key of a {level.what}{suggestion}")
            yield where
        elif not level.keys[key][0](each):
            told = "is not right" if key in SECRET else f"is {each!r}"
            raise ConfigError(f"{place(at)}: {where!r} {told}, it must be {level.keys[key][1]}")


def _check_below(value: Any, level: Level, place: Place, path: tuple[str, ...]) -> Iterator[str]:
    if not is_object(value):
        raise ConfigError(f"{place(path)}: {'.'.join(path)!r} must hold one {level.what} by name, not {value!r}")
    for name, each in value.items():
        at = (*path, name)
        if level is QUERY and isinstance(each, str):  # Datasette's shorthand: the SQL alone
            continue
        if not is_object(each):
            raise ConfigError(f"{place(at)}: {'.'.join(at)!r} must hold keys and values, not {each!r}")
        yield from _check(each, level, place, at)
        if level is QUERY and "sql" not in each:
            raise ConfigError(f"{place(at)}: {'.'.join(at)!r} has no sql: write the query there")


def _setting(name: str, value: Any, place: str = "") -> Any:
    """Return the value of a setting; ``place`` is where a file says it, before what is wrong with it."""
    setting = SETTINGS.get(name)
    if name in IDLE_SETTINGS:
        raise ConfigError(f"{place}setting {name!r} does nothing here: {IDLE_SETTINGS[name]}")
    if setting is None:
        raise ConfigError(f"{place}there is no setting {name!r}{nearest(name, SETTINGS)}: docs/settings.md lists them")
    try:
        read = READ[setting.type](value)
    except (ValueError, KeyError):
        read = None
    if read is None or not setting.takes(read):
        raise ConfigError(f"{place}setting {name!r} is {value!r}, it must be {_wanted(setting)}")
    return read


def _switch_of(value: Any) -> bool:
    return {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}[str(value).lower()]


def _number_of(value: Any) -> int:
    number = int(str(value))
    if number < 0:
        raise ValueError(value)
    return number


READ: Final[Mapping[type, Callable[[Any], Any]]] = {bool: _switch_of, int: _number_of, str: str}


def _wanted(setting: Setting) -> str:
    if setting.choices:
        return f"one of {', '.join(setting.choices)}"
    return {bool: "on or off", int: "a whole number, 0 or more", str: "a text"}[setting.type]
