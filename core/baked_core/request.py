"""What a view is asked: the names in the path, the arguments, and all that the running app holds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from baked_core.bundle import Baked
from baked_core.database import Database
from baked_core.errors import BadRequest, NotFound, nearest
from baked_core.plugins import Plugins
from baked_core.settings import Settings
from baked_core.urls import Urls

MAX_ARGUMENTS = 1000

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Serving:
    """What lives as long as the app: the Bundle, its settings, its databases and its plugins."""

    baked: Baked
    settings: Settings
    databases: Mapping[str, Database]
    plugins: Plugins | None = None

    def database(self, name: str) -> Database:
        """Return the database called ``name``; raise NotFound."""
        found = self.databases.get(name)
        if found is None:
            raise NotFound(f"there is no database {name!r}{nearest(name, self.databases)}")
        return found


@dataclass(frozen=True, slots=True)
class Args:
    """The arguments of a URL, in order, repeated ones too."""

    pairs: Pairs = ()

    @classmethod
    def parse(cls, query: bytes) -> "Args":
        """Read a query string; raise BadRequest if it holds more than ``MAX_ARGUMENTS``."""
        if not query:
            return _NONE
        try:
            pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_ARGUMENTS)
        except ValueError as exc:
            raise BadRequest(f"a URL may hold {MAX_ARGUMENTS} arguments at most") from exc
        return cls(tuple(pairs))

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of ``name``."""
        return next((value for key, value in self.pairs if key == name), default)

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of ``name``."""
        return tuple(value for key, value in self.pairs if key == name)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Read ``on``, ``true``, ``1`` or their opposites; raise BadRequest for anything else."""
        value = self.get(name, "on" if default else "off").lower()
        if value in {"on", "true", "1"}:
            return True
        if value in {"off", "false", "0"}:
            return False
        raise BadRequest(f"{name} cannot be {value!r}: it is on or off")

    def number(self, name: str) -> int | None:
        """Read a whole number that is not negative; raise BadRequest for anything else."""
        value = self.get(name)
        if not value:
            return None
        if not (value.isascii() and value.isdigit()) or len(value) > 9:  # noqa: PLR2004 - far beyond any use
            raise BadRequest(f"{name} cannot be {value!r}: it is a whole number")
        return int(value)

    def without(self, *names: str) -> Pairs:
        """Return all but these arguments."""
        return tuple(pair for pair in self.pairs if pair[0] not in names)

    def check(self, known: Iterable[str]) -> None:
        """Raise BadRequest for an argument that is not among ``known``."""
        known = frozenset(known)
        for name, _ in self.pairs:
            if name not in known:
                raise BadRequest(f"there is no argument {name!r} here{nearest(name, known)}")


_NONE = Args()

FORMAT_ARGUMENTS = frozenset(("_shape", "_nl", "_extra", "_header", "_dl", "_ttl", "_timelimit"))
"""Arguments that any data page understands."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to one view."""

    serving: Serving
    urls: Urls
    names: tuple[str, ...]
    """The decoded names in the path: database, table; a row's key stays as it is in the path."""
    format: str
    """``html``, ``json`` or ``csv``."""
    args: Args
    query: bytes = b""
    """The query string as it came."""

    @property
    def limit_ms(self) -> int | None:
        """The time limit that the URL asks for."""
        return self.args.number("_timelimit")
