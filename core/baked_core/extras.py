"""Extras: what ``_extra`` may ask of a table, a row or a query, beyond the default JSON."""

from collections.abc import Mapping
from typing import Final

from baked_core.args import Args
from baked_core.errors import BadRequest, nearest
from baked_core.facets import KINDS

_ANY: Final = {
    "columns": "The names of the columns, in order",
    "render_cell": "HTML that a plugin made of a row's cells; empty, for no plugin can",
    "debug": "How the URL was understood; for development only",
    "request": "The URL as it came: url, path, full_path, host and args",
    "query": "The SQL that read the rows, and its parameters",
    "metadata": "What the publisher says of it",
    "extras": "These names, each with a link that adds it or takes it away",
    "database": "The name of the database",
    "database_color": "A colour for the database, as six hex digits",
    "private": "Whether not everybody may see it; always false on a site without permissions",
}
_ROWS: Final = {
    "primary_keys": "The names of the columns of the primary key; empty without one",
    "column_details": "Type, default and place in the primary key of each column",
    "column_types": "What the publisher's configuration says of the types of columns",
    "table": "The name of the table",
}
QUERY: Final[Mapping[str, str]] = _ANY
ROW: Final[Mapping[str, str]] = {
    **_ANY,
    **_ROWS,
    "foreign_key_tables": "The rows of other tables that refer to this one, counted",
}
TABLE: Final[Mapping[str, str]] = {
    **_ANY,
    **_ROWS,
    "count": "How many rows there are on all pages, counted exactly; null if that took too long",
    "count_truncated": "Whether the count is only a lower bound; never true here",
    "count_sql": "The SQL that counts the rows",
    "facet_results": "The facets asked for, and those that timed out",
    "facets_timed_out": "The names of the facets that took too long",
    "suggested_facets": "Facets that may be worth a look, each with a link",
    "human_description_en": "Filters and sort order in English",
    "all_columns": "The names of all columns, also those that the URL left out",
    "display_columns": "The columns as a page shows them",
    "set_column_type_ui": "Always null: nothing can be set here",
    "renderers": "Links to this page in other formats",
    "custom_table_templates": "The names of templates that a publisher may write for this table",
    "sorted_facet_results": "The facets in a list, those with most values first",
    "table_definition": "The CREATE TABLE of a table",
    "view_definition": "The CREATE VIEW of a view",
    "is_view": "Whether it is a view",
    "expandable_columns": "Foreign keys whose values have labels, and the column that holds the words",
    "form_hidden_args": "The arguments that a form must carry along",
}


def parse(args: Args, known: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names in ``_extra``, repeated or between commas; raise BadRequest for one not among ``known``."""
    names = [name.strip() for value in args.all("_extra") for name in value.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise BadRequest("there is no _extra {name!r} here", name=name, near=nearest(name, known))
    if "facet_results" in known and args.has(*KINDS.values(), "_facet_size"):
        names.append("facet_results")
    if "count" in names:
        names.append("count_truncated")
    return tuple(dict.fromkeys(names))
