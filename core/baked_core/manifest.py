"""The Manifest: the one contract between the toolkit that bakes and the app that serves.

``publish`` writes it at bake, the app reads it at start and inspects nothing again. It is canonical JSON
(:func:`canonical`), so that its sha256 names the whole Bundle: every file of the Bundle is in it by digest.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, Self

import orjson
from msgspec import DecodeError, Struct, field, json, to_builtins

from baked_core.errors import ManifestError

FORMAT: Final = 1
"""The format; a field that is new and has a default makes no new one.

An app refuses fields it does not know, and need not know them: each artifact carries the app of its Manifest. Only a
``publish`` older than the one that published may be told to bake again.
"""
FILE_NAME: Final = "manifest.json"


def canonical(value: object) -> bytes:
    """Serialise ``value`` as JSON with sorted keys and no white space: the same value, the same bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


class Figures(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the first rows of a table or view say of one column: four numbers, in JSON a list in this order."""

    filled: int = 0
    """Values that are not NULL."""
    distinct: int = 0
    """Different ones among them."""
    days: int = 0
    """Those that begin with a day."""
    arrays: int = 0
    """Those that are JSON arrays."""


class Column(Struct, frozen=True, forbid_unknown_fields=True):
    """A column of a table or view, as ``pragma_table_xinfo`` tells it."""

    name: str
    type: str = ""
    notnull: bool = False
    default: str | None = None
    primary_key: int = 0
    """Position in the primary key from 1, or 0."""
    generated: bool = False
    figures: Figures | None = None
    """What tells whether a facet by it is worth a look; None where the bake does not look."""


class Index(Struct, frozen=True, forbid_unknown_fields=True):
    """An index of a table; an expression in it appears as an empty name."""

    name: str
    columns: tuple[str, ...]
    unique: bool
    partial: bool
    origin: str
    """``c`` by CREATE INDEX, ``u`` by UNIQUE, ``pk`` by PRIMARY KEY."""


class ForeignKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A reference between ``table.columns`` and ``other_table.other_columns``, seen from ``table``.

    In ``Table.foreign_keys`` this table holds the reference; in ``Table.incoming`` the other one does.
    """

    columns: tuple[str, ...]
    other_table: str
    other_columns: tuple[str, ...]


class Table(Struct, frozen=True, forbid_unknown_fields=True, cache_hash=True):
    """A table or virtual table of a database, counted."""

    name: str
    columns: tuple[Column, ...]
    count: int
    primary_keys: tuple[str, ...] = ()
    rowid: str | None = None
    """The name by which the rowid is reached (``rowid``, ``_rowid_`` or ``oid``), None if WITHOUT ROWID."""
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    incoming: tuple[ForeignKey, ...] = ()
    fts_table: str | None = None
    """The full-text table that indexes this one."""
    virtual: str | None = None
    """The module's name of a virtual table."""
    hidden: bool = False
    sql: str = ""
    largest_row: int = 0
    """Bytes of its largest row as SQLite stores it; 0 where no row says it: virtual tables, computed columns."""


class View(Struct, frozen=True, forbid_unknown_fields=True, cache_hash=True):
    """A view of a database, counted where its rows are always the same and soon counted."""

    name: str
    columns: tuple[Column, ...]
    hidden: bool = False
    sql: str = ""
    count: int | None = None


class Database(Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen database file and all that its readers need to know of it."""

    name: str
    file: str
    """Path inside the Bundle, with ``/``."""
    size: int
    page_size: int
    sha256: str
    largest_row: int
    """Bytes of the largest row, index entry or inner cell, as SQLite stores it; no stored value is larger."""
    tables: Mapping[str, Table] = field(default_factory=dict[str, Table])
    views: Mapping[str, View] = field(default_factory=dict[str, View])


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """Any other file of the Bundle: the serving app's, templates, plugins, static files."""

    size: int
    sha256: str


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the serving app knows: databases, files, settings and metadata, merged and validated."""

    generator: str
    databases: Mapping[str, Database]
    files: Mapping[str, File] = field(default_factory=dict[str, File])
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    format: int = FORMAT

    @property
    def digest(self) -> str:
        """The Bundle digest: 64 hex digits, the sha256 of the canonical JSON."""
        return digest_of(self.to_json())

    def to_json(self) -> bytes:
        """Return the canonical JSON of this Manifest."""
        return canonical(to_builtins(self))

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read a Manifest; raise ManifestError when it is damaged or of a newer format."""
        try:
            manifest = json.decode(data, type=cls)
        except DecodeError as exc:
            _check_format(data)
            raise ManifestError(f"the Manifest is damaged ({exc}): bake the databases again") from exc
        if manifest.format != FORMAT:
            _check_format(data)
        return manifest


def digest_of(data: bytes) -> str:
    """Return the Bundle digest of a Manifest in canonical JSON."""
    return sha256(data).hexdigest()


def _check_format(data: bytes) -> None:
    """Raise ManifestError if this is a Manifest of another format, whatever else is in it."""
    try:
        raw: Any = json.decode(data)
        found = raw["format"]
    except (DecodeError, KeyError, TypeError):
        return
    if found != FORMAT:
        raise ManifestError(
            f"the Manifest has format {found!r}, this app reads format {FORMAT}: "
            "install the version of baked-data that wrote it, or bake again with this one"
        )
