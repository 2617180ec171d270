"""The Ledger: what is live under one name, what was, and which previews are kept; written by the keeper only."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final, Self

from baked_publish.errors import StorageError
from baked_publish.keeper.files import JSON, read_json, write_json

FORMAT: Final = 1
FILE_NAME: Final = "state.json"
LOCALHOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Address:
    """Where visitors come: the host that was asked for, and a port; None for any free one."""

    host: str = LOCALHOST
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Promotion:
    """When a deployment went live last, and which one it replaced."""

    at: str
    """UTC, ISO 8601."""
    previous: str | None


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that the keeper of one name must not forget."""

    name: str
    asked: Address = Address()
    """As the options said when the live deployment was promoted."""
    bound: Address = Address()
    """The stable address; its port is None before the first promotion."""
    live: str | None = None
    promoted: Mapping[str, Promotion] = field(default_factory=dict[str, Promotion])
    previews: tuple[str, ...] = ()
    private: Mapping[str, int] = field(default_factory=dict[str, int])
    """The port of each deployment's own address on 127.0.0.1."""

    @property
    def url(self) -> str:
        """The stable URL; an address that means all of them is shown as this machine."""
        return url_of(self.bound)

    def promote(self, revision: str, at: str, asked: Address, bound: Address) -> Self:
        """Return the Ledger in which ``revision`` is live."""
        if revision == self.live:
            return replace(self, asked=asked, bound=bound)
        return replace(
            self,
            asked=asked,
            bound=bound,
            live=revision,
            promoted={**self.promoted, revision: Promotion(at, self.live)},
            previews=tuple(each for each in self.previews if each != revision),
        )

    def keep(self, revision: str) -> Self:
        """Return the Ledger in which ``revision`` is a preview."""
        return replace(self, previews=(*(each for each in self.previews if each != revision), revision))

    def place(self, revision: str, port: int) -> Self:
        """Return the Ledger in which ``revision`` has its private address at ``port``."""
        return replace(self, private={**self.private, revision: port})

    def forget(self, revision: str) -> Self:
        """Return the Ledger that knows nothing of ``revision``."""
        return replace(
            self,
            promoted={each: value for each, value in self.promoted.items() if each != revision},
            previews=tuple(each for each in self.previews if each != revision),
            private={each: port for each, port in self.private.items() if each != revision},
        )

    def write(self, folder: Path) -> None:
        """Replace the state file in ``folder`` at once."""
        write_json(folder / FILE_NAME, {"format": FORMAT, **asdict(self)})

    @classmethod
    def read(cls, folder: Path, name: str) -> Self:
        """Read the Ledger of ``name``, empty if there is none; raise StorageError if it is newer or damaged."""
        path = folder / FILE_NAME
        raw = read_json(path)
        if raw is None:
            return cls(name)
        try:
            _check(path, raw, name)
            return cls(
                name=raw["name"],
                asked=Address(**raw["asked"]),
                bound=Address(**raw["bound"]),
                live=raw["live"],
                promoted={each: Promotion(**value) for each, value in raw["promoted"].items()},
                previews=tuple(raw["previews"]),
                private=raw["private"],
            )
        except (KeyError, TypeError, AttributeError) as exc:
            raise StorageError(f"{str(path)!r} is damaged ({exc!r}): unpublish and publish again") from exc


def url_of(address: Address) -> str:
    """Return the URL of ``address``."""
    host = {"0.0.0.0": LOCALHOST, "::": "::1", "": LOCALHOST}.get(address.host, address.host)  # noqa: S104 - shown, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{address.port}"


def _check(path: Path, raw: JSON, name: str) -> None:
    if raw["format"] != FORMAT:
        raise StorageError(
            f"{str(path)!r} has format {raw['format']!r}, this version of baked-data reads format {FORMAT}: "
            "install the version that wrote it, or set BAKED_STATE_HOME to another folder"
        )
    if raw["name"] != name:
        raise StorageError(f"{str(path)!r} belongs to {raw['name']!r}, not to {name!r}: choose another name")
