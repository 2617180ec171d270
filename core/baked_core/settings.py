"""Settings: names, defaults and help of everything a publisher may set, written once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

from baked_core.errors import ManifestError


def _setting(help: str, *, default: bool | int | str, choices: tuple[str, ...] = ()) -> Any:  # noqa: A002 - click's word
    return field(default=default, metadata={"help": help, "choices": choices})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The values that one running app goes by."""

    default_page_size: int = _setting("Rows on a table page", default=100)
    max_returned_rows: int = _setting("The most rows that one answer holds, but for streamed CSV", default=1000)
    num_sql_threads: int = _setting("Threads that run SQL at the same time", default=3)
    sql_time_limit_ms: int = _setting("Milliseconds after which a query is stopped", default=1000)
    default_allow_sql: bool = _setting("Whether visitors may write SQL of their own", default=True)
    allow_csv_stream: bool = _setting("Whether all rows of a table may be streamed as CSV", default=True)
    max_csv_mb: int = _setting("Megabytes after which streamed CSV is broken off; 0 for no limit", default=100)
    default_facet_size: int = _setting("Values that a facet shows", default=30)
    facet_time_limit_ms: int = _setting("Milliseconds after which a facet is given up", default=200)
    facet_suggest_time_limit_ms: int = _setting("Milliseconds after which suggesting facets is given up", default=50)
    allow_facet: bool = _setting("Whether visitors may ask for facets of their own", default=True)
    suggest_facets: bool = _setting("Whether facets are suggested", default=True)
    allow_download: bool = _setting("Whether the database files may be downloaded", default=True)
    trace_debug: bool = _setting("Whether `_trace=1` shows the SQL of an answer", default=False)
    default_cache_ttl: int = _setting("Seconds that browsers and proxies may keep an answer", default=5)
    shared_cache_ttl: int = _setting(
        "Seconds that a CDN may keep an answer, if longer: only where each publish purges it", default=0
    )
    cache_size_kb: int = _setting("Kilobytes of page cache for each connection; 0 for SQLite's default", default=0)
    truncate_cells_html: int = _setting("Characters shown of a long value in a page; 0 for all", default=2048)
    force_https_urls: bool = _setting("Whether absolute URLs always begin with https://", default=False)
    base_url: str = _setting("The path under which the site is served", default="/")
    crossdb: bool = _setting("Whether SQL at /_memory may join across the first ten databases", default=False)
    public_url: str = _setting(
        "Scheme and host that canonical addresses and the sitemap begin with; those of the request if empty", default=""
    )
    crawlers: str = _setting(
        "What crawlers are let in to: pages (no filters, no bulk data), all or none",
        default="pages",
        choices=("pages", "all", "none"),
    )
    cors: bool = _setting("Whether scripts of other sites may read JSON and CSV", default=True)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Merge ``values`` over the defaults; raise ManifestError for a name or a type that is not known."""
        for name, value in values.items():
            setting = SETTINGS.get(name)
            if setting is None or type(value) is not setting.type or not setting.takes(value):
                raise ManifestError(f"setting {name!r} cannot be {value!r}: bake again with this version of baked-data")
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Setting:
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


SETTINGS: Final[Mapping[str, Setting]] = {
    f.name: Setting(f.name, default, type(default), f.metadata["help"], f.metadata["choices"])
    for f in fields(Settings)
    if isinstance(default := f.default, bool | int | str)
}
"""Every setting by name; one that is not here is refused when it is given."""
