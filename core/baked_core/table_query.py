"""A table page's URL, read: which columns, which rows, in which order, from where on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from baked_core import filters, keyset
from baked_core.errors import BadRequest, nearest
from baked_core.filters import Filter
from baked_core.manifest import Column, Table, View
from baked_core.metadata import Metadata
from baked_core.request import FORMAT_ARGUMENTS, Args
from baked_core.settings import Settings
from baked_core.sql import Clause, Select, Term, after
from baked_core.values import Row

ARGUMENTS: Final = FORMAT_ARGUMENTS | {
    *("_size", "_next", "_sort", "_sort_desc", "_col", "_nocol", "_stream", "_nocount")
}


@dataclass(frozen=True, slots=True)
class TableQuery:
    """What a table page's URL asks for."""

    select: Select
    """Without a limit; its columns are those that are shown, then those that only the order needs."""
    columns: tuple[str, ...]
    """Those that are shown."""
    filters: tuple[Filter, ...]
    sort: Term | None
    size: int
    scope: str
    """What a token of the next page is good for."""
    keyed: bool

    def page(self, place: keyset.After | keyset.Offset | None) -> Clause:
        """Return the statement for the rows from ``place`` on, one more than the page holds."""
        match place:
            case keyset.After(values):
                where = (*self.select.where, after(self.select.order, values))
                return replace(self.select, where=where, limit=self.size + 1).page()
            case keyset.Offset(rows):
                return replace(self.select, limit=self.size + 1, offset=rows).page()
            case None:
                return replace(self.select, limit=self.size + 1).page()

    def all(self) -> Clause:
        """Return the statement for all rows, of the shown columns only."""
        return replace(self.select, columns=self.columns).page()

    def lookup(self, rowid_name: str) -> Clause:
        """Return the statement that reads a row's values of the order by its rowid, its one parameter."""
        columns = tuple(term.column for term in self.select.order)
        condition = Clause(f"{Term(rowid_name).expression} = ?")
        return Select(self.select.table, columns, (condition,)).page()

    def place_after(self, row: Row, rows_before: int, rowid_name: str | None) -> keyset.Place:
        """Return the place of the page that begins after ``row``, the last of ``rows_before`` rows and its page."""
        if not self.keyed:
            return keyset.Offset(rows_before + self.size)
        by_name = dict(zip(self.select.columns, row, strict=True))
        values = tuple(by_name[term.column] for term in self.select.order)
        rowid = by_name.get(rowid_name or "")
        if isinstance(rowid, int) and sum(len(v) for v in values if isinstance(v, str | bytes)) > keyset.LONG:
            return keyset.AfterRowid(rowid)
        return keyset.After(values)


def parse(args: Args, database: str, relation: Table | View, metadata: Metadata, settings: Settings) -> TableQuery:
    """Read the arguments of a table page; raise BadRequest for any that means nothing here."""
    known = columns_of(relation)
    sort = _sort(args, known, metadata)
    order = keyset.order(relation, sort)
    found = tuple(_filter(name, value, known) for name, value in args.pairs if name not in ARGUMENTS)
    shown = _shown(args, relation, known)
    extra = tuple(dict.fromkeys(term.column for term in order if term.column not in shown))
    select = Select(relation.name, shown + extra, tuple(f.clause for f in found), order)
    scope = f"{database}/{relation.name}/{order}"
    keyed = bool(keyset.key(relation))
    return TableQuery(select, shown, found, sort, _size(args, metadata, settings), scope, keyed)


def columns_of(relation: Table | View) -> Mapping[str, Column]:
    """Return the columns that can be shown and filtered by; a table without a primary key shows its rowid."""
    columns = {column.name: column for column in relation.columns}
    if isinstance(relation, Table) and relation.rowid is not None and not relation.primary_keys:
        return {relation.rowid: Column(relation.rowid, "INTEGER"), **columns}
    return columns


def key_of(relation: Table | View) -> tuple[str, ...]:
    """Return the columns that lead to a row's page: the primary key or the rowid."""
    if isinstance(relation, View):
        return ()
    return relation.primary_keys or ((relation.rowid,) if relation.rowid is not None else ())


def _filter(name: str, value: str, known: Mapping[str, Column]) -> Filter:
    if name.startswith("_") and name not in known and "__" not in name[1:]:
        raise BadRequest(f"there is no argument {name!r} here{nearest(name, [*ARGUMENTS, *known])}")
    return filters.parse(name, value, known)


def _shown(args: Args, relation: Table | View, known: Mapping[str, Column]) -> tuple[str, ...]:
    wanted, unwanted = args.all("_col"), args.all("_nocol")
    for name in (*wanted, *unwanted):
        _check(name, known)
    key = key_of(relation)
    if wanted:
        return tuple(dict.fromkeys((*key, *(name for name in wanted if name not in unwanted))))
    return tuple(name for name in known if name in key or name not in unwanted)


def _sort(args: Args, known: Mapping[str, Column], metadata: Metadata) -> Term | None:
    up, down = args.get("_sort"), args.get("_sort_desc")
    if up and down:
        raise BadRequest("_sort and _sort_desc cannot be given together: leave one out")
    if not (up or down):
        up, down = str(metadata.get("sort") or ""), str(metadata.get("sort_desc") or "")
    if not (up or down):
        return None
    _check(up or down, known)
    return Term(up or down, descending=not up)


def _check(name: str, known: Mapping[str, Column]) -> None:
    if name not in known:
        raise BadRequest(f"there is no column {name!r}{nearest(name, known)}")


def _size(args: Args, metadata: Metadata, settings: Settings) -> int:
    most = settings.max_returned_rows
    if args.get("_size") == "max":
        return most
    size = args.number("_size")
    if size is None:
        return min(int(metadata.get("size") or settings.default_page_size), most)
    if size > most:
        raise BadRequest(f"_size cannot be {size}: {most} rows are the most a page holds; follow next_url for more")
    return size
