"""Pages: what a view found out, frozen; every renderer makes its answer of one of these and nothing else."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

from msgspec import Struct, field

from baked_core.canned import Canned
from baked_core.connection import Rows
from baked_core.errors import Words
from baked_core.facets import Facet
from baked_core.filters import Filter
from baked_core.manifest import Database, ForeignKey, Table, View
from baked_core.metadata import About, Metadata
from baked_core.sql import Clause, Term
from baked_core.table_query import TableQuery
from baked_core.values import Row, Value


class Redirect(Struct, frozen=True):
    """Not a page: the answer is elsewhere on this site."""

    url: str


class Link(Struct, frozen=True):
    """A word that leads somewhere."""

    text: str
    url: str


class Page(Struct, frozen=True, kw_only=True):
    """What every page has."""

    title: str
    crumbs: tuple[Link, ...] = ()
    """The way from the index to here, this page left out."""
    about: About = field(default_factory=About)
    metadata: Metadata = field(default_factory=dict[str, object])
    """What is said of this very thing: description, units..."""
    personal: bool = False
    """Whether it holds what only this request brought: no cache may keep it."""


FEW: Final = 3
"""Databases that make a title together."""


class IndexPage(Page, frozen=True, kw_only=True):
    """All databases."""

    databases: tuple[Database, ...]
    by_relationships: bool = False

    def tables(self, database: Database) -> list[Table]:
        """Return the tables of a database, the largest first, or those that most others are related to."""

        def weight(table: Table) -> tuple[int, int, str]:
            related = len(table.foreign_keys) + len(table.incoming) if self.by_relationships else 0
            return -related, -table.count, table.name

        return sorted((table for table in database.tables.values() if not table.hidden), key=weight)


class DatabasePage(Page, frozen=True, kw_only=True):
    """The tables and views of one database."""

    database: Database
    tables: tuple[Table, ...]
    views: tuple[View, ...]
    hidden: frozenset[str]
    """Names among them that are shown apart."""
    allow_sql: bool
    show_hidden: bool = False
    queries: tuple[Canned, ...] = ()
    table_metadata: Metadata = field(default_factory=dict[str, object])


class DataPage(Page, frozen=True, kw_only=True):
    """Rows under columns."""

    database: Database
    columns: tuple[str, ...]
    rows: Sequence[Row]
    written: bytes | None = None
    """The rows as JSON or CSV, where the process that read them wrote them down; then ``rows`` is empty."""
    truncated: bool = False
    next_url: str | None = None
    """Absolute, as the JSON says it."""
    stream: AsyncGenerator[Rows, None] | None = None
    """The rows that follow ``rows``, all of them, where the answer is streamed."""
    extras: tuple[str, ...] = ()
    """What JSON answers beyond the default, as ``_extra`` asks."""
    statement: Clause = field(default_factory=lambda: Clause(""))
    """The SQL that read the rows."""
    labels: tuple[str, ...] = ()
    """The shown columns whose labels stand in ``label_rows``."""
    label_rows: Sequence[Row] = ()
    """Beside each of ``rows`` the labels of its foreign keys."""


class FacetValue(Struct, frozen=True, kw_only=True):
    """One value of a facet, and the way to the rows that have it, or back."""

    value: Value
    label: Value
    count: int
    url: str
    """Absolute; empty for a BLOB, which no URL can name."""
    selected: bool


class FacetResult(Struct, frozen=True, kw_only=True):
    """What a facet found."""

    facet: Facet
    values: tuple[FacetValue, ...]
    truncated: bool
    """Whether there are more values."""
    url: str
    """Where this page is without the facet."""


class Suggestion(Struct, frozen=True, kw_only=True):
    """A facet that may be worth a look."""

    facet: Facet
    url: str
    """Absolute."""


class TablePage(DataPage, frozen=True, kw_only=True):
    """One page of rows of a table or view."""

    relation: Table | View
    all_columns: tuple[str, ...]
    """Also those that the URL left out."""
    key: tuple[str, ...]
    """The columns that lead to a row's page; empty if rows have none."""
    next: str | None = None
    """The token of the next page."""
    query: TableQuery
    """What the URL asked for: searches, conditions, labels..."""
    filters: tuple[Filter, ...] = ()
    sort: Term | None = None
    size: int
    count: int | None = None
    """Rows on all pages; None if it was not asked for or took too long."""
    allow_sql: bool = False
    facets: tuple[FacetResult, ...] = ()
    facets_timed_out: tuple[str, ...] = ()
    """Columns whose facet took too long."""
    suggestions: tuple[Suggestion, ...] = ()
    sortable: frozenset[str] = frozenset()
    """The columns by which a visitor may sort."""
    searchable: bool = False
    """Whether ``_search`` can be asked here."""


class Incoming(Struct, frozen=True, kw_only=True):
    """Rows of another table that refer to this row."""

    foreign_key: ForeignKey
    count: int | None
    url: str


class RowPage(DataPage, frozen=True, kw_only=True):
    """One row and what refers to it."""

    table: Table
    key: tuple[str, ...]
    key_values: tuple[Value, ...]
    path_values: tuple[Value, ...]
    """The same as the path has them: text, or bytes."""
    incoming: tuple[Incoming, ...] = ()
    milliseconds: float = 0.0


class QueryPage(DataPage, frozen=True, kw_only=True):
    """The answer to a visitor's SQL, or to a canned query."""

    sql: str
    parameters: tuple[tuple[str, str], ...] = ()
    """Names and values of the form's fields."""
    error: str = ""
    """What SQLite said, where it refused; HTML shows it beside the SQL."""
    words: Words = field(default_factory=lambda: Words(""))
    """The same, for other languages."""
    status: int = 200
    canned: Canned | None = None
    """The query of the metadata, where the SQL is not a visitor's."""
    hide_sql: bool = False
    allow_sql: bool = True


class DocumentPage(Page, frozen=True, kw_only=True):
    """One of the app's own pages: a JSON body, shown as it is."""

    body: Any
    text: str = ""
    """The same as Markdown, where there is such a form."""


class ApiPage(DocumentPage, frozen=True, kw_only=True):
    """The OpenAPI document, which a person can read as well."""


class QueriesPage(Page, frozen=True, kw_only=True):
    """The canned queries of one database, or of all."""

    database: str | None
    queries: tuple[tuple[str, Canned], ...]
    """The database's name beside each."""


class ErrorPage(Page, frozen=True, kw_only=True):
    """What went wrong, in a sentence that helps."""

    status: int
    words: Words
    near: tuple[Link, ...] = ()
    """Pages whose address is nearly the one that was asked for."""
