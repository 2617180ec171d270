"""The filter form of a table page, which works without a script: what it sends becomes a plain URL."""

from baked_core.args import Args

_COLUMN, _OPERATOR, _VALUE = "_filter_column", "_filter_op", "_filter_value"


def is_sent(args: Args) -> bool:
    """Tell whether the URL came from the form."""
    return any(name.startswith(_COLUMN) for name, _ in args.pairs) or bool(args.all("_sort_by_desc"))


def arguments(args: Args) -> list[tuple[str, str]]:
    """Return the arguments that say the same in the plain way; a row without a column is left out."""
    kept = [(name, value) for name, value in args.pairs if value and not name.startswith(("_filter_", "_sort_by_desc"))]
    if args.get("_sort_by_desc") == "on":
        kept = [("_sort_desc" if name == "_sort" else name, value) for name, value in kept]
    suffixes = [name.removeprefix(_COLUMN) for name, _ in args.pairs if name.startswith(_COLUMN)]
    return [*kept, *(filled for suffix in suffixes if (filled := _filter(args, suffix)) is not None)]


def _filter(args: Args, suffix: str) -> tuple[str, str] | None:
    column = args.get(_COLUMN + suffix)
    operator, value = args.get(_OPERATOR + suffix) or "exact", args.get(_VALUE + suffix)
    if not column:
        return None
    if operator in {"isnull", "notnull", "isblank", "notblank"}:
        value = "1"
    return f"{column}__{operator}", value
