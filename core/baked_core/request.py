"""What a view is asked: the names in the path, the arguments, and all that the running app holds."""

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from baked_core.args import Args
from baked_core.bundle import Baked
from baked_core.canned import Canned, find
from baked_core.database import Database
from baked_core.errors import NotFound, nearest
from baked_core.manifest import Column
from baked_core.permissions.allow import Actor
from baked_core.permissions.sight import Sight
from baked_core.plugins import Plugins
from baked_core.settings import Settings
from baked_core.strangers.choose import Strangers
from baked_core.urls import Urls

Figured = dict[tuple[str, str], Sequence[Column]]


class Serving(Struct, frozen=True):
    """What lives as long as the app: the Bundle, its settings, its databases and its plugins."""

    baked: Baked
    settings: Settings
    databases: Mapping[str, Database]
    strangers: Strangers
    plugins: Plugins | None = None
    origins: str = ""
    """Other hosts whose styles and scripts the publisher's pages load."""
    figured: Figured = field(default_factory=Figured)
    """Columns with their figures, by database and name, of what the bake does not look at (views): looked at once."""
    sight: Sight | None = None
    """What the reader may see, where not everybody may see everything; all of the above holds no more than that."""
    anonymous: Sight | None = None
    """What somebody sees who is not known."""
    whole: "Serving | None" = None
    """All that there is, for queries that the publisher opened; nothing else may look at it."""

    def database(self, name: str) -> Database:
        """Return the database called ``name``; raise NotFound."""
        found = self.databases.get(name)
        if found is None:
            raise NotFound("there is no database {name!r}", name=name, near=nearest(name, self.databases))
        return found

    def own_page(self, name: str) -> Database:
        """Return the database called ``name`` if its own page may be seen, not only something in it; raise NotFound."""
        if self.sight is not None and name in self.databases and name not in self.sight.databases:
            raise NotFound(
                "there is no database {name!r}", name=name, near=nearest(name, self.baked.manifest.databases)
            )
        return self.database(name)

    def allows_sql(self, name: str) -> bool:
        """Tell whether the reader may write SQL for the database called ``name``."""
        return self.settings.default_allow_sql if self.sight is None else name in self.sight.sql

    @property
    def closed(self) -> bool:
        """Whether the reader may see none of the pages that belong to no database."""
        return self.sight is not None and not self.sight.instance

    def is_private(self, database: str, name: str = "") -> bool:
        """Tell whether a database, or something in it, can be seen here and not by everybody."""
        if self.anonymous is None:
            return False
        if not name:
            return database not in self.anonymous.databases
        each = (database, name)
        return each not in self.anonymous.relations and each not in self.anonymous.queries

    def opened(self, database: Database, query: Canned) -> tuple[Database, Canned] | None:
        """Return a query that shows more than the reader may see otherwise, and the database with all it reads."""
        if self.sight is None or self.whole is None or (database.name, query.name) not in self.sight.opened:
            return None
        found = find(self.whole.baked.manifest.metadata, database.name, query.name)
        return None if found is None else (self.whole.databases[database.name], found)


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
    actor: Actor | None = None
    """Who asks, if a token or a plugin tells it."""

    @property
    def limit_ms(self) -> int | None:
        """The time limit that the URL asks for."""
        return self.args.number("_timelimit")
