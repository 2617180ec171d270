"""Args: the arguments of a URL, read strictly."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl

from msgspec import Struct

from baked_core.errors import BadRequest, nearest
from baked_core.values import BrokenText

MAX_ARGUMENTS = 1000

SHAPES: Final = ("objects", "arrays", "array", "arrayfirst", "object")
BIGINTS: Final = ("number", "string")
_CHOICES: Final[Mapping[str, Sequence[str]]] = {"_shape": SHAPES, "_bigint": BIGINTS}
_FLAGS: Final = frozenset(
    (
        *("_nl", "_json_infinity", "_header", "_dl", "_stream", "_trace", "_labels"),
        *("_nofacet", "_nosuggest", "_nocount"),
    )
)

Pairs = tuple[tuple[str, str], ...]


class Args(Struct, frozen=True):
    """The arguments of a URL, in order, repeated ones too."""

    pairs: Pairs = ()

    @classmethod
    def parse(cls, query: bytes) -> "Args":
        """Read a query string; raise BadRequest if it holds more than ``MAX_ARGUMENTS``."""
        if not query:
            return _NONE
        text, escape = query.decode("utf-8", "surrogateescape"), "surrogateescape"
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_ARGUMENTS, errors=escape)
        except ValueError as exc:
            raise BadRequest("a URL may hold {most} arguments at most", most=MAX_ARGUMENTS) from exc
        if b"%" in query or not query.isascii():
            pairs = [(_whole(name), _whole(value)) for name, value in pairs]
        return cls(tuple(pairs))

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of ``name``."""
        for key, value in self.pairs:  # a generator would take four times as long
            if key == name:
                return value
        return default

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of ``name``."""
        return tuple([value for key, value in self.pairs if key == name])

    def has(self, *names: str) -> bool:
        """Tell whether any of ``names`` is given."""
        return any(key in names for key, _ in self.pairs)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Read ``on``, ``true``, ``1`` or their opposites; raise BadRequest for anything else."""
        value = self.get(name, "on" if default else "off").lower()
        if value in {"on", "true", "1"}:
            return True
        if value in {"off", "false", "0"}:
            return False
        raise BadRequest("{name} cannot be {value!r}: it is on or off", name=name, value=value)

    def number(self, name: str) -> int | None:
        """Read a whole number that is not negative; raise BadRequest for anything else."""
        value = self.get(name)
        if not value:
            return None
        if not (value.isascii() and value.isdigit()) or len(value) > 9:  # noqa: PLR2004 - far beyond any use
            raise BadRequest("{name} cannot be {value!r}: it is a whole number", name=name, value=value)
        return int(value)

    def without(self, *names: str) -> Pairs:
        """Return all but these arguments."""
        return tuple([pair for pair in self.pairs if pair[0] not in names])

    def check_values(self) -> None:
        """Raise BadRequest for a word that an argument of any format cannot be, also where it would mean nothing."""
        for name, value in self.pairs:
            if name in _FLAGS:
                self.flag(name)
            elif name in _CHOICES and value not in _CHOICES[name]:
                known = _CHOICES[name]
                raise BadRequest(
                    "{name} cannot be {value!r}; it is one of {known}",
                    name=name,
                    value=value,
                    known=", ".join(known),
                    near=nearest(value, known),
                )

    def check(self, known: Iterable[str]) -> None:
        """Raise BadRequest for an argument that is not among ``known``."""
        known = frozenset(known)
        for name, _ in self.pairs:
            if name not in known:
                raise BadRequest("there is no argument {name!r} here", name=name, near=nearest(name, known))


def _whole(text: str) -> str:
    """Return ``text``, as BrokenText if its bytes are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return BrokenText(text.encode("utf-8", "surrogateescape"))
    return text


_NONE = Args()

FORMAT_ARGUMENTS = frozenset(
    (
        *("_shape", "_nl", "_json", "_json_infinity", "_bigint", "_extra", "_header", "_dl", "_ttl", "_timelimit"),
        *("_trace", "_blob_column"),
    )
)
"""Arguments that any data page understands."""
