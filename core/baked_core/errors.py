"""What can go wrong in the serving app.

::

    CoreError                     500
    ├── ManifestError             500  the Bundle cannot be served
    ├── NotFound                  404  no such database, table, row or page
    ├── BadRequest                400  an argument is wrong; the message names it
    │   ├── QueryError            400  SQLite refused the SQL
    │   │   └── OutOfMemory       400  it needs more memory than a query may have
    │   └── QueryTimeout          400  stopped at its time limit, as Datasette 1.0 answers it
    ├── Forbidden                 403  a write, or what the publisher switched off
    ├── MethodNotAllowed          405  a method other than GET
    ├── Gone                      499  the client left before its answer was there; nobody reads this
    └── Later
        ├── TooMany               429  one client asks for more than its share at a time
        └── Busy                  503  too much is under way to begin it now

    BrokenOff                          too late for a status: the beginning of the answer has gone out
"""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from msgspec import Struct, field

NO_SQL: Final = "SQL of your own is switched off here: use the filters of the table pages"
CLOSED: Final = "this site is not for everybody: send the token that you were given, as Authorization: Bearer TOKEN"
"""What somebody is told who may not see the pages that belong to no database."""


class Words(Struct, frozen=True):
    """What an error says, in English; pages may have the text in another language."""

    text: str
    """With a place for each of the values, if there are any."""
    values: Mapping[str, object] = field(default_factory=dict[str, object])
    near: str = ""
    """The known name that is nearest to the first of the values."""

    def __str__(self) -> str:
        said = self.text.format(**self.values) if self.values else self.text
        return f"{said}; did you mean {self.near!r}?" if self.near else said


class CoreError(Exception):
    """Any error of the serving app; ``status`` is its HTTP status."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, text: str = "", /, *, near: str = "", **values: object) -> None:
        self.words = Words(text, values, near)
        super().__init__(str(self.words))


class BrokenOff(Exception):
    """Rows could not all be sent, and the beginning has gone out already: the server breaks the connection.

    Not for the log: anybody can have it happen as often as they like.
    """


class ManifestError(CoreError):
    """The Bundle cannot be served: its Manifest is damaged, newer, or names a file that is not there."""


class NotFound(CoreError):
    """There is no such database, table, row or page."""

    status = 404
    title = "Not found"


class BadRequest(CoreError):
    """An argument of the request is wrong."""

    status = 400
    title = "Bad request"


class QueryError(BadRequest):
    """SQLite refused the SQL."""

    title = "Invalid SQL"


class OutOfMemory(QueryError):
    """SQLite, or what gathers its rows, needs more memory than a query may have."""

    title = "The query needs too much memory"


class QueryTimeout(BadRequest):
    """A query was stopped at its time limit."""

    title = "The query took too long"


class Forbidden(CoreError):
    """Reading is all that can be done here, or the publisher switched it off."""

    status = 403
    title = "Forbidden"


class MethodNotAllowed(CoreError):
    """Another method than GET was tried where nothing is done with it."""

    status = 405
    title = "Method not allowed"


class Later(CoreError):
    """It can be had, but not now."""

    def __init__(self, text: str, /, *, after: int = 5, near: str = "", **values: object) -> None:
        super().__init__(text, near=near, **values)
        self.after = after
        """Seconds after which it is worth to ask again."""


class TooMany(Later):
    """One client asks for more at a time than its share."""

    status = 429
    title = "Too many at a time"


class Busy(Later):
    """What was asked for cannot be begun now: too much is under way."""

    status = 503
    title = "Busy"


class Gone(CoreError):
    """The client left before its answer was there."""

    status = 499
    title = "Gone"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known name nearest to ``word``, or nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - only an error needs it

    return next(iter(get_close_matches(word, list(known), n=1)), "")
