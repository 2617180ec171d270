"""Settings: names, defaults and help of everything a publisher may set, written once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

from baked_core.errors import ManifestError


def _setting(default: bool | int | str, help: str) -> Any:  # noqa: A002, FBT001 - click's word; the value is the default
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The values that one running app goes by."""

    default_page_size: int = _setting(100, "Rows on a table page")
    max_returned_rows: int = _setting(1000, "The most rows that one answer holds, but for streamed CSV")
    num_sql_threads: int = _setting(3, "Threads that run SQL at the same time")
    sql_time_limit_ms: int = _setting(1000, "Milliseconds after which a query is stopped")
    default_allow_sql: bool = _setting(True, "Whether visitors may write SQL of their own")
    allow_csv_stream: bool = _setting(True, "Whether all rows of a table may be streamed as CSV")
    max_csv_mb: int = _setting(100, "Megabytes after which streamed CSV is broken off; 0 for no limit")
    default_cache_ttl: int = _setting(5, "Seconds that browsers and proxies may keep an answer")
    cache_size_kb: int = _setting(0, "Kilobytes of SQLite's page cache for each connection; 0 for its default")
    truncate_cells_html: int = _setting(2048, "Characters shown of a long value in a page; 0 for all")
    force_https_urls: bool = _setting(False, "Whether absolute URLs begin with https:// whatever the request says")
    base_url: str = _setting("/", "The path under which the site is served")
    cors: bool = _setting(True, "Whether other sites' scripts may read JSON and CSV")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Merge ``values`` over the defaults; raise ManifestError for a name or a type that is not known."""
        for name, value in values.items():
            setting = SETTINGS.get(name)
            if setting is None or type(value) is not setting.type:
                raise ManifestError(f"setting {name!r} cannot be {value!r}: bake again with this version of baked-data")
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table of settings."""

    name: str
    default: bool | int | str
    type: type[bool] | type[int] | type[str]
    help: str


SETTINGS: Final[Mapping[str, Setting]] = {
    f.name: Setting(f.name, f.default, type(f.default), f.metadata["help"]) for f in fields(Settings)
}
"""Every setting by name; one that is not here is refused when it is given."""
