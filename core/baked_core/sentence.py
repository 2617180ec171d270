"""What a table page shows, said in English."""

from collections.abc import Sequence

from baked_core.filters import Filter
from baked_core.sql import Term


def sentence(count: int | None, filters: Sequence[Filter], sort: Term | None) -> str:
    """Say how many rows are shown, which and in which order: ``3 rows where country = “US” sorted by name``."""
    rows = "rows" if count is None else f"{count:,} row{'' if count == 1 else 's'}"
    where = " and ".join(f.sentence for f in filters)
    order = "" if sort is None else f" sorted by {sort.column}{' descending' if sort.descending else ''}"
    return rows + (f" where {where}" if where else "") + order
