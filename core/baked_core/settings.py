"""Settings: names, defaults and help of everything a publisher may set, written once."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Self

from msgspec import Struct

from baked_core.errors import ManifestError

PROXIES: Final = "BAKED_TRUSTED_PROXIES"
"""The environment name by which a target says how many proxies its platform has, where the setting says none."""


class Settings(Struct, frozen=True, kw_only=True):
    """The values that one running app goes by."""

    default_page_size: Annotated[int, "Rows on a table page"] = 100
    max_returned_rows: Annotated[int, "The most rows that one answer holds, but for streamed CSV"] = 1000
    num_sql_threads: Annotated[int, "Threads that run SQL at the same time"] = 3
    num_sql_processes: Annotated[
        int, "Queries of visitors that run at the same time, each in a process; 0 for one a core, 2 to 8"
    ] = 0
    num_spare_processes: Annotated[int, "Processes that stand ready to replace one that was killed"] = 1
    sql_queue: Annotated[int, "Queries of visitors that may wait; the next is answered 503"] = 64
    sql_memory_mb: Annotated[int, "Megabytes that SQLite may have for one query of a visitor"] = 64
    max_answer_mb: Annotated[
        int, "Megabytes that the answer to a query of a visitor may have, streamed CSV not counted"
    ] = 8
    trusted_proxies: Annotated[
        int,
        "Proxies in front that add to X-Forwarded-For; visitors are told apart by what the first of them saw; "
        "if 0, what a target knows of its platform",
    ] = 0
    sql_time_limit_ms: Annotated[int, "Milliseconds after which a query is stopped"] = 1000
    default_allow_sql: Annotated[bool, "Whether visitors may write SQL of their own"] = True
    allow_csv_stream: Annotated[bool, "Whether all rows of a table may be streamed as CSV"] = True
    max_csv_mb: Annotated[int, "Megabytes after which streamed CSV is broken off; 0 for no limit"] = 100
    default_facet_size: Annotated[int, "Values that a facet shows"] = 30
    facet_time_limit_ms: Annotated[int, "Milliseconds after which a facet is given up"] = 200
    facet_suggest_time_limit_ms: Annotated[
        int,
        "Milliseconds after which looking for facets in filtered rows, or a view by the day, is given up",
    ] = 50
    allow_facet: Annotated[bool, "Whether visitors may ask for facets of their own"] = True
    suggest_facets: Annotated[bool, "Whether facets are suggested"] = True
    allow_download: Annotated[bool, "Whether the database files may be downloaded"] = True
    trace_debug: Annotated[bool, "Whether `_trace=1` shows the SQL of an answer"] = False
    default_cache_ttl: Annotated[int, "Seconds that browsers and proxies may keep an answer"] = 5
    shared_cache_ttl: Annotated[
        int, "Seconds that a CDN may keep an answer, if longer: only where each publish purges it"
    ] = 0
    cache_size_kb: Annotated[int, "Kilobytes of page cache for each connection; 0 for SQLite's default"] = 0
    truncate_cells_html: Annotated[int, "Characters shown of a long value in a page; 0 for all"] = 2048
    force_https_urls: Annotated[bool, "Whether absolute URLs always begin with https://"] = False
    base_url: Annotated[str, "The path under which the site is served"] = "/"
    crossdb: Annotated[bool, "Whether SQL at /_memory may join across the first ten databases"] = False
    public_url: Annotated[
        str, "Scheme and host that canonical addresses and the sitemap begin with; those of the request if empty"
    ] = ""
    crawlers: Annotated[
        str, "What crawlers are let in to: pages (no filters, no bulk data), all or none", ("pages", "all", "none")
    ] = "pages"
    cors: Annotated[bool, "Whether scripts of other sites may read JSON and CSV"] = True

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Merge ``values`` over the defaults; raise ManifestError for a name or a type that is not known."""
        for name, value in values.items():
            setting = SETTINGS.get(name)
            if setting is None or type(value) is not setting.type or not setting.takes(value):
                raise ManifestError(f"setting {name!r} cannot be {value!r}: bake again with this version of baked-data")
        return cls(**values)


class Setting(Struct, frozen=True):
    """One row of the table of settings."""

    name: str
    default: bool | int | str
    type: type[bool | int | str]
    help: str
    choices: tuple[str, ...] = ()
    """The words that it may be; empty for any."""

    def takes(self, value: object) -> bool:
        """Tell whether it may be ``value``, which is of its type."""
        return not self.choices or value in self.choices


_DEFAULTS: Final[Sequence[bool | int | str]] = Settings.__struct_defaults__
SETTINGS: Final[Mapping[str, Setting]] = {
    name: Setting(name, default, default.__class__, *Settings.__annotations__[name].__metadata__)
    for name, default in zip(Settings.__struct_fields__, _DEFAULTS, strict=True)
}
"""Every setting by name; one that is not here is refused when it is given."""
