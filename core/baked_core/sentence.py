"""What a table page shows, said in English."""

from baked_core.table_query import TableQuery


def sentence(count: int | None, query: TableQuery) -> str:
    """Say how many rows are shown, which and in which order: ``3 rows where country = “US” sorted by name``."""
    rows = "rows" if count is None else f"{count:,} row{'' if count == 1 else 's'}"
    said = description(query)
    return f"{rows} {said}" if said else rows


def description(query: TableQuery) -> str:
    """Say which rows and in which order; nothing for all rows as they are stored."""
    searches = [each.sentence for each in query.searches]
    filters = [each.sentence for each in query.filters]
    through = [each.sentence for each in query.through]
    where = " and ".join([*searches, *filters, *through, *query.wheres])
    sort = query.sort
    order = "" if sort is None else f"sorted by {sort.column}{' descending' if sort.descending else ''}"
    return " ".join(part for part in (f"where {where}" if where else "", order) if part)
