"""What a view is asked: the names in the path, the arguments, and all that the running app holds."""

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from baked_core.args import Args
from baked_core.bundle import Baked
from baked_core.database import Database
from baked_core.errors import NotFound, nearest
from baked_core.facets import Facet
from baked_core.plugins import Plugins
from baked_core.settings import Settings
from baked_core.urls import Urls

Suggestions = dict[tuple[str, str, int], list[Facet]]


class Serving(Struct, frozen=True):
    """What lives as long as the app: the Bundle, its settings, its databases and its plugins."""

    baked: Baked
    settings: Settings
    databases: Mapping[str, Database]
    plugins: Plugins | None = None
    origins: str = ""
    """Other hosts whose styles and scripts the publisher's pages load."""
    suggestions: dict[tuple[str, str, int], list[Facet]] = field(
        default_factory=dict[tuple[str, str, int], list[Facet]]
    )
    """The facets that were found worth a look, by database, table and number of values: looked for once."""

    def database(self, name: str) -> Database:
        """Return the database called ``name``; raise NotFound."""
        found = self.databases.get(name)
        if found is None:
            raise NotFound(f"there is no database {name!r}{nearest(name, self.databases)}")
        return found


class Request(Struct, frozen=True):
    """One question to one view."""

    serving: Serving
    urls: Urls
    names: tuple[str, ...]
    """The decoded names in the path: database, table; a row's key stays as it is in the path."""
    format: str
    """``html``, ``json``, ``csv`` or ``blob``."""
    args: Args
    query: bytes = b""
    """The query string as it came."""
    path: str = ""
    """The path as it came, root path included."""
    headers: Sequence[tuple[bytes, bytes]] = ()
    """The headers as they came, names in lower case."""

    @property
    def limit_ms(self) -> int | None:
        """The time limit that the URL asks for."""
        return self.args.number("_timelimit")
