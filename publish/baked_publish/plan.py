"""The plan: what a publish would change, told from the Manifest that is live and the one just baked."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from baked_core.manifest import Database, Manifest, Table, View
from baked_publish.deployment import Change

SAME: Final = "as many, but others"
"""What is told of rows and bytes whose numbers do not differ."""


def compare(live: Manifest | None, baked: Manifest) -> tuple[Change, ...]:
    """List databases, tables, metadata and settings that differ; all of ``baked`` where nothing is live."""
    old: Mapping[str, Database] = live.databases if live else {}
    return (
        *_databases(old, baked.databases),
        *_values("setting", live.settings if live else {}, baked.settings),
        *_whole("metadata", live.metadata if live else {}, baked.metadata),
        *_files(live, baked),
    )


def losses(live: Manifest | None, baked: Manifest, percent: int) -> tuple[str, ...]:
    """Name what visitors would lose: databases and tables that vanish or shrink by more than ``percent``."""
    return tuple(_losses(live.databases, baked.databases, percent)) if live else ()


def _losses(old: Mapping[str, Database], new: Mapping[str, Database], percent: int) -> Iterator[str]:
    for name, before in old.items():
        if name not in new:
            yield f"database {name!r} is gone"
            continue
        for table in before.tables.values():
            after = new[name].tables.get(table.name)
            if table.hidden:
                continue
            if after is None:
                yield f"table {name!r}.{table.name!r} is gone"
            elif (table.count - after.count) * 100 > table.count * percent:
                yield f"table {name!r}.{table.name!r} shrinks from {table.count:,} to {after.count:,} rows"


def _databases(old: Mapping[str, Database], new: Mapping[str, Database]) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        what = f"database {name}"
        if name not in new:
            yield Change("remove", what, before=_weight(old[name]))
        elif name not in old:
            yield Change("add", what, after=_weight(new[name]))
        elif old[name].sha256 != new[name].sha256:
            before, after = _weight(old[name]), _weight(new[name])
            yield Change("change", what, before=before, after=SAME if after == before else after)
            yield from _tables(name, old[name].tables, new[name].tables)
            yield from _views(name, old[name].views, new[name].views)


def _weight(database: Database) -> str:
    rows = sum(table.count for table in database.tables.values() if not table.hidden)
    return f"{rows:,} rows, {database.size:,} bytes"


def _tables(database: str, old: Mapping[str, Table], new: Mapping[str, Table]) -> Iterator[Change]:
    for name in sorted(table.name for table in {**old, **new}.values() if not table.hidden):
        what = f"table {database}.{name}"
        if name not in new:
            yield Change("remove", what, before=_rows(old[name]))
        elif name not in old:
            yield Change("add", what, after=_rows(new[name]))
        else:
            yield from _table(what, old[name], new[name])


def _rows(table: Table) -> str:
    return f"{table.count:,} rows"


def _table(what: str, old: Table, new: Table) -> Iterator[Change]:
    if old.count != new.count:
        yield Change("change", what, before=_rows(old), after=_rows(new))
    before, after = ({column.name: column.type for column in table.columns} for table in (old, new))
    for name in sorted(before.keys() - after.keys()):
        yield Change("remove", f"column {name} of {what}", before=before[name])
    for name in sorted(after.keys() - before.keys()):
        yield Change("add", f"column {name} of {what}", after=after[name])
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            yield Change("change", f"column {name} of {what}", before=before[name], after=after[name])
    yield from _keys(what, old, new)


def _keys(what: str, old: Table, new: Table) -> Iterator[Change]:
    if old.primary_keys != new.primary_keys:
        was, is_now = (", ".join(table.primary_keys) or "none" for table in (old, new))
        yield Change("change", f"primary key of {what}", was, is_now)
    for kind, before, after in (
        ("foreign key", _references(old), _references(new)),
        ("index", _indexes(old), _indexes(new)),
    ):
        yield from (Change("remove", f"{kind} {each} of {what}") for each in sorted(before - after))
        yield from (Change("add", f"{kind} {each} of {what}") for each in sorted(after - before))


def _references(table: Table) -> set[str]:
    return {
        f"{', '.join(key.columns)} to {key.other_table} ({', '.join(key.other_columns)})" for key in table.foreign_keys
    }


def _indexes(table: Table) -> set[str]:
    """Return the indexes that somebody made; those of constraints come and go with their columns."""
    return {f"{index.name} ({', '.join(index.columns)})" for index in table.indexes if index.origin == "c"}


def _views(database: str, old: Mapping[str, View], new: Mapping[str, View]) -> Iterator[Change]:
    for name in sorted(view.name for view in {**old, **new}.values() if not view.hidden):
        what = f"view {database}.{name}"
        if name not in new:
            yield Change("remove", what)
        elif name not in old:
            yield Change("add", what)
        elif old[name].sql != new[name].sql:
            yield Change("change", what)


def _values(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield Change("change", f"{kind} {name}", before=_text(old.get(name)), after=_text(new.get(name)))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _whole(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    if old != new:
        yield Change("change" if old else "add", kind)


def _files(live: Manifest | None, baked: Manifest) -> Iterator[Change]:
    if live is None:
        return
    if _part(live, "app/") != _part(baked, "app/"):
        yield Change("change", "serving app", before=live.generator, after=baked.generator)
    if _part(live, "site/") != _part(baked, "site/"):
        yield Change("change", "site (templates, plugins, static files)")


def _part(manifest: Manifest, folder: str) -> dict[str, str]:
    return {path: file.sha256 for path, file in manifest.files.items() if path.startswith(folder)}
