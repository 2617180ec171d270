"""What a stranger's SQL may do: read. Everything that is not on these lists is denied."""

from collections.abc import Iterable, Mapping
from typing import Final

import apsw
from msgspec import Struct

from baked_core.permissions.policy import EVERYTHING, folded

PRAGMAS: Final = frozenset(("table_info", "table_xinfo", "index_list", "foreign_key_list"))
"""Pragmas that describe the table which their argument names."""
INDEX_PRAGMAS: Final = frozenset(("index_info", "index_xinfo"))
"""Pragmas that describe the index which their argument names."""
_INNER_PRAGMAS: Final = frozenset(("data_version", "page_size", "encoding"))
"""Pragmas that full-text search asks by itself, and we for text that is not UTF-8; allowed without an argument."""

FUNCTIONS: Final = frozenset(
    """
    -> ->> abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling char coalesce concat concat_ws cos cosh count
    cume_dist current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor format
    glob group_concat hex if ifnull iif instr json json_array json_array_insert json_array_length json_error_position
    json_extract json_group_array json_group_object json_insert json_object json_patch json_pretty json_quote
    json_remove json_replace json_set json_type json_valid jsonb jsonb_array jsonb_array_insert jsonb_extract
    jsonb_group_array jsonb_group_object jsonb_insert jsonb_object jsonb_patch jsonb_remove jsonb_replace jsonb_set
    julianday lag last_value lead length like likelihood likely ln log log10 log2 lower ltrim max median min mod
    nth_value ntile nullif octet_length percent_rank percentile percentile_cont percentile_disc pi pow power printf
    quote radians random randomblob rank replace round row_number rtrim sign sin sinh soundex sqlite_version sqrt
    strftime string_agg substr substring subtype sum tan tanh time timediff total trim trunc typeof unhex unicode unistr
    unistr_quote unixepoch unlikely upper zeroblob
    """.split()  # noqa: SIM905 - a list of words
)
"""Functions that only compute; one that a later SQLite adds is denied until somebody has looked at it."""

_FTS5: Final = frozenset(
    ("bm25", "highlight", "snippet", "match", "fts5_locale", "fts5_get_locale", "fts5_insttoken"),
)
_FTS4: Final = frozenset(("match", "matchinfo", "offsets", "snippet"))
_GEOPOLY: Final = frozenset(
    (
        *("geopoly_area", "geopoly_bbox", "geopoly_blob", "geopoly_ccw", "geopoly_contains_point"),
        *("geopoly_group_bbox", "geopoly_json", "geopoly_overlap", "geopoly_regular", "geopoly_svg"),
        *("geopoly_within", "geopoly_xform"),
    )
)
_OF_MODULE: Final[Mapping[str, frozenset[str]]] = {
    "fts3": _FTS4,
    "fts4": _FTS4,
    "fts5": _FTS5,
    "geopoly": _GEOPOLY,
}
"""Functions that mean something only where the database has a table of the module."""

_TABLES: Final = frozenset(
    (
        *("json_each", "json_tree", "jsonb_each", "jsonb_tree", "pragma_function_list"),
        *(f"pragma_{name}" for name in PRAGMAS | INDEX_PRAGMAS),
    )
)
"""Tables that are functions."""
_SCHEMAS: Final = frozenset(("sqlite_schema", "sqlite_master"))
_RESERVED: Final = ("sqlite_", "pragma_")
"""Beginnings of names that no table of a publisher has, and no part of a query needs."""
_STATISTICS: Final = "sqlite_stat"
"""What ANALYZE leaves behind; ``sqlite_stat4`` holds values, of hidden columns too."""

_ALWAYS: Final = frozenset((apsw.SQLITE_SELECT, apsw.SQLITE_RECURSIVE))


class Known(Struct, frozen=True):
    """What a connection's databases hold; names in lower case."""

    tables: frozenset[str]
    """Tables and views, shadow tables included."""
    indexes: Mapping[str, str]
    """The table of each index."""
    functions: frozenset[str]
    modules: frozenset[str]
    """Modules of virtual tables; some of them are tables by themselves."""

    @classmethod
    def of(
        cls,
        schema: Iterable[tuple[str, str, str]],
        modules: Iterable[str],
        *,
        used: Iterable[str],
        added: Iterable[str],
        denied: Iterable[str],
    ) -> "Known":
        """Read rows of ``type, name, tbl_name``.

        ``used`` are the modules of the databases' own tables, ``added`` the functions of plugins; functions that are
        ``denied`` go all the same.
        """
        rows = [(kind, folded(name), folded(table)) for kind, name, table in schema]
        functions = FUNCTIONS.union(*(_OF_MODULE.get(folded(module), ()) for module in used), map(folded, added))
        return cls(
            frozenset(name for kind, name, _ in rows if kind != "index" and not name.startswith(_STATISTICS)),
            {name: table for kind, name, table in rows if kind == "index"},
            functions - frozenset(denied),
            frozenset(map(folded, modules)),
        )


class Authorizer:
    """SQLite asks it about each step of a statement before it runs.

    It is set once on a connection, and never again: that would make full-text search prepare its own statements
    anew, which would then be refused. What differs from query to query is ``policy``.
    """

    def __init__(self) -> None:
        self.known: Known | None = None
        """Until it is there all is allowed, so that virtual tables can prepare their own statements."""
        self.policy = EVERYTHING

    def __call__(self, action: int, one: str | None, two: str | None, _database: str | None, _by: str | None) -> int:
        """Answer SQLITE_OK or SQLITE_DENY; never IGNORE, which would tell how many rows there are."""
        known = self.known
        allowed = known is None or action in _ALWAYS or self._allowed(known, action, one or "", two or "")
        return apsw.SQLITE_OK if allowed else apsw.SQLITE_DENY

    def _allowed(self, known: Known, action: int, one: str, two: str) -> bool:
        if action == apsw.SQLITE_READ:
            return self._may_read(known, folded(one), two)
        if action == apsw.SQLITE_FUNCTION:
            return folded(two) in known.functions
        return action == apsw.SQLITE_PRAGMA and self._may_ask(known, folded(one), folded(two))

    def _may_read(self, known: Known, table: str, column: str) -> bool:
        if table in known.tables:
            return not (self.policy and self.policy.hides(table, column))
        if table in _TABLES or (table in _SCHEMAS and not self.policy):
            return True
        # ``count(*)`` names what it counts as it is called in the query, which may be a part of the query itself
        return not column and not table.startswith(_RESERVED) and table not in known.modules

    def _may_ask(self, known: Known, pragma: str, argument: str) -> bool:
        if pragma in _INNER_PRAGMAS:
            return not argument
        if pragma in PRAGMAS:
            return self._describes(known, argument) and not (pragma == "foreign_key_list" and self.policy)
        if pragma in INDEX_PRAGMAS:
            return self._describes(known, known.indexes.get(argument, argument))
        return pragma == "function_list" and not argument

    def _describes(self, known: Known, table: str) -> bool:
        """Tell whether all of a table may be described: it is not hidden, and none of its columns are.

        Where anything is hidden, what is not there is refused as well, or an empty answer would tell the two apart.
        """
        return not self.policy or (
            table in known.tables and not self.policy.hides(table) and table not in self.policy.columns
        )
